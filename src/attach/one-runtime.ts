import type { Ort } from '../run/runtime.ts';
import { SondeError } from '../shared/errors.ts';
import type { AttachOptions } from './api.ts';

const secondRuntime = (how: string): SondeError =>
  new SondeError(
    'second_runtime',
    `transformers.js runs on another copy of onnxruntime-web than Sonde: ${how}.`,
    'Import @huggingface/transformers from npm, not a bundle of a CDN, and let your bundler have one onnxruntime-web: the version that transformers.js pins.',
  );

/** What transformers.js takes its runtime from, before its own import. */
const given = Symbol.for('onnxruntime');

/** @throws SondeError `second_runtime` */
export function requireOneRuntime(ort: Ort, env: AttachOptions['env']): void {
  const other = (globalThis as { [given]?: Partial<Ort> })[given];
  if (other !== undefined && other.InferenceSession !== ort.InferenceSession) {
    throw secondRuntime("globalThis[Symbol.for('onnxruntime')] holds it");
  }
  const wasm = env?.backends.onnx.wasm;
  if (wasm !== undefined && wasm !== ort.env.wasm) throw secondRuntime('its `env` says so');
}

/** @param created how many sessions were asked for through Sonde */
export function whyNothingRan(ort: Ort, created: number): SondeError {
  // The runtime settles this number when its first session is made.
  const hasRun = typeof ort.env.wasm.initTimeout === 'number';
  const loaded = performance.getEntriesByType('resource').some(({ name }) => /\/ort-wasm[^/]*$/.test(name));
  if (created === 0 && !hasRun && loaded)
    return secondRuntime('its wasm was loaded, and no session came by here');
  return new SondeError(
    'invalid_argument',
    'No session that Sonde sees ran inside.',
    hasRun && created === 0
      ? 'Call attach() before the pipeline is made.'
      : 'Await the pipeline inside, and take transformers.js from npm rather than as a bundle with a runtime inside.',
  );
}
