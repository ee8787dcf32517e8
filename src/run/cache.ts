import { type CaptureStore, release } from './capture.ts';
import { elementBytes, emptyOnGpu } from './gpu-tensor.ts';
import type { LoadedModel } from './model.ts';
import type { OrtTensor } from './runtime.ts';
import type { Feeds, Fetches } from './sessions.ts';

/** Keys and values of the tokens that a decoder has run, where the session left them (on the GPU on WebGPU). */
export interface KeyValueCache {
  /** The tokens it holds, in order; none for a model that exports no cache. */
  readonly ids: readonly number[];
  /** What a forward over the tokens that follow is fed, by input name. */
  readonly feeds: Feeds;
  /** Takes over what a forward over `ids` gave. A tensor that a capture holds too lives on there. */
  take(ids: readonly number[], fetches: Fetches, capture: CaptureStore | undefined): void;
  /** Forgets all but the first `length` tokens. */
  rollBack(length: number): void;
  dispose(): void;
}

/** Keys and values over the encoder's states are computed once, in the first forward. */
const isCross = (input: string): boolean => input.includes('.encoder.');

export function createCache(model: LoadedModel): KeyValueCache {
  const slots = model.instrumented.anatomy.cache;
  let ids: readonly number[] = [];
  let feeds: Feeds = {};
  let shared: CaptureStore | undefined;
  const free = (tensor: OrtTensor | undefined): void => release(tensor, shared);
  const clear = (): void => {
    for (const tensor of Object.values(feeds)) free(tensor);
    feeds = {};
    ids = [];
  };
  return {
    get ids() {
      return ids;
    },
    get feeds() {
      return feeds;
    },
    take(fresh, fetches, capture) {
      shared = capture;
      if (slots.length === 0) return;
      const next: Feeds = {};
      for (const { past, present } of slots) {
        const before = feeds[past];
        const now = fetches[present];
        const stays = isCross(past) && before !== undefined;
        const kept = stays ? before : now;
        if (kept !== undefined) next[past] = kept;
        free(stays ? now : before);
      }
      feeds = next;
      ids = [...ids, ...fresh];
    },
    rollBack(length) {
      if (length >= ids.length) return;
      if (length === 0) return clear();
      const next: Feeds = {};
      for (const { past } of slots) {
        const tensor = feeds[past];
        if (tensor === undefined) continue;
        next[past] = isCross(past) ? tensor : shortened(model, tensor, length);
        if (next[past] !== tensor) free(tensor);
      }
      feeds = next;
      ids = ids.slice(0, length);
    },
    dispose: clear,
  };
}

/** The first `length` positions of keys or values [b, h, p, e]. */
function shortened({ runtime, gpu }: LoadedModel, tensor: OrtTensor, length: number): OrtTensor {
  const [batch = 1, heads = 1, positions = 0, width = 0] = tensor.dims;
  const dims = [batch, heads, length, width];
  const blocks = batch * heads;
  if (tensor.location !== 'gpu-buffer' || gpu === undefined) {
    const { data } = tensor as { data: Float32Array | Uint16Array };
    const kept = data.slice(0, blocks * length * width);
    for (let block = 0; block < blocks; block++) {
      const from = block * positions * width;
      kept.set(data.subarray(from, from + length * width), block * length * width);
    }
    return new runtime.ort.Tensor(tensor.type as 'float32', kept as Float32Array, dims);
  }
  const bytes = length * width * elementBytes(tensor);
  const kept = emptyOnGpu(runtime.ort, gpu.device, tensor, dims);
  const encoder = gpu.device.createCommandEncoder({ label: 'roll back' });
  for (let block = 0; block < blocks; block++)
    encoder.copyBufferToBuffer(
      tensor.gpuBuffer as GPUBuffer,
      block * positions * width * elementBytes(tensor),
      kept.buffer,
      block * bytes,
      bytes,
    );
  gpu.device.queue.submit([encoder.finish()]);
  return kept.tensor;
}
