import { proxy, type Remote, transfer } from 'comlink';
import type { Answer, CallId, Captured, InspectorApi, Loaded, ModelRequest } from '../protocol/inspector.ts';
import type { ModelInfo } from '../protocol/model.ts';
import type { CaptureInfo } from '../protocol/request.ts';
import { SondeError } from '../shared/errors.ts';
import type { Capture, LoadOptions, Model } from './api.ts';
import { startGeneration } from './generation.ts';
import type { Link } from './link.ts';
import { type PickedModel, pickedFiles } from './picked.ts';

/** What models share: the living worker, and numbers for calls that may be stopped. */
export interface Host {
  /** The living worker, or a new one in place of a dead one. */
  link(): Promise<Link>;
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
    };
    const loaded = await stoppable(link, call, signal, () =>
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
      Object.assign(model, current.loaded.info);
      return current;
    } finally {
      opening = undefined;
    }
  };

  /** A question that can be stopped. Some faults take the worker with them: it is made anew for the next one. */
  const asked = <T>(
    { link, loaded }: Place,
    signal: AbortSignal | undefined,
    question: (api: Remote<InspectorApi>, to: ModelRequest) => Promise<Answer<T>>,
    call = host.nextCall(),
  ): Promise<T> =>
    stoppable(link, call, signal, async () => {
      try {
        return await link.ask((api) => question(api, { call, model: loaded.model }));
      } catch (error) {
        if (error instanceof SondeError && fatal.includes(error.code)) link.end(error);
        throw error;
      }
    });

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
      const stop = (): void => void current?.link.tell((api) => api.abort(call));
      let link: Link | undefined;
      return startGeneration({
        async start(port) {
          const place = await here();
          link = place.link;
          return asked(
            place,
            signal,
            (api, to) => api.generate({ ...to, prompt }, generateOptions, transfer(port, [port])),
            call,
          );
        },
        stop,
        openCapture: ({ capture, end }) =>
          capture === undefined || end.capture === undefined || link === undefined
            ? undefined
            : openCapture(link, { capture, info: end.capture }),
      });
    },
    async capture(input, patterns, { signal, ...context } = {}) {
      const place = await here();
      const captured = await asked(place, signal, (api, to) =>
        api.capture({ ...to, input }, patterns, context),
      );
      return openCapture(place.link, captured);
    },
    async classify(text, { signal, ...context } = {}) {
      return asked(await here(), signal, (api, to) => api.classify({ ...to, text }, context));
    },
    async calibrate(labelled, { signal, coverage = 0.9 } = {}) {
      return asked(await here(), signal, (api, to) => api.calibrate({ ...to, labelled, coverage }));
    },
    calibration: () => told((api, model) => api.calibration(model)),
    forgetCalibration: () => told((api, model) => api.forgetCalibration(model)),
    async lens(text, { signal, ...context } = {}) {
      return asked(await here(), signal, (api, to) => api.lens({ ...to, text }, context));
    },
    async prove({ signal, onProgress = () => undefined } = {}) {
      return asked(await here(), signal, (api, to) => api.prove(to, proxy(onProgress)));
    },
    async fidelity({ dtypes, signal, onProgress = () => undefined } = {}) {
      return asked(await here(), signal, (api, to) => api.fidelity(to, dtypes, proxy(onProgress)));
    },
    drift: () => told((api, model) => api.drift(model)),
    madeUpInputs: () => told((api, model) => api.madeUpInputs(model)),
    graphs: () => told((api, model) => api.graphs(model)),
    async dispose() {
      if (disposed) return;
      disposed = true;
      if (current !== undefined && !current.link.isGone()) {
        const { link, loaded } = current;
        await link.ask((api) => api.disposeModel(loaded.model));
      }
    },
  };

  const model = methods as Model;
  await here();
  return model;
}

function openCapture(link: Link, { capture, info }: Captured): Capture {
  let disposed = false;
  const opened: CaptureInfo & Pick<Capture, 'get' | 'dispose'> = {
    ...info,
    async get(name) {
      if (disposed) throw new SondeError('disposed', 'This capture was disposed.', 'Capture again.');
      return link.ask((api) => api.read(capture, name));
    },
    async dispose() {
      if (disposed) return;
      disposed = true;
      if (!link.isGone()) await link.ask((api) => api.disposeCapture(capture));
    },
  };
  return opened;
}

/** Rejects at once when the signal fires; the worker stops at its next step. */
async function stoppable<T>(
  link: Link,
  call: CallId,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  if (signal === undefined) return work();
  const stopped = (): SondeError =>
    new SondeError('aborted', 'The request was stopped.', 'Start it again when it is wanted.');
  if (signal.aborted) throw stopped();
  let onAbort: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => {
      link.tell((api) => api.abort(call));
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
