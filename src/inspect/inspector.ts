import { transfer } from 'comlink';
import { meanRow, simHash } from '../observe/activations/sim-hash.ts';
import type { ModelRequest } from '../protocol/calls.ts';
import type { DeviceChoice } from '../protocol/device.ts';
import type { DriftListener } from '../protocol/drift.ts';
import type { Answer, InspectorApi } from '../protocol/inspector.ts';
import { requireSameBuild, sondeVersion } from '../protocol/version.ts';
import type { CaptureStore } from '../run/capture.ts';
import { closeModel } from '../run/model.ts';
import type { Runtime } from '../run/runtime.ts';
import { startRuntime } from '../run/runtime.worker.ts';
import type { Measurement } from '../schema/metrics.ts';
import { SondeError, toWireError } from '../shared/errors.ts';
import { randomHex } from '../shared/id.ts';
import type { Tensor } from '../shared/tensor.ts';
import { capture, classify, type Surroundings } from './answers.ts';
import { calibrateEntry } from './calibrate.ts';
import { createCalls } from './calls.ts';
import { compareVariants } from './compare-variants.ts';
import { openEntry } from './entry.ts';
import { generate } from './generate.ts';
import { keyedDigests } from './input-key.ts';
import { madeUpInputs } from './inputs.ts';
import { lens } from './lens.ts';
import type { ModelEntry } from './model-entry.ts';
import { planesOf, saltOf } from './planes.ts';
import { proveEntry } from './prove.ts';
import type { DigestTexts } from './request.ts';
import { createStepSender } from './steps.ts';
import { openPipe, type Pipe, silentPipe } from './telemetry.ts';
import { shareGpu } from './variant.ts';

/** Threads beyond four bring little for one small batch, and the page wants cores too. */
const mostThreads = 4;

