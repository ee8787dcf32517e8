import { proxy, type Remote, transfer } from 'comlink';
import type { CallId, Captured, ModelRequest } from '../protocol/calls.ts';
import type { DeviceChoice, Fallback } from '../protocol/device.ts';
import type { Answer, InspectorApi, Loaded } from '../protocol/inspector.ts';
import type { ModelInfo } from '../protocol/model.ts';
import type { CaptureInfo, Recovery } from '../protocol/request.ts';
import { SondeError } from '../shared/errors.ts';
import type { Capture, LoadOptions, Model } from './api.ts';
import { startGeneration } from './generation.ts';
import type { Link } from './link.ts';
import { type PickedModel, pickedFiles } from './picked.ts';
import { recoveryFrom } from './recover.ts';

/** What models share: the living worker, and numbers for calls that may be stopped. */
export interface Host {
  /** The living worker, or a new one in place of a dead one. */
  link(): Promise<Link>;
  /** As it was asked for. */
  readonly device: DeviceChoice;
  nextCall(): CallId;
}

/** The worker that a model lives in, and its handle there. */
interface Place {
  readonly link: Link;
  readonly loaded: Loaded;
}

/** The device is gone, or the runtime's heap may be broken. */
const fatal: readonly string[] = ['device_lost', 'out_of_memory', 'worker_failed'];

const disposedModel = (): SondeError =>
  new SondeError('disposed', 'This model was disposed.', 'Load it again.');

