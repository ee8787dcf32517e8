import { watchHeaps } from '../heaps.ts';

const channelName = 'what the worker holds';

/** What a worker holds that no garbage collector frees. */
export interface Holdings {
  readonly devices: number;
  /** GPU buffers that were created and not destroyed, and their bytes. */
  readonly buffers: number;
  readonly bytes: number;
  /** Bytes of the runtime's heap up to the highest that was ever written: its size grows in steps of megabytes. */
  readonly heap: number;
  /** The most bytes of arrays that one message to the page carried as a copy: others are handed over. */
  readonly copied: number;
}

/** Counts in this worker from now on, so it comes before the runtime starts, and tells whoever asks. */
export function watchHoldings(): void {
  const heaps = watchHeaps();
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
  let copied = 0;
  const see = (message: unknown, transfer: unknown): void => {
    const handed = Array.isArray(transfer) ? transfer : [];
    copied = Math.max(copied, bytesIn(message, new Set(handed)));
  };
  const post = MessagePort.prototype.postMessage;
  MessagePort.prototype.postMessage = function postSeen(this: MessagePort, ...given: [never, never]) {
    see(...given);
    return post.apply(this, given);
  };
  const answer = self.postMessage.bind(self) as (...given: unknown[]) => void;
  Object.assign(self, {
    postMessage(...given: [unknown, unknown]) {
      see(...given);
      return answer(...given);
    },
  });
  const channel = new BroadcastChannel(channelName);
  channel.onmessage = () =>
    channel.postMessage({
      copied,
      devices,
      buffers: sizes.size,
      bytes: [...sizes.values()].reduce((sum, size) => sum + size, 0),
      heap: heaps().reduce((sum, heap) => sum + written(heap), 0),
    } satisfies Holdings);
}

/** Of all array buffers in a message, but those it hands over. */
function bytesIn(value: unknown, seen: Set<unknown>): number {
  if (typeof value !== 'object' || value === null || seen.has(value)) return 0;
  seen.add(value);
  if (ArrayBuffer.isView(value)) return bytesIn(value.buffer, seen);
  if (value instanceof ArrayBuffer) return value.byteLength;
  return Object.values(value).reduce<number>((sum, each) => sum + bytesIn(each, seen), 0);
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
