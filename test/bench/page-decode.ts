import { createSonde, type DeviceChoice, type GenerateOptions, type GpuWork } from '../../src/index.ts';
import type { Ask } from './transformers-worker.ts';

/** Tokens of each round after the first, which carries the prompt. */
const newTokens = 48;
const prompt = 'To be, or not to be: that is the';

const sampled = { temperature: 0.8, topK: 50, topP: 0.95, seed: 1 };
const sampledThere = { do_sample: true, temperature: 0.8, top_k: 50, top_p: 0.95 };

/** What is compared: plain transformers.js, and Sonde at its levels. */
const contestants = {
  'transformers.js, greedy': { do_sample: false },
  'Sonde, greedy': {},
  'transformers.js, sampled': sampledThere,
  'Sonde, sampled': sampled,
  'Sonde, greedy, summary': { capture: 'summary' },
  'Sonde, greedy, all attention': { capture: ['blocks.*.attn.hook_pattern'] },
} as const;

export type Contestant = keyof typeof contestants;

export interface Duel {
  /** Tokens per second of each round. */
  readonly rates: Readonly<Record<Contestant, readonly number[]>>;
  readonly threads: number;
  /** Sonde's own work on the GPU over one round, by contestant. */
  readonly gpu: Readonly<Partial<Record<Contestant, GpuWork>>>;
  readonly tokens: number;
}

const rateOf = (times: readonly number[]): number =>
  ((times.length - 1) * 1000) / ((times.at(-1) ?? 0) - (times[0] ?? 0));

/** Both in a worker, over the same files, taking turns, so that a slow minute hurts all alike. */
export async function duel(
  folder: string,
  device: DeviceChoice & ('wasm' | 'webgpu'),
  rounds: number,
): Promise<Duel> {
  const sonde = createSonde({ device });
  const model = await sonde.load(`/models/${folder}`);
  const { threads } = model.device;
  const worker = new Worker(new URL('./transformers-worker.ts', import.meta.url), { type: 'module' });
  const ask = (question: Ask): Promise<readonly number[]> =>
    new Promise((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<{ times?: readonly number[]; error?: string }>) =>
        data.times === undefined ? reject(new Error(data.error)) : resolve(data.times);
      worker.onerror = ({ message }) => reject(new Error(message));
      worker.postMessage(question);
    });
  await ask({ kind: 'open', folder, device, threads });

  const names = Object.keys(contestants) as Contestant[];
  const rates = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<
    Contestant,
    number[]
  >;
  const gpu: Partial<Record<Contestant, GpuWork>> = {};
  const round = async (name: Contestant): Promise<number> => {
    if (name.startsWith('transformers.js')) {
      const options = { ...contestants[name], max_new_tokens: newTokens, eos_token_id: -1 };
      return rateOf(await ask({ kind: 'round', prompt, options }));
    }
    const options = contestants[name] as GenerateOptions;
    const generation = model.generate(prompt, { ...options, maxNewTokens: newTokens });
    const times: number[] = [];
    for await (const _step of generation) times.push(performance.now());
    const end = await generation.end;
    if (end.gpu !== undefined) gpu[name] = end.gpu;
    if (end.capture !== undefined) await (await generation.capture).dispose();
    return rateOf(times);
  };
  for (let at = 0; at <= rounds; at++)
    for (const name of names) {
      const rate = await round(name);
      // The first round compiles pipelines and creates sessions.
      if (at > 0) rates[name].push(rate);
    }
  worker.terminate();
  await sonde.dispose();
  return { rates, threads, gpu, tokens: newTokens };
}
