import type { Page } from 'playwright';
import type { Device, Opener } from './page-cold.ts';
import { median, ratios, table } from './table.ts';

const rounds = { wasm: 5, webgpu: 3 } as const;
const openers: readonly Opener[] = ['transformers.js', 'Sonde'];

/** From a page to the first token, both taking turns, each time in a new browser. */
export async function coldBench(
  openPage: (device: Device) => Promise<Page>,
  devices: readonly Device[] = ['wasm', 'webgpu'],
): Promise<string> {
  const rows: string[][] = [];
  for (const device of devices) {
    const times: Record<Opener, number[]> = { 'transformers.js': [], Sonde: [] };
    for (let round = 0; round < rounds[device]; round++)
      for (const opener of openers) {
        const page = await openPage(device);
        times[opener].push(await page.evaluate<number>(`coldOpen['${opener}']('${device}')`));
        await page.context().browser()?.close();
      }
    const seconds = (each: readonly number[]): string => `${(median(each) / 1000).toFixed(2)} s`;
    const ratio = median(ratios(times.Sonde, times['transformers.js']));
    rows.push([
      device,
      seconds(times['transformers.js']),
      seconds(times.Sonde),
      `${ratio.toFixed(2)}x (target 1.00x)`,
      openers.map((opener) => times[opener].map((time) => time.toFixed(0)).join(' ')).join('; '),
    ]);
  }
  return [
    'From an open page to the first token of shakespeare-gpt, in a new browser each time, both taking turns:',
    '',
    table(['device', 'transformers.js', 'Sonde', 'ratio', 'rounds in ms, theirs; ours'], rows),
    '',
  ].join('\n');
}
