import {
  attach,
  connectSonde,
  type Ledger,
  type Telemetry,
  type TelemetryEvent,
} from '../../../../src/transformers.ts';
import { answer } from './pipe.ts';

/** What the tests call inside the page. */
export interface Application {
  /** What the pipeline says, or the worker answered: each answer with the message it answers. */
  ask(text: string): Promise<unknown>;
  readonly answers: readonly unknown[];
  readonly kinds: readonly TelemetryEvent['kind'][];
  ledger(): Promise<Ledger>;
}

declare global {
  interface Window {
    application: Application;
  }
}

const parameters = new URLSearchParams(location.search);
const endpoint = parameters.get('endpoint') ?? '/telemetry';
const telemetry = { endpoint, key: 'pk_test', consent: 'granted' } as const;
const service = { name: 'shop', version: '4.2', environment: 'test' };
const kinds: TelemetryEvent['kind'][] = [];
const answers: unknown[] = [];

function application(pipe: Telemetry | undefined, ask: Application['ask']): Application {
  pipe?.subscribe(({ kind }) => kinds.push(kind));
  return { ask, answers, kinds, ledger: async () => (await pipe?.ledger()) as Ledger };
}

function inWorker(): Application {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  worker.addEventListener('message', ({ data }) => answers.push(data));
  const connection = connectSonde(worker, { telemetry, service });
  return application(connection.telemetry, async (text) => {
    await connection.connected;
    const answered = new Promise((resolve) => worker.addEventListener('message', resolve, { once: true }));
    worker.postMessage(text);
    await answered;
    return answers.at(-1);
  });
}

function onPage(): Application {
  const inspector = attach({ telemetry, service });
  return application(inspector.telemetry, async (text) =>
    inspector.request({ requestId: 'asked-1', cohort: 'b' }, () => answer(text)),
  );
}

window.application = parameters.has('worker') ? inWorker() : onPage();
