import type * as OrtModule from 'onnxruntime-web';
import { SondeError } from '../shared/errors.ts';
import { createMutex, type Exclusive } from './mutex.ts';

export type Ort = typeof OrtModule;
export type OrtTensor = OrtModule.Tensor;
export type OrtSession = OrtModule.InferenceSession;

/** onnxruntime as one thread has it. */
export interface Runtime {
  readonly ort: Ort;
  readonly version: string;
  readonly threads: number;
  readonly exclusive: Exclusive;
}

export interface RuntimeOptions {
  /** Folder URL of the wasm, for bundlers that do not emit it. */
  readonly wasmPaths?: string;
  readonly threads: number;
}

const registered = Symbol.for('sonde.onnxruntime');

/**
 * Claims this thread for one copy of onnxruntime. Two copies mean two wasm heaps and two GPU devices whose
 * buffers cannot meet, and nothing else would say so.
 * @throws SondeError `second_runtime`
 */
export function claimRuntime(ort: Ort, options: RuntimeOptions): Runtime {
  const scope = globalThis as { [registered]?: Ort['InferenceSession'] };
  const first = scope[registered];
  if (first !== undefined && first !== ort.InferenceSession) {
    throw new SondeError(
      'second_runtime',
      'Two copies of onnxruntime-web are loaded in this thread.',
      'Depend on exactly the onnxruntime-web version that @huggingface/transformers pins, and deduplicate it in your bundler.',
    );
  }
  scope[registered] = ort.InferenceSession;
  ort.env.wasm.numThreads = options.threads;
  ort.env.wasm.proxy = false;
  if (options.wasmPaths !== undefined) ort.env.wasm.wasmPaths = options.wasmPaths;
  ort.env.logLevel = 'error';
  return {
    ort,
    version: ort.env.versions.web ?? ort.env.versions.common,
    threads: options.threads,
    exclusive: createMutex(),
  };
}
