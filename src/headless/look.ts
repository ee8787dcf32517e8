import { type Capture, createSonde, type Model } from '../index.ts';
import type { NamedInputs } from '../protocol/input.ts';
import { SondeError } from '../shared/errors.ts';
import { fromBase64, toBase64 } from './base64.ts';
import type { PageModel, PageOpened, PageQuestion, PageTensor } from './question.ts';

/** What `--device webgpu` calls in a headless browser, one page for one model, through the public API. */
let model: Model | undefined;
let capture: Capture | undefined;

export async function open({ url, dtype }: PageModel): Promise<PageOpened> {
  model = await createSonde({ device: 'webgpu' }).load(url, { dtype });
  const { device, inputs } = model;
  if (device.dtype !== dtype) {
    const why =
      device.fallbacks.find((fallback) => fallback.dtype === dtype)?.reason ?? 'no reason was given';
    throw new SondeError('run_failed', `${dtype} does not run on this device: ${why}`, 'Use --device wasm.');
  }
  const { adapter } = device;
  return { device: `${device.device} (${adapter?.vendor} ${adapter?.architecture})`, inputs };
}

/** @returns the names of what was captured, in graph order */
export async function look({ inputs, patterns }: PageQuestion): Promise<readonly string[]> {
  await capture?.dispose();
  const tensors = Object.entries(inputs).map(([name, { type, dims, base64 }]) => [
    name,
    { type, dims, data: fromBase64(type, base64) },
  ]);
  capture = await model?.capture(Object.fromEntries(tensors) as NamedInputs, patterns);
  return capture?.hooks.map(({ name }) => name) ?? [];
}

/** One at a time: all of a capture in one message could be longer than a string may be. */
export async function read(hook: string): Promise<PageTensor> {
  if (capture === undefined) throw new SondeError('disposed', 'Nothing was captured.', 'Look first.');
  const { type, dims, data } = await capture.get(hook);
  return { type, dims, base64: toBase64(data) };
}
