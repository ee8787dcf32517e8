import { DriftWatch } from '../inspect/drift.ts';
import { openPipe, type Pipe, silentPipe } from '../inspect/telemetry.ts';
import { parseBaseline } from '../observe/drift/parse-baseline.ts';
import { openTelemetry, type TelemetryPipe } from '../open/telemetry.ts';
import { openGpu } from '../run/device.ts';
import type { Gpu } from '../run/gpu.ts';
import { type OrtSession, type Runtime, shareRuntime } from '../run/runtime.ts';
import { applicationRuntime as ort } from '../run/runtime.worker.ts';
import type { Fetches } from '../run/sessions.ts';
import { SondeError } from '../shared/errors.ts';
import type { AttachOptions, ObservedRequest, TransformersInspector } from './api.ts';
import { Capturing } from './capturing.ts';
import { Exchanges } from './exchanges.ts';
import { faceOf, takeTurns, watchPlain } from './face.ts';
import { requireOneRuntime, whyNothingRan } from './one-runtime.ts';
import { type Scope, Scopes } from './scopes.ts';
import { awaitSeat } from './seat.ts';
import { type RunCall, Subject } from './subject.ts';
import { type Create, takeOver } from './takeover.ts';

let isAttached = false;
/** Outlives a `detach`: sessions that are open still take their turns on it. */
let runtime: Runtime | undefined;

/**
 * Looks into every transformers.js pipeline of this thread (a page or any worker) that is made from now on, before or
 * after the library is imported. Existing code stays as it is and gets the same results.
 *
 * Costs: the downloaded bytes of each model stay in memory, so that a capture can tap its graph.
 * @throws SondeError `second_runtime` when transformers.js runs on another copy of onnxruntime-web,
 * `invalid_argument` when this thread is attached already, or telemetry is asked for in a worker
 */
