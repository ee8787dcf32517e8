import type { Page } from 'playwright';
import type { Contestant, Duel } from './page-decode.ts';
import { table } from './table.ts';

/** SwiftShader needs some seconds for one. */
const rounds = { wasm: 7, webgpu: 2 } as const;

/** What each of Sonde's is held against, and what the ratio should be. */
const against: Readonly<Partial<Record<Contestant, readonly [Contestant, number]>>> = {
  'Sonde, greedy': ['transformers.js, greedy', 1],
  'Sonde, sampled': ['transformers.js, sampled', 1.1],
  'Sonde, greedy, summary': ['transformers.js, greedy', 1],
  'Sonde, greedy, all attention': ['Sonde, greedy', 0.7],
};

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
  for (const device of devices) {
    const page = await openPage(device);
    const { rates, threads, gpu, tokens } = await page.evaluate<Duel>(`duel('${device}', ${rounds[device]})`);
    await page.context().browser()?.close();
    const rows = (Object.keys(rates) as Contestant[]).map((name) => {
      const [base, target] = against[name] ?? [];
      const each = base === undefined ? [] : ratios(rates[name], rates[base]);
      const work = gpu[name];
      return [
        name,
        median(rates[name]).toFixed(1),
        base === undefined ? '' : `${median(each).toFixed(2)}x of ${base} (target ${target?.toFixed(1)}x)`,
        work === undefined
          ? ''
          : `${(work.synchronisations / tokens).toFixed(2)} waits, ${(work.dispatches / tokens).toFixed(1)} dispatches, ${Math.round(work.bytesRead / tokens)} bytes read`,
        rates[name].map((rate) => rate.toFixed(1)).join(' '),
      ];
    });
    parts.push(
      `Decoding shakespeare-gpt on ${device}, ${threads} threads on both sides, ${tokens} tokens, medians of ${rounds[device]} interleaved rounds; ratios are medians of the rounds' own:`,
      '',
      table(['', 'tokens/s', 'ratio', "Sonde's own GPU work a token", 'rounds'], rows),
      '',
    );
  }
  return parts.join('\n');
}
