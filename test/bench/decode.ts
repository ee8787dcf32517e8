import type { Page } from 'playwright';
import type { Contestant, Duel } from './page-decode.ts';
import { table } from './table.ts';

/** What each of Sonde's is held against, and what the ratio should be. */
const against: Readonly<Partial<Record<Contestant, readonly (readonly [Contestant, number])[]>>> = {
  'Sonde, greedy': [['transformers.js, greedy', 1]],
  'Sonde, sampled': [['transformers.js, sampled', 1.1]],
  'Sonde, greedy, summary': [
    ['transformers.js, greedy', 1],
    ['Sonde, greedy', 0.97],
  ],
  'Sonde, greedy, all attention': [['Sonde, greedy', 0.7]],
};

interface Contest {
  /** Folder below /models/. */
  readonly model: string;
  readonly device: 'wasm' | 'webgpu';
  readonly rounds: number;
}

/** SwiftShader needs a second a token for a vocabulary of 50,257: it stays on WASM. */
const contests: readonly Contest[] = [
  { model: 'shakespeare-gpt', device: 'wasm', rounds: 15 },
  { model: 'vocabulary-50257', device: 'wasm', rounds: 7 },
  { model: 'shakespeare-gpt', device: 'webgpu', rounds: 5 },
];

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/** The ratio in each round, so that a slow minute counts for both. */
const ratios = (a: readonly number[], b: readonly number[]): number[] =>
  a.map((rate, at) => rate / (b[at] ?? Number.NaN));

export async function decodeBench(
  openPage: (device: 'wasm' | 'webgpu') => Promise<Page>,
  devices: readonly ('wasm' | 'webgpu')[] = ['wasm', 'webgpu'],
): Promise<string> {
  const parts: string[] = [];
  for (const { model, device, rounds } of contests) {
    if (!devices.includes(device)) continue;
    const page = await openPage(device);
    const { rates, threads, gpu, tokens } = await page.evaluate<Duel>(
      `duel('${model}', '${device}', ${rounds})`,
    );
    await page.context().browser()?.close();
    const rows = (Object.keys(rates) as Contestant[]).map((name) => {
      const held = (against[name] ?? []).map(([base, target]) => {
        const ratio = median(ratios(rates[name], rates[base]));
        return `${ratio.toFixed(2)}x of ${base} (target ${target.toFixed(2)}x)`;
      });
      const work = gpu[name];
      return [
        name,
        median(rates[name]).toFixed(1),
        held.join(', '),
        work === undefined
          ? ''
          : `${(work.synchronisations / tokens).toFixed(2)} waits, ${(work.dispatches / tokens).toFixed(1)} dispatches, ${Math.round(work.bytesRead / tokens)} bytes read`,
        rates[name].map((rate) => rate.toFixed(1)).join(' '),
      ];
    });
    parts.push(
      `Decoding ${model} on ${device}, ${threads} threads on both sides, ${tokens} tokens, medians of ${rounds} interleaved rounds; ratios are medians of the rounds' own:`,
      '',
      table(['', 'tokens/s', 'ratio', "Sonde's own GPU work a token", 'rounds'], rows),
      '',
    );
  }
  return parts.join('\n');
}
