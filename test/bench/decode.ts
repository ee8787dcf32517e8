import type { Page } from 'playwright';
import type { GpuTotals } from './counted.ts';
import type { Contest, Contestant, Duel } from './page-decode.ts';
import { median, ratios, table } from './table.ts';

/** What each of Sonde's is held against, and what the ratio should be. */
const against: Readonly<Partial<Record<Contestant, readonly (readonly [Contestant, number])[]>>> = {
  'Sonde, greedy': [
    ['transformers.js, greedy', 1],
    ['transformers.js, greedy, text streamed', 1],
  ],
  'Sonde, sampled': [['transformers.js, sampled', 1.1]],
  'Sonde, greedy, summary': [
    ['transformers.js, greedy', 1],
    ['Sonde, greedy', 0.97],
  ],
  'Sonde, greedy, all attention': [['Sonde, greedy', 0.7]],
};

/**
 * SwiftShader needs a second a token for a vocabulary of 50,257: it stays on WASM. A round of less than a tenth of a
 * second says more of the scheduler than of either side.
 */
const contests: readonly Contest[] = [
  { model: 'shakespeare-gpt', device: 'wasm', rounds: 15, tokens: 192 },
  { model: 'vocabulary-50257', device: 'wasm', rounds: 9, tokens: 96 },
  { model: 'shakespeare-gpt', device: 'webgpu', rounds: 3, tokens: 24 },
];

const worked = (work: GpuTotals | undefined, tokens: number): string => {
  if (work === undefined) return '';
  const each = (count: number, digits = 0): string => (count / tokens).toFixed(digits);
  const { synchronisations, dispatches, bytesRead, bytesWritten } = work;
  return `${each(synchronisations, 2)} waits, ${each(dispatches, 1)} dispatches, ${each(bytesRead)} bytes read, ${each(bytesWritten)} written`;
};

export async function decodeBench(
  openPage: (device: 'wasm' | 'webgpu') => Promise<Page>,
  devices: readonly ('wasm' | 'webgpu')[] = ['wasm', 'webgpu'],
): Promise<string> {
  const parts: string[] = [];
  for (const contest of contests) {
    const { model, device, rounds, tokens } = contest;
    if (!devices.includes(device)) continue;
    const page = await openPage(device);
    const { rates, threads, gpu } = await page.evaluate<Duel>(`duel(${JSON.stringify(contest)})`);
    await page.context().browser()?.close();
    const rows = (Object.keys(rates) as Contestant[]).map((name) => {
      const held = (against[name] ?? []).map(([base, target]) => {
        const ratio = median(ratios(rates[name], rates[base]));
        return `${ratio.toFixed(2)}x of ${base} (target ${target.toFixed(2)}x)`;
      });
      const { all, own } = gpu[name] ?? {};
      return [
        name,
        median(rates[name]).toFixed(1),
        held.join(', '),
        worked(all, tokens),
        worked(own, tokens),
        rates[name].map((rate) => rate.toFixed(1)).join(' '),
      ];
    });
    parts.push(
      `Decoding ${model} on ${device}, ${threads} threads on both sides, ${tokens} tokens, medians of ${rounds} interleaved rounds; ratios are medians of the rounds' own:`,
      '',
      table(['', 'tokens/s', 'ratio', 'GPU work a token', "of it Sonde's own", 'rounds'], rows),
      '',
    );
  }
  return [...parts, why, ''].join('\n');
}

/** What the rounds cannot tell. Its figures were measured in Node on 2026-11-24, one thread. */
const why =
  'What lies below its target, and why. The embedded model takes half a millisecond a token on one thread: a tenth of one is a fifth of its speed, and in a model a hundred times as large it is nothing. Summary costs it 0.05 ms on one thread in Node (0.46 to 0.51 ms): half for three more outputs of the graph (the same hook of all layers gathered into one; as twelve outputs they cost 0.08 ms), half for their statistics in WebAssembly. Here the two threads of the runtime, which spin, share two cores with the page that takes each step. To sample costs Sonde 0.02 ms more than to choose greedily; transformers.js samples no slower than it chooses, so there is no tenth to be had from it; with 50,257 words the rounds show more than that, which Node does not and nobody has explained yet. On WebGPU the cold open holds every hook to the golden before the first answer, which transformers.js does not do.';
