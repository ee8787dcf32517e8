import { SondeError } from '../shared/errors.ts';
import type { Hook } from '../shared/hook.ts';

/** Edits needed to turn one name into another: one substitution, insertion or deletion costs 1. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}

/** The names most like one that does not exist. */
export function nearest(name: string, names: readonly string[], count = 3): string[] {
  return names
    .map((each) => ({ each, far: distance(name, each) }))
    .sort((a, b) => a.far - b.far)
    .slice(0, count)
    .map(({ each }) => each);
}

/** `*` stands for any characters within one part of a name, `**` for any characters at all. */
export function glob(pattern: string): RegExp {
  const source = pattern
    .split('**')
    .map((part) => part.split('*').map(literal).join('[^.]*'))
    .join('.*');
  return new RegExp(`^${source}$`);
}

const literal = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

export function unknownHook(name: string, names: readonly string[]): SondeError {
  const near = nearest(name, names);
  if (near.length === 0)
    return new SondeError(
      'hook_unknown',
      `No hook of this model matches ${name}: it has no attention that Sonde recognises.`,
      'Take any tensor of the graph as raw:<tensor>; raw:** takes all of them.',
    );
  const remedy = `Did you mean ${near.join(' or ')}? All hooks: \`sonde inspect\` or model.hooks.`;
  return new SondeError('hook_unknown', `No hook of this model matches ${name}.`, remedy);
}

export function unavailableHook(hook: Hook, hooks: readonly Hook[]): SondeError {
  const reason = hook.source.kind === 'unavailable' ? hook.source.reason : '';
  const names = hooks.filter((each) => each.source.kind !== 'unavailable').map((each) => each.name);
  return new SondeError(
    'hook_unavailable',
    `${hook.name} is not available in this model: ${reason}.`,
    `Nearest hooks that are: ${nearest(hook.name, names).join(', ') || 'none'}.`,
  );
}

/** Patterns to exact names in graph order, raw tensors last. `tensors` are the hooks that begin with `raw:`. */
export function resolveHooks(
  patterns: readonly string[],
  named: readonly Hook[],
  tensors: () => readonly Hook[],
): readonly string[] {
  const wanted = new Set<string>();
  const raw = patterns.some((pattern) => pattern.startsWith('raw:')) ? tensors() : [];
  for (const pattern of patterns) {
    const hooks = pattern.startsWith('raw:') ? raw : named;
    // Tensor names hold stars of their own, so an exact name is tried first.
    const exact = hooks.find((hook) => hook.name === pattern);
    const matches = exact === undefined ? hooks.filter(({ name }) => glob(pattern).test(name)) : [exact];
    const [first] = matches;
    if (first === undefined) {
      const names = hooks.map((hook) => hook.name);
      throw unknownHook(pattern, names);
    }
    const available = matches.filter((hook) => hook.source.kind !== 'unavailable');
    if (available.length === 0) throw unavailableHook(first, hooks);
    for (const hook of available) wanted.add(hook.name);
  }
  const order = new Map([...named, ...raw].map(({ name }, at) => [name, at]));
  return [...wanted].sort((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0));
}
