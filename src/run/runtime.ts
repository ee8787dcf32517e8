import type * as OrtModule from 'onnxruntime-web';
import { SondeError } from '../shared/errors.ts';
import { createMutex, type Exclusive } from './mutex.ts';

export type Ort = typeof OrtModule;
export type OrtTensor = OrtModule.Tensor;
export type OrtSession = OrtModule.InferenceSession;
export type OrtSessionOptions = OrtModule.InferenceSession.SessionOptions;
export type OrtRunOptions = OrtModule.InferenceSession.RunOptions;
export type OrtFetches = OrtModule.InferenceSession.FetchesType;

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
  register(ort);
  ort.env.wasm.numThreads = options.threads;
  ort.env.wasm.proxy = false;
  if (options.wasmPaths !== undefined) ort.env.wasm.wasmPaths = options.wasmPaths;
  ort.env.logLevel = 'error';
  return {
    ort,
    version: versionOf(ort),
    threads: options.threads,
    exclusive: createMutex(),
  };
}

/**
 * The same for a copy that belongs to an application: none of its settings is touched.
 * @param create how sessions are made, which whoever replaced `InferenceSession.create` must keep
 * @throws SondeError `second_runtime`
 */
export function shareRuntime(ort: Ort, create: Ort['InferenceSession']['create']): Runtime {
  register(ort);
  return {
    ort: { ...ort, InferenceSession: { create } },
    version: versionOf(ort),
    get threads() {
      return ort.env.wasm.numThreads ?? 1;
    },
    exclusive: createMutex(),
  };
}

const versionOf = (ort: Ort): string => ort.env.versions.web ?? ort.env.versions.common;

function register(ort: Ort): void {
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
}
