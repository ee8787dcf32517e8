import { type Destination, startDelivery } from '../../../../src/deliver/delivery.ts';
import type { Consent, Ledger, TelemetryEvent } from '../../../../src/protocol/telemetry.ts';
import type { Outcome } from '../../../../src/schema/record.ts';
import { type Exported, toConsole, toFunction, toOtlp } from '../../../../src/telemetry.ts';
import type { Order } from './worker.ts';

/** What the tests call inside the page. */
export interface Harness {
  emit(ids: readonly string[], outcome?: Outcome): Promise<void>;
  /** Requests that end: all of them are measured, every tenth is sent as a record. */
  serve(ids: readonly string[], outcome?: Outcome): Promise<void>;
  /** One record every `everyMs`, named `<prefix>0`, `<prefix>1`, ... until the page is gone. */
  emitEvery(everyMs: number, prefix: string): void;
  readonly emitted: number;
  readonly ledger: Ledger;
  /** Without bodies, so that they serialise. */
  readonly events: readonly Record<string, unknown>[];
  setConsent(consent: Consent): Promise<void>;
  flush(): Promise<void>;
  kill(): void;
  /** What the page's own backend was given, and what it does with it. */
  readonly exported: readonly Exported[];
  backend: (exported: Exported) => void | Promise<void>;
  /** The worker dies without a word and another takes its seat. */
  replaceWorker(): void;
}

declare global {
  interface Window {
    harness: Harness;
  }
}

const parameters = new URLSearchParams(location.search);
const events: Record<string, unknown>[] = [];
let worker: Worker;
let emitted = 0;
const waiting: (() => void)[] = [];

const onEvent = (event: TelemetryEvent): void => {
  events.push(event.kind === 'sent' ? { ...event, body: [...event.body.slice(0, 2)] } : { ...event });
};

const exported: Exported[] = [];
const endpoint = parameters.get('endpoint') ?? '/telemetry';
const destinations: Readonly<Record<string, Destination>> = {
  collector: { endpoint, key: 'pk_test' },
  otlp: { backend: toOtlp(endpoint, { 'x-token': 'secret' }) },
  function: { backend: toFunction((taken) => window.harness.backend(taken)) },
  console: { backend: toConsole() },
};

const delivery = startDelivery({
  ...(destinations[parameters.get('to') ?? 'collector'] as Destination),
  consent: (parameters.get('consent') ?? 'granted') as Consent,
  onEvent,
});

const order = (message: Order, transfer: Transferable[] = []): void => worker.postMessage(message, transfer);

function startWorker(): void {
  worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module' });
  worker.onmessage = () => waiting.shift()?.();
  const seat = delivery.connect();
  order({ kind: 'open', seat }, [seat.port]);
}

startWorker();

const make = (kind: 'emit' | 'serve', ids: readonly string[], outcome: Outcome): Promise<void> =>
  new Promise((resolve) => {
    waiting.push(resolve);
    order({ kind, ids, outcome });
  });

window.harness = {
  emit(ids, outcome = 'ok') {
    emitted += ids.length;
    return make('emit', ids, outcome);
  },
  serve: (ids, outcome = 'ok') => make('serve', ids, outcome),
  emitEvery(everyMs, prefix) {
    let next = 0;
    setInterval(() => void window.harness.emit([`${prefix}${next++}`]), everyMs);
  },
  get emitted() {
    return emitted;
  },
  get ledger() {
    return delivery.ledger;
  },
  events,
  setConsent: (consent) => delivery.setConsent(consent),
  flush: () => delivery.flush(),
  kill: () => delivery.kill(),
  exported,
  backend: (taken) => void exported.push(taken),
  replaceWorker() {
    order({ kind: 'fail' });
    startWorker();
  },
};
