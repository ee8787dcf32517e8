import type { PageLife, ToPage, ToWorker } from '../batch/messages.ts';
import type { Consent, Ledger, Signal, TelemetryEvent } from '../protocol/telemetry.ts';
import { toHex } from '../shared/digest.ts';
import { epochMilliseconds } from '../shared/units.ts';
import { collectorTransport } from './collector.ts';
import { emptyLedger, settledPart, sumLedgers } from './ledger.ts';
import { watchLifecycle } from './lifecycle.ts';
import { Mirror } from './mirror.ts';
import { Sender } from './sender.ts';
import type { Backend } from './transport.ts';

export type Destination =
  | {
      /** Base URL of Sonde's collector; `/v1/logs` and `/v1/metrics` are appended. */
      readonly endpoint: string;
      /** Public write key, sent as `?key=`. It names the sender, it keeps nobody out. */
      readonly key?: string;
    }
  /** From `sonde/telemetry`: any OTLP/HTTP endpoint, a function of yours, or the console. */
  | { readonly backend: Backend };

export type DeliveryOptions = Destination & {
  /** Default `pending`. */
  readonly consent?: Consent;
  /** Must not throw. */
  readonly onEvent: (event: TelemetryEvent) => void;
};

/** What a starting worker needs for `openBatch`; transfer `port`. */
export interface Seat {
  readonly port: MessagePort;
  readonly life: PageLife;
  readonly consent: Consent;
}

/** The page's half of the telemetry pipe. */
export interface Delivery {
  /** As asked for, except that Global Privacy Control turns `granted` into `denied`. */
  readonly consent: Consent;
  /** The worker's as last told, and what workers before it had settled. */
  readonly ledger: Ledger;
  /** A seat for a worker; again for its successor when it crashed. */
  connect(): Seat;
  /** Stops sending at once on `denied`; resolves when the worker has deleted the journal. */
  setConsent(consent: Consent): Promise<void>;
  /** Seals what is open and sends it; resolves when all is answered or has to wait. */
  flush(): Promise<void>;
  /** Ends the pipe for this page life; what was pending is deleted and counted. */
  kill(): void;
  /** Beacons what is unsent. The journal stays for the next visit. */
  close(): void;
}

/** @throws SondeError `invalid_argument` when the endpoint is not a URL */
export const startDelivery = (options: DeliveryOptions): Delivery => new Pipe(options);

class Pipe implements Delivery {
  readonly #onEvent: (event: TelemetryEvent) => void;
  readonly #session = toHex(crypto.getRandomValues(new Uint8Array(16)));
  /** What one signal meets, a refusal or a wait, does not stop the other. */
  readonly #lines: Readonly<Record<Signal, { readonly mirror: Mirror; readonly sender: Sender }>>;
  readonly #closing = new AbortController();
  readonly #calls = new Map<number, () => void>();
  #lastCall = 0;
  #epoch = -1;
  #port: MessagePort | undefined;
  #consent: Consent;
  #ledger = emptyLedger;
  /** Settled by the workers before this one. */
  #before = emptyLedger;

  constructor(options: DeliveryOptions) {
    const { consent = 'pending', onEvent } = options;
    this.#onEvent = onEvent;
    this.#consent = honour(consent);
    const transportOf: Backend =
      'backend' in options
        ? options.backend
        : (signal) => collectorTransport(options.endpoint, signal, options.key);
    const line = (signal: Signal) => {
      const mirror = new Mirror();
      const sender = new Sender({
        transport: transportOf(signal),
        mirror,
        consented: () => this.#consent === 'granted',
        tell: (message) => {
          this.#tell(message);
          if (message.kind === 'policy' && message.policy.off === true) this.#end();
        },
        onEvent,
      });
      return { mirror, sender };
    };
    // The few bytes that stand for all requests go first where not everything may.
    this.#lines = { metrics: line('metrics'), logs: line('logs') };
    watchLifecycle(
      {
        leave: () => this.#each((sender) => sender.leave()),
        resume: () => this.#each((sender) => sender.kick()),
        online: () => this.#each((sender) => sender.online()),
      },
      this.#closing.signal,
    );
  }

  get consent(): Consent {
    return this.#consent;
  }

  get ledger(): Ledger {
    return this.#ledger;
  }

  connect(): Seat {
    this.#disconnect();
    this.#before = settledPart(this.#ledger);
    for (const { mirror } of Object.values(this.#lines)) mirror.keepTail();
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }: MessageEvent<ToPage>) => this.#receive(data);
    this.#port = port1;
    this.#epoch += 1;
    this.#each((sender) => sender.kick());
    return { port: port2, life: { session: this.#session, epoch: this.#epoch }, consent: this.#consent };
  }

  async setConsent(consent: Consent): Promise<void> {
    this.#consent = honour(consent);
    if (this.#consent !== 'granted') this.#each((sender) => sender.forget());
    await this.#call((call) => ({ kind: 'consent', consent: this.#consent, call }));
  }

  async flush(): Promise<void> {
    await this.#call((call) => ({ kind: 'flush', call }));
    await Promise.all(Object.values(this.#lines).map(({ sender }) => sender.rested()));
  }

  kill(): void {
    this.#end();
    this.#tell({ kind: 'kill' });
  }

  close(): void {
    this.#each((sender) => {
      sender.leave();
      sender.stop();
    });
    this.#closing.abort();
    this.#disconnect();
  }

  #end(): void {
    this.#each((sender) => {
      sender.stop();
      sender.forget();
    });
  }

  #each(work: (sender: Sender) => void): void {
    for (const { sender } of Object.values(this.#lines)) work(sender);
  }

  #disconnect(): void {
    this.#port?.close();
    this.#port = undefined;
    for (const done of this.#calls.values()) done();
    this.#calls.clear();
  }

  #receive(message: ToPage): void {
    switch (message.kind) {
      case 'frame':
        this.#lines.logs.mirror.addFrame(message.life, message.id, message.frame);
        break;
      case 'log':
        this.#lines.logs.mirror.addLog(message.log);
        this.#lines.logs.sender.tailGrew();
        break;
      case 'draft':
        this.#lines.metrics.mirror.addDraft(message.chunk);
        this.#lines.metrics.sender.tailGrew();
        break;
      case 'chunk': {
        const { mirror, sender } = this.#lines[message.chunk.life.signal];
        mirror.addChunk(message.chunk);
        sender.kick();
        break;
      }
      case 'forget':
        this.#each((sender) => sender.forget());
        break;
      case 'ledger':
        this.#ledger = sumLedgers(this.#before, message.ledger);
        this.#onEvent({ kind: 'ledger', ledger: this.#ledger });
        break;
      case 'hold':
        this.#each((sender) => sender.holdUntil(message.until));
        break;
      case 'trouble':
        this.#onEvent({
          kind: 'trouble',
          at: epochMilliseconds(Date.now()),
          reason: message.reason,
          blocked: false,
        });
        break;
      case 'done':
        this.#calls.get(message.call)?.();
        this.#calls.delete(message.call);
    }
  }

  #tell(message: ToWorker): void {
    this.#port?.postMessage(message);
  }

  /** Resolves when the worker says so, or is gone. */
  #call(message: (call: number) => ToWorker): Promise<void> {
    if (this.#port === undefined) return Promise.resolve();
    const call = ++this.#lastCall;
    return new Promise((resolve) => {
      this.#calls.set(call, resolve);
      this.#tell(message(call));
    });
  }
}

/** Global Privacy Control is the visitor's no; an application cannot turn it into a yes. */
const honour = (consent: Consent): Consent =>
  consent === 'granted' && (navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl === true
    ? 'denied'
    : consent;
