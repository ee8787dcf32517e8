import { createSonde } from '../index.ts';
import { SondeError } from '../shared/errors.ts';
import type { Tensor } from '../shared/tensor.ts';
import type { PageForward, PageLook, PageQuestion, PageTensor } from './question.ts';

function toBase64(values: Float32Array): string {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  let binary = '';
  // In pieces: `fromCharCode` takes its arguments on the stack.
  for (let at = 0; at < bytes.length; at += 0x8000)
    binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(binary);
}

function dataOf({ type, values }: PageTensor): Tensor['data'] {
  switch (type) {
    case 'int64':
      return BigInt64Array.from(values, BigInt);
    case 'float32':
      return Float32Array.from(values);
    case 'int32':
      return Int32Array.from(values);
    case 'bool':
      return Uint8Array.from(values);
    default:
      throw new SondeError('invalid_argument', `A page takes no ${type} input.`, 'Run it on WASM.');
  }
}

function inputOf({ input }: PageForward): string | Record<string, Tensor> {
  if (typeof input === 'string') return input;
  const tensors = Object.entries(input).map(([name, tensor]): [string, Tensor] => [
    name,
    { type: tensor.type, dims: tensor.dims, data: dataOf(tensor) },
  ]);
  return Object.fromEntries(tensors);
}

/** What `--device webgpu` calls in a headless browser: captures through the public API, one after the other. */
export async function look({ model: folder, dtype, forwards }: PageQuestion): Promise<readonly PageLook[]> {
  const sonde = createSonde({ device: 'webgpu' });
  try {
    const model = await sonde.load(folder, { dtype });
    const { adapter } = model.device;
    const device = `${model.device.device} (${adapter?.vendor} ${adapter?.architecture})`;
    const looks: PageLook[] = [];
    for (const each of forwards) {
      const capture = await model.capture(inputOf(each), each.patterns);
      const tensors = [];
      for (const { name } of capture.hooks) {
        const { dims, data } = await capture.get(name);
        tensors.push({ name, dims, base64: toBase64(data) });
      }
      looks.push({ device, tokens: capture.tokens.map(({ id }) => id), tensors });
      await capture.dispose();
    }
    return looks;
  } finally {
    await sonde.dispose();
  }
}
