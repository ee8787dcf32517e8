import type { Page } from 'playwright';
import type { ColdOpen, Device, Opener, Stage } from './page-cold.ts';
import { median, ratios, table } from './table.ts';

const rounds = { wasm: 5, webgpu: 3 } as const;
const stages: readonly Stage[] = ['fetch', 'instrument', 'session', 'probe', 'compare', 'generate'];
const openers: readonly Opener[] = ['transformers.js', 'Sonde'];

/** From a page to the first token, both taking turns, each time in a new browser. */
export async function coldBench(
  openPage: (device: Device) => Promise<Page>,
  devices: readonly Device[] = ['wasm', 'webgpu'],
): Promise<string> {
  const rows: string[][] = [];
  const within: string[][] = [];
  for (const device of devices) {
    const times: Record<Opener, number[]> = { 'transformers.js': [], Sonde: [] };
    const opened: ColdOpen[] = [];
    for (let round = 0; round < rounds[device]; round++)
      for (const opener of openers) {
        const page = await openPage(device);
        const found = await page.evaluate<ColdOpen>(`coldOpen['${opener}']('${device}')`);
        times[opener].push(found.total);
        if (opener === 'Sonde') opened.push(found);
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
    const parts = opened.map(spans);
    within.push([
      device,
      ...[0, ...stages].map((_, at) => `${median(parts.map((part) => part[at] ?? 0)).toFixed(0)} ms`),
    ]);
  }
  return [
    'From an open page to the first token of shakespeare-gpt, in a new browser each time, both taking turns:',
    '',
    table(['device', 'transformers.js', 'Sonde', 'ratio', 'rounds in ms, theirs; ours'], rows),
    '',
    "What Sonde's time goes into. On WASM the runtime compiles beside the download, whose stage that lengthens. To probe is one forward, on WebGPU with the compilation of its programs; to compare is there one more with every hook tapped, held to the golden before the first answer:",
    '',
    table(['device', 'start of the worker', ...stages.slice(0, -1), 'first token'], within),
    '',
  ].join('\n');
}

/** What came before the first stage, then each stage, in ms; a stage that was over at once has no begin of its own. */
function spans({ total, began }: ColdOpen): readonly number[] {
  let next = total;
  const ends = stages.toReversed().map((stage) => {
    const at = began[stage] ?? next;
    const span = next - at;
    next = at;
    return span;
  });
  return [next, ...ends.reverse()];
}
