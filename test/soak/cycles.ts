import { type CaptureLevel, createSonde } from '../../src/index.ts';
import { askHoldings, type Holdings } from './holdings.ts';

export interface Cycle {
  /** While the model is open, and after it was disposed of. */
  readonly open: Holdings;
  readonly after: Holdings;
}

export const watchedWorker = (): Worker =>
  new Worker(new URL('./watched-inspector.ts', import.meta.url), { type: 'module' });

const levels: readonly CaptureLevel[] = ['off', 'summary', ['blocks.*.attn.hook_pattern']];

/** Opens a model, generates and disposes of it, time after time in one worker, at each level in turn. */
export async function cycles(
  device: 'webgpu' | 'wasm',
  folder: string,
  count: number,
  onCycle: (cycle: Cycle, at: number) => void = () => undefined,
): Promise<readonly Cycle[]> {
  const sonde = createSonde({ device, worker: watchedWorker });
  const all: Cycle[] = [];
  for (let at = 0; at < count; at++) {
    const model = await sonde.load(folder);
    const generation = model.generate('some words', { maxNewTokens: 3, capture: levels[at % 3] ?? 'off' });
    const { capture } = await generation.end;
    if (capture !== undefined) {
      const opened = await generation.capture;
      for (const hook of capture.hooks.slice(0, 1)) await opened.get(hook.name);
      await opened.dispose();
    }
    const open = await askHoldings();
    await model.dispose();
    const cycle = { open, after: await askHoldings() };
    all.push(cycle);
    onCycle(cycle, at);
  }
  await sonde.dispose();
  return all;
}

/** Of the line that fits best, in units a step. */
export function slopeOf(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  let along = 0;
  let squares = 0;
  for (const [at, value] of values.entries()) {
    along += (at - middle) * (value - mean);
    squares += (at - middle) ** 2;
  }
  return along / squares;
}
