import { type CaptureLevel, createSonde, type DeviceChoice } from '../../src/index.ts';
import { duel } from './page-decode.ts';
import { peakMemory, runTimes, switchTimes } from './page-plans.ts';

/** Opens the model once, so that the rounds of a comparison share one session and one warm cache. */
export async function open(device: DeviceChoice): Promise<(capture: CaptureLevel) => Promise<number>> {
  const sonde = createSonde({ device });
  const model = await sonde.load('/models/shakespeare-gpt');
  return async (capture) => {
    const generation = model.generate('To be, or not to be: that is the', { maxNewTokens: 32, capture });
    const times: number[] = [];
    for await (const step of generation) times.push(step.elapsed);
    if ((await generation.end).capture !== undefined) await (await generation.capture).dispose();
    // The first token carries the prompt, so the rate is that of the others.
    return ((times.length - 1) * 1000) / ((times.at(-1) ?? 0) - (times[0] ?? 0));
  };
}

declare global {
  interface Window {
    openBench: typeof open;
    round: Awaited<ReturnType<typeof open>>;
    runTimes: typeof runTimes;
    switchTimes: typeof switchTimes;
    peakMemory: typeof peakMemory;
    duel: typeof duel;
  }
}
Object.assign(window, { openBench: open, duel, peakMemory, runTimes, switchTimes });
