import type { VariantFidelity } from '../protocol/fidelity.ts';
import type { HookError } from '../shared/hook.ts';

/** The worst hook of each variant in one layer; absent where a variant has no hook there. */
export interface FidelityLayer {
  /** `embed`, a block's number, `out`; with the stack before it where there are two. */
  readonly label: string;
  readonly worst: readonly (HookError | undefined)[];
}

/** Which row of the table a hook belongs to. */
export function layerOf(hook: string): string {
  const [, stack = '', rest = ''] = /^((?:encoder|decoder)\.)?(.*)$/.exec(hook) ?? [];
  const block = /^blocks\.(\d+)\./.exec(rest)?.[1];
  const place = block ?? (/^(hook_|embed)/.test(rest) ? 'embed' : 'out');
  return stack === '' ? place : `${stack.slice(0, -1)} ${place}`;
}

/** Layers in the order of the graph, each with the largest error of every variant, in their order. */
export function fidelityLayers(variants: readonly VariantFidelity[]): readonly FidelityLayer[] {
  const layers = new Map<string, (HookError | undefined)[]>();
  for (const [at, { result }] of variants.entries()) {
    if (result.kind === 'refused') continue;
    for (const found of result.hooks) {
      const label = layerOf(found.hook);
      const worst = layers.get(label) ?? variants.map(() => undefined);
      layers.set(label, worst);
      if (found.error >= (worst[at]?.error ?? 0)) worst[at] = found;
    }
  }
  return [...layers].map(([label, worst]) => ({ label, worst }));
}
