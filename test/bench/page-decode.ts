import { createSonde, type GenerateOptions, type GpuWork } from '../../src/index.ts';
import { asker } from './ask.ts';
import { askTotals, between, type GpuTotals } from './counted.ts';

const prompt = 'To be, or not to be: that is the';

const sampled = { temperature: 0.8, topK: 50, topP: 0.95, seed: 1 };
const sampledThere = { do_sample: true, temperature: 0.8, top_k: 50, top_p: 0.95 };

export interface Contest {
  /** Folder below /models/. */
  readonly model: string;
  readonly device: 'wasm' | 'webgpu';
  readonly rounds: number;
  /** Made in each round; the first carries the prompt and does not count. */
  readonly tokens: number;
}

/** What is compared: plain transformers.js, and Sonde at its levels. */
const contestants = {
  'transformers.js, greedy': { do_sample: false },
  'transformers.js, greedy, text streamed': { do_sample: false },
  'Sonde, greedy': {},
  'transformers.js, sampled': sampledThere,
  'Sonde, sampled': sampled,
  'Sonde, greedy, summary': { capture: 'summary' },
  'Sonde, greedy, all attention': { capture: ['blocks.*.attn.hook_pattern'] },
} as const;

export type Contestant = keyof typeof contestants;

/** All that the worker asked of its GPU, and what of it Sonde asked beside the runtime. */
interface Work {
  readonly all: GpuTotals;
  readonly own?: GpuWork;
}

export interface Duel {
  /** Tokens per second of each round. */
  readonly rates: Readonly<Record<Contestant, readonly number[]>>;
  readonly threads: number;
  /** Work on the GPU over the last round, by contestant. */
  readonly gpu: Readonly<Partial<Record<Contestant, Work>>>;
}

const rateOf = (times: readonly number[]): number =>
  ((times.length - 1) * 1000) / ((times.at(-1) ?? 0) - (times[0] ?? 0));

/** Both in a worker, over the same files, taking turns, so that a slow minute hurts all alike. */
export async function duel({ model: folder, device, rounds, tokens }: Contest): Promise<Duel> {
  const isOnGpu = device === 'webgpu';
  const metered = (): Worker =>
    new Worker(new URL('./counted-inspector.ts', import.meta.url), { type: 'module', name: 'Sonde' });
  const sonde = createSonde({ device, ...(isOnGpu ? { worker: metered } : {}) });
  const model = await sonde.load(`/models/${folder}`);
  const { threads } = model.device;
  const { ask, close } = asker();
  await ask({ kind: 'open', folder, device, threads });

  const names = Object.keys(contestants) as Contestant[];
  const rates = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<
    Contestant,
    number[]
  >;
  const gpu: Partial<Record<Contestant, Work>> = {};
  const round = async (name: Contestant): Promise<{ readonly rate: number; readonly own?: GpuWork }> => {
    if (name.startsWith('transformers.js')) {
      const options = { ...contestants[name], max_new_tokens: tokens, eos_token_id: -1 };
      const isStreamed = name.endsWith('streamed');
      return { rate: rateOf(await ask({ kind: 'round', prompt, options, isStreamed })) };
    }
    const options = contestants[name] as GenerateOptions;
    const generation = model.generate(prompt, { ...options, maxNewTokens: tokens });
    const times: number[] = [];
    for await (const _step of generation) times.push(performance.now());
    const { capture, gpu: own } = await generation.end;
    if (capture !== undefined) await (await generation.capture).dispose();
    return { rate: rateOf(times), ...(own === undefined ? {} : { own }) };
  };
  const totals = async (name: Contestant): Promise<GpuTotals | undefined> =>
    isOnGpu ? await askTotals(name.split(',')[0] ?? '') : undefined;
  for (let at = 0; at <= rounds; at++)
    for (const name of names) {
      const before = await totals(name);
      const { rate, own } = await round(name);
      const after = await totals(name);
      // The first round compiles pipelines and creates sessions.
      if (at === 0) continue;
      rates[name].push(rate);
      if (before !== undefined && after !== undefined)
        gpu[name] = { all: between(before, after), ...(own === undefined ? {} : { own }) };
    }
  close();
  await sonde.dispose();
  return { rates, threads, gpu };
}
