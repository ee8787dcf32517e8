import type { Hook } from '../index.ts';

/** One run of blocks: the whole model, or its encoder, its decoder. */
export interface Stack {
  /** What its hooks' names begin with: '' where the model has one stack. */
  readonly prefix: string;
  readonly layers: number;
}

export function stacksOf(hooks: readonly Hook[]): readonly Stack[] {
  const layers = new Map<string, number>();
  for (const { name } of hooks) {
    const [, prefix, layer] = /^(.*?)blocks\.(\d+)\./.exec(name) ?? [];
    if (prefix !== undefined) layers.set(prefix, Math.max(layers.get(prefix) ?? 0, Number(layer) + 1));
  }
  return [...layers].map(([prefix, count]) => ({ prefix, layers: count }));
}

const drawn =
  /^(attn\.hook_pattern|hook_resid_pre|hook_resid_mid|hook_resid_post|hook_attn_out|hook_mlp_out)$/;

/** The hooks of a stack that the page draws, as far as the model can give them. */
export const hooksToDraw = (hooks: readonly Hook[], { prefix }: Stack): readonly string[] =>
  hooks.flatMap(({ name, source }) => {
    if (source.kind === 'unavailable' || !name.startsWith(`${prefix}blocks.`)) return [];
    const [layer, ...rest] = name.slice(`${prefix}blocks.`.length).split('.');
    const hook = rest.join('.');
    return drawn.test(hook) && (hook !== 'hook_resid_pre' || layer === '0') ? [name] : [];
  });

/** The reason that the page gives for a hook that it cannot draw. */
export function whyNot(hooks: readonly Hook[], name: string): string {
  const source = hooks.find((hook) => hook.name === name)?.source;
  return source?.kind === 'unavailable' ? source.reason : 'it was not captured';
}
