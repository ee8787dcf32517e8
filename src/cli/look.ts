import type { NamedInputs } from '../protocol/input.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import { openOnWasm } from './look-wasm.ts';
import { openOnWebgpu } from './look-webgpu.ts';
import type { NamedModel } from './model.ts';

/** A model that is open for looks inside. */
export interface Viewer {
  /** Where it really runs, adapter included. */
  readonly device: string;
  /**
   * One forward; by hook name, in graph order.
   * @param patterns e.g. `blocks.*.attn.hook_pattern`
   * @throws SondeError `hook_unknown` | `hook_unavailable` | `invalid_argument` | `run_failed`
   */
  look(inputs: NamedInputs, patterns: readonly string[]): Promise<ReadonlyMap<string, FloatTensor>>;
  close(): Promise<void>;
}

/** @throws SondeError whatever loading throws, `no_browser` for `webgpu` without a Chromium */
export const openViewer = (device: 'wasm' | 'webgpu', model: NamedModel): Promise<Viewer> =>
  device === 'wasm' ? openOnWasm(model) : openOnWebgpu(model);