/** The worker's half: models and captures by handle, every fault as data. */
export function createInspector(): InspectorApi {
  const models = new Map<number, ModelEntry>();
  const captures = new Map<number, CaptureStore>();
  const calls = createCalls();
  const sharedGpu = shareGpu();
  let lastHandle = 0;
  let runtime: Runtime | undefined;
  let device: DeviceChoice = 'auto';
  let pipe: Pipe = silentPipe;
  let tellDrift: DriftListener = () => undefined;

  /** What devices deviated by at loads that came before consent did. */
  const untold: Omit<Measurement, 'at'>[] = [];
  const tellDeviations = (): void => {
    if (pipe.consent === 'granted') for (const measured of untold.splice(0)) pipe.measure(measured);
  };

  const digest: DigestTexts = async (texts, now) =>
    pipe.consent === 'granted' ? keyedDigests(texts, now) : undefined;
  const lifeSalt = randomHex(32);
  const aroundOf = (recovered: ModelRequest['recovered']): Surroundings => ({
    digest,
    get consent() {
      return pipe.consent;
    },
    record(record, words) {
      pipe.record(record, words);
      tellDeviations();
    },
    keep(store) {
      captures.set(++lastHandle, store);
      return lastHandle;
    },
    recoveries: [...recovered],
  });
  const storeOf = (capture: number): CaptureStore => {
    const store = captures.get(capture);
    if (store === undefined) throw new SondeError('disposed', 'This capture was disposed.', 'Capture again.');
    return store;
  };
  const greeted = (): Runtime => {
    if (runtime !== undefined) return runtime;
    throw new SondeError('worker_failed', 'The worker was not greeted.', 'Use createSonde().');
  };
  const entryOf = (model: number): ModelEntry => {
    const entry = models.get(model);
    if (entry === undefined) throw new SondeError('disposed', 'This model was disposed.', 'Load it again.');
    return entry;
  };
  /** A question to a model: it can be stopped, and is over before the model is disposed of. */
  const asked = <T>(
    { call, model, recovered }: ModelRequest,
    work: (entry: ModelEntry, around: Surroundings, signal: AbortSignal) => Promise<T>,
  ): Promise<Answer<T>> =>
    answer(() => calls.run(call, model, async (signal) => work(entryOf(model), aroundOf(recovered), signal)));

  return {
    hello: (options, telemetryPort, onRecord, onDrift) =>
      answer(async () => {
        requireSameBuild(options.version);
        device = options.device;
        tellDrift = onDrift;
        await holdWhileAlive(options.lifeLock);
        const isolated = globalThis.crossOriginIsolated ?? false;
        runtime = startRuntime({
          threads: isolated ? Math.min(mostThreads, navigator.hardwareConcurrency || 1) : 1,
          ...(options.wasmPaths === undefined ? {} : { wasmPaths: options.wasmPaths }),
        });
        if (options.telemetry !== undefined && telemetryPort !== undefined) {
          pipe = openPipe(telemetryPort, options.telemetry, onRecord);
        }
        return { version: sondeVersion };
      }),
    load: (request, onProgress) =>
      answer(() =>
        calls.run(request.call, undefined, async (signal) => {
          const entry = await openEntry(greeted(), sharedGpu, device, request, {
            signal,
            onProgress,
            onDrift(event) {
              pipe.drift(event);
              tellDrift(event);
            },
            onDeviation: (measured) => untold.push(measured),
          });
          tellDeviations();
          models.set(++lastHandle, entry);
          return { model: lastHandle, info: entry.info };
        }),
      ),
    generate: (request, options, port) =>
      asked(request, async (entry, around, signal) => {
        const steps = createStepSender(port, signal);
        try {
          return await generate(entry, around, request, options, steps, signal);
        } finally {
          steps.close();
        }
      }),
    capture: (request, patterns, context) =>
      asked(request, (entry, around) => capture(entry, around, request, patterns, context)),
    classify: (request, context) =>
      asked(request, (entry, around) => classify(entry, around, request, context)),
    calibrate: (request, onProgress) =>
      asked(request, (entry, _around, signal) => calibrateEntry(entry, request, signal, onProgress)),
    calibration: (handle) => answer(async () => entryOf(handle).calibration.current),
    forgetCalibrations: () =>
      answer(async () => {
        for (const { calibration } of models.values()) await calibration.forget();
      }),
    forgetCalibration: (handle) => answer(() => entryOf(handle).calibration.forget()),
    lens: (request, context) => asked(request, (entry, around) => lens(entry, around, request, context)),
    prove: (request, onProgress) =>
      asked(request, (entry, _around, signal) => proveEntry(entry, { signal, onProgress })),
    drift: (handle) => answer(async () => entryOf(handle).drift?.state),
    fidelity: (request, dtypes, onProgress) =>
      asked(request, (entry, _around, signal) =>
        compareVariants(greeted(), sharedGpu, entry, { dtypes, signal, onProgress }),
      ),
    madeUpInputs: async (handle) => {
      const made = await answer(async () => {
        const { parts, folder } = entryOf(handle);
        return madeUpInputs(parts, folder.json);
      });
      return made.ok ? transfer(made, [...new Set(Object.values(made.value).map(bufferOf))]) : made;
    },
    graphs: (handle) =>
      answer(async () => entryOf(handle).parts.map(({ model }) => model.instrumented.raw())),
    read: async (handle, hook) => {
      const read = await answer(async () => {
        const tensor = await storeOf(handle).read(hook);
        return { ...tensor, data: tensor.data.slice() };
      });
      return read.ok ? transfer(read, [read.value.data.buffer]) : read;
    },
    simHash: (handle, hook) =>
      answer(async () => {
        const { dims, data } = await storeOf(handle).read(hook);
        const width = dims.at(-1) ?? 1;
        const { hex, ...of } = await saltOf(digest, lifeSalt);
        return { hash: simHash(meanRow(data, width), await planesOf(hex, width)), ...of };
      }),
    disposeCapture: (handle) =>
      answer(async () => {
        captures.get(handle)?.dispose();
        captures.delete(handle);
      }),
    disposeModel: (handle) =>
      answer(async () => {
        const entry = models.get(handle);
        models.delete(handle);
        await calls.end(handle);
        for (const { model } of entry?.parts ?? []) await closeModel(model);
      }),
    outcome: (requestId, reported) => answer(async () => pipe.outcome(requestId, reported)),
    abort: (call) => calls.abort(call),
  };
}

const bufferOf = ({ data }: Tensor): ArrayBuffer => data.buffer as ArrayBuffer;

/** Resolves when the lock is held. Never released: the browser does it when this worker ends, however it ends. */
function holdWhileAlive(name: string): Promise<void> {
  const { locks } = navigator as { locks?: LockManager };
  if (locks === undefined) return Promise.resolve();
  return new Promise((held) => {
    void locks.request(name, () => {
      held();
      return new Promise<never>(() => undefined);
    });
  });
}

async function answer<T>(work: () => Promise<T>): Promise<Answer<T>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    return { ok: false, error: toWireError(error) };
  }
}
