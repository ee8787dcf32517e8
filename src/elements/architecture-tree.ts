import type { Hook } from '../shared/hook.ts';

/** A part of a model with what can be seen of it: a stack, a block, an attention, or one hook. */
export interface TreePart {
  /** Unique in the tree: the start of the names of everything in it. */
  readonly path: string;
  readonly label: string;
  /** Absent for a part that is more than one hook. */
  readonly hook?: Hook;
  readonly parts: readonly TreePart[];
}

/** What parts are called by people. */
const words: Readonly<Record<string, string>> = {
  embed: 'embedding',
  ln1: 'norm 1 (ln1)',
  attn: 'attention',
  ln_cross: 'cross norm (ln_cross)',
  cross_attn: 'cross attention',
  ln2: 'norm 2 (ln2)',
  mlp: 'MLP',
  ln_final: 'final norm',
  unembed: 'unembedding',
};

interface Growing {
  readonly path: string;
  readonly name: string;
  readonly parts: Map<string, Growing>;
  hook?: Hook;
}

const grown = (path: string, name: string): Growing => ({ path, name, parts: new Map() });

/** Names fall apart at their dots: `blocks.0.attn.hook_q` is hook_q of attn of block 0. Order stays that of the graph. */
export function architectureTree(hooks: readonly Hook[]): readonly TreePart[] {
  const root = grown('', '');
  for (const hook of hooks) {
    let at = root;
    const names = segments(hook.name);
    for (const name of names) {
      const path = at.path === '' ? name : `${at.path}.${name}`;
      const part = at.parts.get(name) ?? grown(path, name);
      at.parts.set(name, part);
      at = part;
    }
    at.hook = hook;
  }
  return [...root.parts.values()].map((part) => finished(part, ''));
}

const embeddings = /^hook_(pos_|full_)?embed$/;

/** Hooks that stand alone at the top belong to what they are of: the embeddings, the output. */
function segments(name: string): readonly string[] {
  const parts = name.split('.');
  const last = parts.at(-1) ?? name;
  const isTop = !parts.includes('blocks') && parts.length <= 2;
  if (isTop && embeddings.test(last)) return [...parts.slice(0, -1), 'embed', last];
  if (name === 'logits' || last === 'last_hidden_state') return [...parts.slice(0, -1), 'output', last];
  return parts;
}

function finished({ path, name, parts, hook }: Growing, parent: string): TreePart {
  const label = parent === 'blocks' ? `block ${name}` : (words[name] ?? name);
  const inner = [...parts.values()].map((part) => finished(part, name));
  return { path, label, parts: inner, ...(hook === undefined ? {} : { hook }) };
}

/** Every hook of a part. */
export const hooksOf = ({ hook, parts }: TreePart): readonly Hook[] => [
  ...(hook === undefined ? [] : [hook]),
  ...parts.flatMap(hooksOf),
];

/** One line of the tree as it is open now. */
export interface TreeRow {
  readonly part: TreePart;
  /** 1 at the top. */
  readonly level: number;
  readonly position: number;
  readonly siblings: number;
  readonly parent?: TreePart;
}

export function visibleRows(
  parts: readonly TreePart[],
  open: ReadonlySet<string>,
  level = 1,
  parent?: TreePart,
): readonly TreeRow[] {
  return parts.flatMap((part, at) => [
    { part, level, position: at + 1, siblings: parts.length, ...(parent === undefined ? {} : { parent }) },
    ...(open.has(part.path) ? visibleRows(part.parts, open, level + 1, part) : []),
  ]);
}

/** Stacks, and the first block of the first: enough to see how the model is built. */
export function openAtFirst(parts: readonly TreePart[]): ReadonlySet<string> {
  const stacks = parts.filter(({ parts: inner }) => inner.some(({ label }) => label === 'blocks'));
  const blocks = [...parts, ...stacks.flatMap((stack) => stack.parts)].find(
    ({ label }) => label === 'blocks',
  );
  const [block] = blocks?.parts ?? [];
  return new Set([
    ...stacks.map(({ path }) => path),
    ...(blocks === undefined ? [] : [blocks.path]),
    ...(block === undefined ? [] : [block.path]),
  ]);
}
