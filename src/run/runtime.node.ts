import * as ort from 'onnxruntime-web';
import { claimRuntime, type Runtime, type RuntimeOptions } from './runtime.ts';

/** In Node only the root entry loads, and only its WASM provider runs. */
export const startRuntime = (options: RuntimeOptions): Runtime => claimRuntime(ort, options);
