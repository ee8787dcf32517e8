import type * as OrtModule from 'onnxruntime-web';
import { writeValue } from '../instrument/append.ts';
import { Writer } from '../instrument/wire.ts';
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
  /**
   * Fetches and compiles the wasm, which the first session would do: so it can go beside what that one waits for.
   * Whoever creates a session asks again: a start that failed is told only once by onnxruntime.
   */
  start(): Promise<void>;
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
  const exclusive = createMutex();
  let started: Promise<void> | undefined;
  return {
    ort,
    version: versionOf(ort),
    threads: options.threads,
    exclusive,
    start() {
      started ??= exclusive(async () => {
        const session = await ort.InferenceSession.create(leastGraph(), { executionProviders: ['wasm'] });
        await session.release();
      });
      return started;
    },
  };
}

/** y = x: what a session has to be over for the runtime to start. */
function leastGraph(): Uint8Array<ArrayBuffer> {
  const node = new Writer().text(1, 'x').text(2, 'y').text(4, 'Identity');
  const graph = new Writer().message(1, node).text(2, 'least');
  graph.message(11, writeValue('x', 'float', [1])).message(12, writeValue('y', 'float', [1]));
  return new Writer().integer(1, 10).message(7, graph).message(8, new Writer().integer(2, 20)).finish();
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
    // The application's first session does, when the application makes it.
    start: () => Promise.resolve(),
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
