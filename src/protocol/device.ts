import type { HookError } from '../shared/hook.ts';

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

/**
 * Whether the device gives what its reference gives: every hook of one short forward is compared with a golden of the
 * same file, made on WASM. `shipped` beside the model, `recorded` at this load, or `cached` from an earlier one.
 */
export type DeviceFidelity =
  | {
      readonly kind: 'proved';
      readonly golden: 'shipped' | 'recorded' | 'cached';
      /** How many were compared. */
      readonly hooks: number;
      readonly worst: HookError;
      /** Largest `error` that is taken for rounding on this device in this dtype. */
      readonly tolerance: number;
    }
  /** The model ran and gave numbers; nothing could be had to compare them with. */
  | { readonly kind: 'unproved'; readonly reason: string };

/** Where the model really runs, and what was tried before. */
export interface DeviceReport {
  readonly device: 'webgpu' | 'wasm';
  readonly dtype: Dtype;
  /** Present on WebGPU only. */
  readonly adapter?: AdapterInfo;
  readonly threads: number;
  readonly crossOriginIsolated: boolean;
  readonly fallbacks: readonly Fallback[];
  readonly fidelity: DeviceFidelity;
}
