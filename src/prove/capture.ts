import type { ModelInputs } from '../run/feeds.ts';
import { toFloatTensor } from '../run/float.ts';
import { forward, type LoadedModel } from '../run/model.ts';
import type { Hook } from '../shared/hook.ts';
import { elementCount, type FloatTensor } from '../shared/tensor.ts';
import { inGroups } from './groups.ts';

export const availableHooks = (hooks: readonly Hook[]): readonly Hook[] =>
  hooks.filter(({ source }) => source.kind !== 'unavailable');

/** Bytes of tapped values that are held at once. */
const mostBytes = 64 * 2 ** 20;

/** Names of hooks in graph order, in groups whose values fit into memory. Free sizes are guessed from the inputs. */
export function groupsOf(hooks: readonly Hook[], inputs: ModelInputs): readonly (readonly string[])[] {
  const [batch = 1, positions = 1] = Object.values(inputs)[0]?.dims ?? [];
  const bytesOf = ({ dims }: Hook): number =>
    4 *
    elementCount(
      dims.map((size, axis) => (typeof size === 'number' ? size : axis === 0 ? batch : positions)),
    );
  return inGroups(hooks, bytesOf, mostBytes).map((group) => group.map(({ name }) => name));
}

/**
 * One forward with these hooks tapped, in a session that is closed again.
 * @returns the model's own outputs that lie on the CPU
 * @throws SondeError `run_failed` | `device_lost` | `out_of_memory`
 */
export async function captureOnce(
  model: LoadedModel,
  inputs: ModelInputs,
  hooks: readonly string[],
  take: (hook: string, value: FloatTensor) => Promise<void> | void,
): Promise<ReadonlyMap<string, FloatTensor>> {
  const { capture, outputs } = await forward(model, inputs, hooks);
  const read = new Map<string, FloatTensor>();
  try {
    for (const hook of hooks) await take(hook, await capture.read(hook));
    for (const [name, tensor] of Object.entries(outputs))
      if (tensor.location !== 'gpu-buffer') read.set(name, toFloatTensor(tensor));
  } finally {
    for (const tensor of Object.values(outputs)) if (!capture.holds(tensor)) tensor.dispose();
    capture.dispose();
    await model.sessions.close({ taps: hooks, edits: [] });
  }
  return read;
}
