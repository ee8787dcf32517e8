/** What was asked for: `auto` tries WebGPU and answers only after a probe forward worked. */
export type DeviceChoice = 'auto' | 'webgpu' | 'wasm';
export type Dtype = 'fp32' | 'fp16' | 'q8' | 'q4' | 'q4f16';

export interface AdapterInfo {
  readonly vendor: string;
  readonly architecture: string;
  readonly description: string;
  readonly isFallbackAdapter: boolean;
}

/** A variant that was tried and did not work, in the order tried. */
export interface Fallback {
  readonly device: 'webgpu' | 'wasm';
  readonly dtype: Dtype;
  readonly reason: string;
}

/** Where the model really runs, and what was tried before. */
export interface DeviceReport {
  readonly device: 'webgpu' | 'wasm';
  readonly dtype: Dtype;
  /** Present on WebGPU only. */
  readonly adapter?: AdapterInfo;
  readonly threads: number;
  readonly crossOriginIsolated: boolean;
  readonly fallbacks: readonly Fallback[];
}
