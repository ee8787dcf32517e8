import type { Dtype } from '../protocol/device.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import { lookOnWasm } from './look-wasm.ts';
import { lookOnWebgpu } from './look-webgpu.ts';

export interface Question {
  readonly folder: string;
  readonly text: string;
  /** Hook patterns, e.g. `blocks.*.attn.hook_pattern`. */
  readonly patterns: readonly string[];
  readonly dtype: Dtype;
}

/** What one forward over a text showed, read back. */
export interface Look {
  readonly model: string;
  /** Where it really ran, adapter included. */
  readonly device: string;
  readonly tokens: readonly number[];
  /** By hook name, in graph order. */
  readonly tensors: ReadonlyMap<string, FloatTensor>;
}

/** @throws SondeError whatever loading and capturing throw, `no_browser` for `webgpu` without a Chromium */
export async function look(device: 'wasm' | 'webgpu', question: Question): Promise<Look> {
  if (device === 'wasm') return lookOnWasm(question);
  const { folder, dtype, text, patterns } = question;
  const [seen] = await lookOnWebgpu(folder, dtype, [{ input: text, patterns }]);
  if (seen === undefined) throw new RangeError('The page answers every forward it is asked for.');
  return seen;
}
