import { createExecutor, type Executor, type Query } from '../../src/kernels/kernel.ts';

/** A device of a kernel suite's own. */
export interface KernelDevice {
  /** Lays data on the GPU, asks about it, and takes it away again. */
  ask<T>(
    data: readonly (Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>)[],
    about: (...buffers: readonly GPUBuffer[]) => Query<T>,
  ): Promise<T>;
  dispose(): void;
}

export async function openKernelDevice(): Promise<KernelDevice> {
  const adapter = await navigator.gpu.requestAdapter();
  if (adapter === null) throw new Error('a test of kernels needs WebGPU');
  const device = await adapter.requestDevice();
  const executor: Executor = createExecutor(device);
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
  return {
    async ask(data, about) {
      const buffers = data.map((each) => {
        const buffer = device.createBuffer({ size: each.byteLength, usage });
        device.queue.writeBuffer(buffer, 0, each);
        return buffer;
      });
      try {
        const [found] = await executor.ask(about(...buffers));
        return found;
      } finally {
        for (const buffer of buffers) buffer.destroy();
      }
    },
    dispose() {
      executor.dispose();
      device.destroy();
    },
  };
}

/** Half-precision numbers, two to a word, as a runtime's float16 buffers hold them. */
export function packedHalves(halves: ArrayLike<number>): Uint32Array<ArrayBuffer> {
  const padded = new Uint16Array(2 * Math.ceil(halves.length / 2));
  padded.set(halves);
  return new Uint32Array(padded.buffer);
}

/** Normal numbers from a fixed seed, by Box and Muller. */
export function normal(length: number, spread: number): Float32Array<ArrayBuffer> {
  let state = 88172645463325252n;
  const uniform = (): number => {
    state ^= BigInt.asUintN(64, state << 13n);
    state ^= state >> 7n;
    state ^= BigInt.asUintN(64, state << 17n);
    return (Number(state >> 11n) + 0.5) / 2 ** 53;
  };
  return Float32Array.from(
    { length },
    () => spread * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}
