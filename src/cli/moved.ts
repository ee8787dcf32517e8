import { compare } from '../prove/compare.ts';
import type { LoadedModel } from '../run/model.ts';
import type { Tensor } from '../shared/tensor.ts';
import type { Checked } from './check.ts';

/** How far the outputs may move when every hook is tapped: fusions that a tap splits sum in another order. */
export const movedLimit = 5e-4;

/** Captures hooks in a forward of its own, over the same inputs each time. */
type Look = (hooks: readonly string[]) => Promise<ReadonlyMap<string, Tensor>>;

/**
 * What a look inside does to what the model answers: its own outputs without other taps, beside those with the attention
 * patterns tapped (nothing may change) and with every hook tapped. Absolute.
 */
export async function checkMoved(
  parts: readonly { readonly model: LoadedModel }[],
  look: Look,
): Promise<readonly Checked[]> {
  const hooks = parts.flatMap(({ model: { instrumented } }) => {
    const own = new Set(instrumented.outputs.map(({ name }) => name));
    return instrumented.hooks
      .filter(({ source }) => source.kind !== 'unavailable')
      .map(({ name }) => ({ name, isOutput: own.has(name) }));
  });
  const outputs = hooks.filter(({ isOutput }) => isOutput).map(({ name }) => name);
  const patterns = hooks.map(({ name }) => name).filter((name) => name.endsWith('hook_pattern'));
  if (outputs.length === 0) return [];
  const plain = await look(outputs);
  const attention = await look([...outputs, ...patterns]);
  const all = await look(hooks.map(({ name }) => name));
  const moved = (tapped: ReadonlyMap<string, Tensor>, what: string, limit: number): Checked[] =>
    outputs.flatMap((name): Checked[] => {
      const [before, after] = [plain.get(name), tapped.get(name)];
      if (before === undefined || after === undefined) return [];
      const comparison = compare(before, after, 0);
      if (comparison.kind !== 'compared') return [{ name: `${name}, ${what}`, comparison }];
      const { difference } = comparison;
      const pass = difference <= limit;
      return [
        { name: `${name}, ${what}`, comparison: { kind: 'compared', difference, tolerance: limit, pass } },
      ];
    });
  return [
    ...moved(attention, 'moved by tapping attention', 0),
    ...moved(all, 'moved by tapping every hook', movedLimit),
  ];
}
