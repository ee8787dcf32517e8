import type { HookError } from '../shared/hook.ts';
import type { Bytes, Milliseconds } from '../shared/units.ts';
import type { DeviceReport, Dtype } from './device.ts';

/** One variant of a model, held hook by hook to WASM in fp32 over the same probe. */
export interface VariantFidelity extends Pick<DeviceReport, 'device' | 'dtype'> {
  readonly result:
    | { readonly kind: 'measured'; readonly hooks: readonly HookError[] }
    | { readonly kind: 'refused'; readonly reason: string };
}

export interface ModelFidelity {
  /** Every device and dtype but WASM fp32, which is the reference. */
  readonly variants: readonly VariantFidelity[];
  readonly elapsed: Milliseconds;
}

/** What is measured now, and how many of all variants are done. */
export interface FidelityProgress {
  readonly dtype: Dtype;
  readonly done: number;
  readonly variants: number;
  /** While files are fetched: of the bytes of this dtype. */
  readonly loaded?: Bytes;
  readonly total?: Bytes;
}
