import type { Page } from 'playwright';
import type { Memory, RunTimes, SwitchTimes } from './page-plans.ts';
import { median } from './table.ts';

/** 20 and 178 MiB in 26 blocks. */
const widths = [128, 384];
const switches = 5;
const runs = 9;
const hows = ['plain', 'two plans'] as const;

const mebi = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

const ms = (values: readonly number[]): string => `${median(values).toFixed(0)} ms`;

const ratio = (values: readonly number[], base: readonly number[]): string =>
  `${(median(values) / median(base)).toFixed(2)}x`;

/** What a plan costs beside the same model in plain onnxruntime, a fresh page for each measure. */
export async function plans(openPage: () => Promise<Page>): Promise<string> {
  const ask = async <T>(question: string): Promise<T> => {
    const page = await openPage();
    const answer = await page.evaluate<T>(question);
    await page.context().browser()?.close();
    return answer;
  };
  const rows: string[] = [];
  for (const width of widths) {
    const times = await ask<SwitchTimes>(`switchTimes(${width}, ${switches})`);
    rows.push(
      `| ${times.megabytes.toFixed(0)} MiB, ${times.weights} weights | ${ms(times.create)}, ${mebi(times.createUploads)} | ${ms(times.change)}, ${mebi(times.changeUploads)} | ${ratio(times.change, times.create)} |`,
    );
  }
  const { inside, asInputs } = await ask<RunTimes>(`runTimes(${widths[0]}, ${runs})`);
  const memory: string[] = [];
  for (const device of ['wasm', 'webgpu'])
    for (const how of hows) {
      const { wasm, gpu } = await ask<Memory>(`peakMemory('${device}', '${how}')`);
      const name = how === 'plain' ? 'plain onnxruntime' : 'Sonde, plans off and all attention';
      memory.push(`| ${device} | ${name} | ${mebi(wasm)} | ${mebi(gpu)} |`);
    }
  return [
    `A further plan (all attention) of an open model on WebGPU, against a session over the same file as published: time until the GPU is done, and weights uploaded; median of ${switches} interleaved rounds:`,
    '',
    '| generated model | session | further plan | ratio |',
    '| --- | --- | --- | --- |',
    ...rows,
    '',
    `A forward of 32 tokens through the first of them: ${ms(inside)} with the weights in the session, ${ms(asInputs)} with the weights as inputs, ${ratio(asInputs, inside)} (median of ${runs} interleaved rounds).`,
    '',
    'Memory at its highest, the smaller model and one forward for each plan, each in a page of its own:',
    '',
    '| device | | wasm heap | GPU buffers |',
    '| --- | --- | --- | --- |',
    ...memory,
  ].join('\n');
}
