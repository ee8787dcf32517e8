import type { Hook } from '../index.ts';

/** One run of blocks (the whole model, or its encoder, its decoder), and which attention of it is drawn. */
export interface Stack {
  /** As the page calls it. */
  readonly name: string;
  /** What its hooks' names begin with: '' where the model has one stack. */
  readonly prefix: string;
  readonly layers: number;
  /** The keys of `cross_attn` are the encoder's positions. */
  readonly attention: 'attn' | 'cross_attn';
}

/** Each run of blocks with its own attention, then those that read an encoder with that. */
export function stacksOf(hooks: readonly Hook[]): readonly Stack[] {
  const layers = new Map<string, number>();
  const crossed = new Set<string>();
  for (const { name } of hooks) {
    const [, prefix, layer, part] = /^(.*?)blocks\.(\d+)\.(\w+)/.exec(name) ?? [];
    if (prefix === undefined) continue;
    layers.set(prefix, Math.max(layers.get(prefix) ?? 0, Number(layer) + 1));
    if (part === 'cross_attn') crossed.add(prefix);
  }
  const stacks = [...layers].map(([prefix, count]) => ({ prefix, layers: count }));
  return [
    ...stacks.map(
      (stack): Stack => ({
        ...stack,
        name: stack.prefix.replace(/\.$/, '') || 'whole model',
        attention: 'attn',
      }),
    ),
    ...stacks
      .filter(({ prefix }) => crossed.has(prefix))
      .map((stack): Stack => ({ ...stack, name: 'cross-attention', attention: 'cross_attn' })),
  ];
}

export const patternHook = ({ prefix, attention }: Stack, layer: number): string =>
  `${prefix}blocks.${layer}.${attention}.hook_pattern`;

const drawn = /^hook_(resid_pre|resid_mid|resid_mid_cross|resid_post|attn_out|cross_attn_out|mlp_out)$/;

/** The hooks of a stack that the page draws, as far as the model can give them. */
export const hooksToDraw = (hooks: readonly Hook[], { prefix, attention }: Stack): readonly string[] =>
  hooks.flatMap(({ name, source }) => {
    if (source.kind === 'unavailable' || !name.startsWith(`${prefix}blocks.`)) return [];
    const [layer, ...rest] = name.slice(`${prefix}blocks.`.length).split('.');
    const hook = rest.join('.');
    if (hook === `${attention}.hook_pattern`) return [name];
    return drawn.test(hook) && (hook !== 'hook_resid_pre' || layer === '0') ? [name] : [];
  });

/** The reason that the page gives for a hook that it cannot draw. */
export function whyNot(hooks: readonly Hook[], name: string): string {
  const source = hooks.find((hook) => hook.name === name)?.source;
  return source?.kind === 'unavailable' ? source.reason : 'it was not captured';
}
