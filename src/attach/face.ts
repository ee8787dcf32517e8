import type { Ort, OrtFetches, OrtRunOptions, OrtSession, Runtime } from '../run/runtime.ts';
import type { Feeds, Fetches } from '../run/sessions.ts';
import type { RunCall, Subject } from './subject.ts';
import type { Shared } from './takeover.ts';

/** What stands behind an InferenceSession of onnxruntime-common; `run` gets its arguments checked and sorted. */
interface Handler {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputMetadata: OrtSession['inputMetadata'];
  readonly outputMetadata: OrtSession['outputMetadata'];
  run(feeds: Feeds, fetches: OrtFetches, options: OrtRunOptions): Promise<Fetches>;
  dispose(): Promise<void>;
  startProfiling(): void;
  endProfiling(): void;
}

export type Run = (call: RunCall) => Promise<Fetches>;

/**
 * The session that the application holds: a real InferenceSession, but the weights that Sonde made inputs are not
 * among its inputs.
 */
export function faceOf(
  ort: Ort,
  subject: Subject,
  { ports }: Shared,
  run: Run,
  released: () => void,
): OrtSession {
  const { inputs, outputs } = subject;
  const handler: Handler = {
    inputNames: inputs,
    outputNames: outputs,
    inputMetadata: ports.inputMetadata.filter(({ name }) => inputs.includes(name)),
    outputMetadata: ports.outputMetadata.filter(({ name }) => outputs.includes(name)),
    run: (feeds, ...rest) => run({ feeds, rest }),
    async dispose() {
      released();
      await subject.release();
    },
    startProfiling: () => undefined,
    endProfiling: () => undefined,
  };
  const Session = ort.InferenceSession as unknown as new (handler: Handler) => OrtSession;
  return new Session(handler);
}

/** The application's own session, whose runs wait for their turn like all others and are observed. */
export function watchPlain(
  session: OrtSession,
  subject: Subject,
  run: Run,
  released: () => void,
): OrtSession {
  return Object.assign(session, {
    run: (feeds: Feeds, ...rest: unknown[]) => run({ feeds, rest }),
    async release() {
      released();
      await subject.release();
    },
  });
}

/** The application's own session, unobserved. */
export function takeTurns({ exclusive }: Runtime, session: OrtSession): OrtSession {
  const run = session.run.bind(session) as (...call: unknown[]) => ReturnType<OrtSession['run']>;
  return Object.assign(session, { run: (...call: unknown[]) => exclusive(() => run(...call)) });
}
