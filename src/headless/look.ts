import { createSonde } from '../index.ts';
import type { PageLook, PageQuestion } from './question.ts';

function toBase64(values: Float32Array): string {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  let binary = '';
  // In pieces: `fromCharCode` takes its arguments on the stack.
  for (let at = 0; at < bytes.length; at += 0x8000)
    binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(binary);
}

/** What `sonde capture --device webgpu` calls in a headless browser: one capture through the public API. */
export async function look({ model: folder, text, patterns, dtype }: PageQuestion): Promise<PageLook> {
  const sonde = createSonde({ device: 'webgpu' });
  try {
    const model = await sonde.load(folder, { dtype });
    const capture = await model.capture(text, patterns);
    const tensors = [];
    for (const { name } of capture.hooks) {
      const { dims, data } = await capture.get(name);
      tensors.push({ name, dims, base64: toBase64(data) });
    }
    const { adapter } = model.device;
    const device = `${model.device.device} (${adapter?.vendor} ${adapter?.architecture})`;
    return { device, tokens: capture.tokens.map(({ id }) => id), tensors };
  } finally {
    await sonde.dispose();
  }
}
