import * as ort from 'onnxruntime-web/webgpu';
import { claimRuntime, type Ort, type Runtime, type RuntimeOptions } from './runtime.ts';

/** The build with the native WebGPU provider; the same copy transformers.js imports. */
export const startRuntime = (options: RuntimeOptions): Runtime =>
  claimRuntime(ort as unknown as Ort, options);

/** The application's own copy, the one transformers.js imports: none of its settings is touched. */
export const applicationRuntime = ort as unknown as Ort;