export function attach(options: AttachOptions = {}): TransformersInspector {
  requireOneRuntime(ort, options.env);
  if (isAttached) {
    throw new SondeError(
      'invalid_argument',
      'Sonde is attached to this thread already.',
      'Keep the inspector of the first attach(), or detach() it.',
    );
  }
  const isPage = typeof document !== 'undefined';
  if (!isPage && options.telemetry !== undefined) {
    throw new SondeError(
      'invalid_argument',
      'A worker cannot carry telemetry out when its page goes.',
      'Call attach() without `telemetry` here, and connectSonde(worker, { telemetry }) on the page.',
    );
  }
  const create = ort.InferenceSession.create;
  runtime ??= shareRuntime(ort, create);
  const shared = runtime;
  const page =
    options.telemetry === undefined ? undefined : openTelemetry(options.telemetry, options.service);
  let pipe: Pipe = page === undefined ? silentPipe : openSeat(page);
  const leaveSeat = isPage ? () => undefined : awaitSeat((opened) => (pipe = opened));

  const subjects: Subject[] = [];
  const listeners = new Set<(request: ObservedRequest) => void>();
  /** Each says whether an alarm stands for a request. */
  const watches = new Set<(request: ObservedRequest) => boolean>();
  const scopes = new Scopes();
  let created = 0;
  let detached = false;

  const exchanges = new Exchanges({
    isHeard: () => !detached && (listeners.size + watches.size > 0 || pipe !== silentPipe),
    onEnd(observed) {
      const alarms = [...watches].filter((sees) => harmless(() => sees(observed)) === true);
      const request =
        alarms.length === 0 ? observed : { ...observed, record: { suspicious: true, ...observed.record } };
      harmless(() => pipe.record(request.record));
      for (const listener of listeners) harmless(() => listener(request));
    },
  });

  const run = async (subject: Subject, call: RunCall): Promise<Fetches> => {
    const scope = scopes.current;
    if (scope !== undefined) scope.runs += 1;
    const followed = detached ? undefined : harmless(() => exchanges.begin(subject, call.feeds, scope));
    try {
      const outputs = await (scope?.capturing?.run(subject, call, followed?.exchange ?? subject) ??
        subject.run(call));
      harmless(() => followed?.done(outputs));
      return outputs;
    } catch (error) {
      harmless(() => followed?.failed(error));
      // The application sees what it would see without Sonde.
      throw error instanceof SondeError ? (error.cause ?? error) : error;
    }
  };

  const wrapped: Create = async (...call) => {
    created += 1;
    const opened = await takeOver(shared, create as Create, call, shareGpu);
    if ('isOperator' in opened.made && opened.made.isOperator) return takeTurns(shared, opened.made.session);
    const subject = new Subject(shared, opened, subjects);
    subjects.push(subject);
    const released = (): void => {
      const at = subjects.indexOf(subject);
      if (at >= 0) subjects.splice(at, 1);
    };
    const face = faceFor(subject, opened.made, released);
    subject.face = face as Subject['face'];
    return face;
  };

  const faceFor = (
    subject: Subject,
    made: Awaited<ReturnType<typeof takeOver>>['made'],
    released: () => void,
  ): OrtSession =>
    'shared' in made
      ? faceOf(ort, subject, made.shared, (call) => run(subject, call), released)
      : watchPlain(made.session, subject, (call) => run(subject, call), released);

  const inScope = async <T>(scope: Scope, work: () => T | Promise<T>): Promise<T> => {
    try {
      return await scopes.run(scope, work);
    } finally {
      for (const exchange of scope.begun) exchanges.end(exchange);
    }
  };

  ort.InferenceSession.create = wrapped as typeof create;
  isAttached = true;

  return {
    get models() {
      return subjects.map(({ described }) => described);
    },
    ...(page === undefined ? {} : { telemetry: page }),
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    watchDrift(baseline, listener, isOf = () => true) {
      const watch = new DriftWatch(parseBaseline(baseline), (event) => {
        harmless(() => pipe.drift(event));
        listener(event);
      });
      const sees = (request: ObservedRequest): boolean => isOf(request) && watch.see(request.record);
      watches.add(sees);
      return () => void watches.delete(sees);
    },
    async request(context, work) {
      const scope: Scope = { context, begun: new Set(), runs: 0 };
      const result = await inScope(scope, work);
      const why = scope.runs === 0 ? whyNothingRan(ort, created) : undefined;
      if (why?.code === 'second_runtime') throw why;
      return result;
    },
    async capture(patterns, work, context = {}) {
      const capturing = new Capturing(patterns);
      for (const subject of subjects) capturing.tapsOf(subject);
      if (subjects.length > 0) capturing.requireAll();
      const scope: Scope = { context, capturing, begun: new Set(), runs: 0 };
      try {
        const result = await inScope(scope, work);
        if (scope.runs === 0) throw whyNothingRan(ort, created);
        capturing.requireAll();
        capturing.requireWhole();
        return { result, captures: capturing.captures };
      } catch (error) {
        for (const capture of capturing.captures) capture.dispose();
        throw error;
      }
    },
    detach() {
      if (detached) return;
      detached = true;
      isAttached = false;
      leaveSeat();
      // Somebody else may have wrapped it since; theirs is not ours to take away.
      if (ort.InferenceSession.create === (wrapped as typeof create)) ort.InferenceSession.create = create;
      page?.close();
      pipe.close();
    },
  };
}

let sharedGpu: Promise<Gpu> | undefined;

/**
 * One device for all sessions, never the one that the runtime opens by itself: that is gone with the last session
 * that was made on it. A lost one is opened anew.
 */
function shareGpu(): Promise<Gpu> {
  const forget = (): void => {
    sharedGpu = undefined;
  };
  if (sharedGpu === undefined) {
    sharedGpu = openGpu();
    sharedGpu.then(({ device }) => device.lost.then(forget), forget);
  }
  return sharedGpu;
}

/** Both halves of the telemetry pipe in one thread, with a channel between them. */
function openSeat(page: TelemetryPipe): Pipe {
  const { port, hello } = page.connect();
  return openPipe(port, hello, page.onRecord);
}

/** An observer's fault is reported and stays with the observer. */
function harmless<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    reportError(error);
    return undefined;
  }
}
