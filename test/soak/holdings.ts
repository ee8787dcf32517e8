const channelName = 'what the worker holds';

/** What a worker holds that no garbage collector frees. */
export interface Holdings {
  readonly devices: number;
  /** GPU buffers that were created and not destroyed, and their bytes. */
  readonly buffers: number;
  readonly bytes: number;
  /** Bytes of the runtime's heap up to the highest that was ever written: its size grows in steps of megabytes. */
  readonly heap: number;
}

/** Counts in this worker from now on, so it comes before the runtime, and tells whoever asks. */
export function watchHoldings(): void {
  const heaps: WebAssembly.Memory[] = [];
  const NativeMemory = WebAssembly.Memory;
  WebAssembly.Memory = class extends NativeMemory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor);
      heaps.push(this);
    }
  };
  let devices = 0;
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = function requestCounted(this: GPUAdapter, ...given) {
    devices++;
    return request.apply(this, given);
  };
  const sizes = new Map<GPUBuffer, number>();
  const create = GPUDevice.prototype.createBuffer;
  GPUDevice.prototype.createBuffer = function createCounted(this: GPUDevice, descriptor) {
    const buffer = create.call(this, descriptor);
    sizes.set(buffer, buffer.size);
    return buffer;
  };
  const destroy = GPUBuffer.prototype.destroy;
  GPUBuffer.prototype.destroy = function destroyCounted(this: GPUBuffer) {
    sizes.delete(this);
    return destroy.call(this);
  };
  const channel = new BroadcastChannel(channelName);
  channel.onmessage = () =>
    channel.postMessage({
      devices,
      buffers: sizes.size,
      bytes: [...sizes.values()].reduce((sum, size) => sum + size, 0),
      heap: heaps.reduce((sum, { buffer }) => sum + written(buffer), 0),
    } satisfies Holdings);
}

function written(heap: ArrayBufferLike): number {
  const words = new BigUint64Array(heap);
  let at = words.length;
  while (at > 0 && words[at - 1] === 0n) at--;
  return at * 8;
}

/** Asks the one worker that watches. */
export function askHoldings(): Promise<Holdings> {
  const channel = new BroadcastChannel(channelName);
  return new Promise((resolve) => {
    channel.onmessage = ({ data }: MessageEvent<Holdings>) => {
      channel.close();
      resolve(data);
    };
    channel.postMessage('ask');
  });
}