/** Loads a model, and loads it again by itself in a new worker when the old one is gone. */
export async function openModel(
  host: Host,
  source: string | PickedModel,
  options: LoadOptions,
): Promise<Model> {
  let disposed = false;
  let current: Place | undefined;
  let opening: Promise<Place> | undefined;
  let fallen: Fallback | undefined;

  const load = async (): Promise<Place> => {
    const link = await host.link();
    const call = host.nextCall();
    const { signal, onProgress = () => undefined, dtype, hub } = options;
    const request = {
      call,
      model: typeof source === 'string' ? source : await pickedFiles(source),
      base: document.baseURI,
      ...(dtype === undefined ? {} : { dtype }),
      ...(hub === undefined ? {} : { hub }),
      ...(fallen === undefined ? {} : { fallen }),
    };
    const stop = (): void => link.tell((api) => api.abort(call));
    const loaded = await stoppable(stop, signal, () =>
      link.ask((api) => api.load(request, proxy(onProgress))),
    );
    return { link, loaded };
  };

  const here = async (): Promise<Place> => {
    if (disposed) throw disposedModel();
    if (current !== undefined && !current.link.isGone()) return current;
    opening ??= load();
    try {
      current = await opening;
      if (disposed) throw disposedModel();
      Object.assign(model, current.loaded.info);
      return current;
    } finally {
      opening = undefined;
    }
  };

  /** A question that can be stopped. Some faults take the worker with them: then it is asked again in the next. */
  const askedAt = <T>(
    signal: AbortSignal | undefined,
    question: (api: Remote<InspectorApi>, to: ModelRequest) => Promise<Answer<T>>,
    call = host.nextCall(),
  ): Promise<{ readonly value: T; readonly link: Link }> => {
    const stop = (): void => current?.link.tell((api) => api.abort(call));
    const recovered: Recovery[] = [];
    return stoppable(stop, signal, async () => {
      for (;;) {
        const { link, loaded } = await here();
        try {
          const value = await link.ask((api) => question(api, { call, model: loaded.model, recovered }));
          if (disposed) throw disposedModel();
          return { value, link };
        } catch (error) {
          if (disposed) throw disposedModel();
          if (!(error instanceof SondeError) || !fatal.includes(error.code)) throw error;
          const isOwn = !link.isGone();
          link.end(error);
          const { device, dtype } = loaded.info.device;
          const canMove = host.device === 'auto' && device === 'webgpu';
          const recovery = recoveryFrom(error, { isOwn, canMove, before: recovered });
          if (recovery === undefined || signal?.aborted === true) throw error;
          if (isOwn && error.code === 'out_of_memory') fallen = { device, dtype, reason: error.message };
          recovered.push(recovery);
        }
      }
    });
  };

  const asked = async <T>(...question: Parameters<typeof askedAt<T>>): Promise<T> =>
    (await askedAt(...question)).value;

  /** A question that runs nothing. */
  const told = async <T>(
    question: (api: Remote<InspectorApi>, model: number) => Promise<Answer<T>>,
  ): Promise<T> => {
    const { link, loaded } = await here();
    return link.ask((api) => question(api, loaded.model));
  };

  const methods: Omit<Model, keyof ModelInfo> = {
    generate(prompt, { signal, ...generateOptions } = {}) {
      const call = host.nextCall();
      let isStopped = false;
      let home: Link | undefined;
      return startGeneration({
        async start(connect) {
          const { value, link } = await askedAt(
            signal,
            async (api, to) => {
              if (isStopped) throw stopped();
              const port = connect();
              return api.generate({ ...to, prompt }, generateOptions, transfer(port, [port]));
            },
            call,
          );
          home = link;
          return value;
        },
        stop() {
          isStopped = true;
          current?.link.tell((api) => api.abort(call));
        },
        openCapture: ({ capture, end }) =>
          capture === undefined || end.capture === undefined || home === undefined
            ? undefined
            : openCapture(home, { capture, info: end.capture }),
      });
    },
    async capture(input, patterns, { signal, ...context } = {}) {
      const { value, link } = await askedAt(signal, (api, to) =>
        api.capture({ ...to, input }, patterns, context),
      );
      return openCapture(link, value);
    },
    classify: (text, { signal, ...context } = {}) =>
      asked(signal, (api, to) => api.classify({ ...to, text }, context)),
    calibrate: (labelled, { signal, coverage = 0.9, onProgress = () => undefined } = {}) =>
      asked(signal, (api, to) => api.calibrate({ ...to, labelled, coverage }, proxy(onProgress))),
    calibration: () => told((api, model) => api.calibration(model)),
    forgetCalibration: () => told((api, model) => api.forgetCalibration(model)),
    lens: (text, { signal, ...context } = {}) =>
      asked(signal, (api, to) => api.lens({ ...to, text }, context)),
    prove: ({ signal, onProgress = () => undefined } = {}) =>
      asked(signal, (api, to) => api.prove(to, proxy(onProgress))),
    fidelity: ({ dtypes, signal, onProgress = () => undefined } = {}) =>
      asked(signal, (api, to) => api.fidelity(to, dtypes, proxy(onProgress))),
    drift: () => told((api, model) => api.drift(model)),
    madeUpInputs: () => told((api, model) => api.madeUpInputs(model)),
    graphs: () => told((api, model) => api.graphs(model)),
    async dispose() {
      if (disposed) return;
      disposed = true;
      const place = opening === undefined ? current : await opening.catch(() => undefined);
      if (place === undefined || place.link.isGone()) return;
      await place.link.ask((api) => api.disposeModel(place.loaded.model));
    },
  };

  const model = methods as Model;
  await here();
  return model;
}

function openCapture(link: Link, { capture, info }: Captured): Capture {
  let disposed = false;
  async function ask<T>(question: (api: Remote<InspectorApi>) => Promise<Answer<T>>): Promise<T> {
    if (disposed) throw new SondeError('disposed', 'This capture was disposed.', 'Capture again.');
    return link.ask(question);
  }
  const opened: CaptureInfo & Pick<Capture, 'get' | 'simHash' | 'dispose'> = {
    ...info,
    get: (name) => ask((api) => api.read(capture, name)),
    simHash: (name) => ask((api) => api.simHash(capture, name)),
    async dispose() {
      if (disposed) return;
      disposed = true;
      if (!link.isGone()) await link.ask((api) => api.disposeCapture(capture));
    },
  };
  return opened;
}

const stopped = (): SondeError =>
  new SondeError('aborted', 'The request was stopped.', 'Start it again when it is wanted.');

/** Rejects at once when the signal fires; the worker stops at its next step. */
async function stoppable<T>(
  stop: () => void,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (signal === undefined) return work();
  if (signal.aborted) throw stopped();
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => {
      stop();
      reject(stopped());
    };
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work(), aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
