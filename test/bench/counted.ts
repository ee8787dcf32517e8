/** What a worker asked of its GPU so far, whoever asked: the runtime or Sonde. */
export interface GpuTotals {
  /** Times the CPU waited for the GPU. */
  readonly synchronisations: number;
  readonly dispatches: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

const channelName = 'gpu totals';

/** In a worker, before its runtime is loaded. */
export function countGpu(): void {
  const totals = { synchronisations: 0, dispatches: 0, bytesRead: 0, bytesWritten: 0 };
  before(GPUComputePassEncoder.prototype, 'dispatchWorkgroups', () => totals.dispatches++);
  before(GPUQueue.prototype, 'onSubmittedWorkDone', () => totals.synchronisations++);
  before(GPUQueue.prototype, 'writeBuffer', (_buffer, _at, data: ArrayBuffer, _from, size?: number) => {
    totals.bytesWritten += size ?? data.byteLength;
  });
  before(GPUBuffer.prototype, 'mapAsync', function count(mode: number, offset = 0, size?: number) {
    if (mode !== GPUMapMode.READ) return;
    totals.synchronisations++;
    totals.bytesRead += size ?? this.size - offset;
  });
  const channel = new BroadcastChannel(channelName);
  channel.onmessage = ({ data }: MessageEvent<{ ask?: string }>) => {
    if (data.ask === self.name) channel.postMessage({ totals });
  };
}

/** On the page. @param worker its name */
export function askTotals(worker: string): Promise<GpuTotals> {
  const channel = new BroadcastChannel(channelName);
  return new Promise((resolve) => {
    channel.onmessage = ({ data }: MessageEvent<{ totals?: GpuTotals }>) => {
      if (data.totals === undefined) return;
      channel.close();
      resolve(data.totals);
    };
    channel.postMessage({ ask: worker });
  });
}

export const between = (a: GpuTotals, b: GpuTotals): GpuTotals => ({
  synchronisations: b.synchronisations - a.synchronisations,
  dispatches: b.dispatches - a.dispatches,
  bytesRead: b.bytesRead - a.bytesRead,
  bytesWritten: b.bytesWritten - a.bytesWritten,
});

function before<T extends object, K extends keyof T>(
  prototype: T,
  name: K,
  look: (this: T, ...call: never[]) => void,
): void {
  const original = prototype[name] as (this: T, ...call: unknown[]) => unknown;
  prototype[name] = function looked(this: T, ...call: unknown[]) {
    (look as (this: T, ...call: unknown[]) => void).apply(this, call);
    return original.apply(this, call);
  } as T[K];
}
