import type { Chunk, ChunkId, Life, ToPage, ToWorker } from '../batch/messages.ts';
import type { Consent, Ledger, TelemetryEvent } from '../protocol/telemetry.ts';
import type { Control, Policy } from '../shared/control.ts';
import { toHex } from '../shared/digest.ts';
import { SondeError } from '../shared/errors.ts';
import { bytes, type EpochMilliseconds, epochMilliseconds, type Milliseconds } from '../shared/units.ts';
import type { Verdict } from './answer.ts';
import { backoff } from './backoff.ts';
import { CrashCover } from './crash-cover.ts';
import { leave } from './exit.ts';
import { isPrerendering, watchLifecycle } from './lifecycle.ts';
import { Mirror } from './mirror.ts';
import { beacon, post, survivesThePage } from './transport.ts';

export interface DeliveryOptions {
  /** Base URL; `/v1/logs` is appended. */
  readonly endpoint: string;
  /** Sent as `?key=`: a beacon sets no headers. */
  readonly key?: string;
  /** Default `pending`. */
  readonly consent?: Consent;
  /** Must not throw. */
  readonly onEvent: (event: TelemetryEvent) => void;
}

/** What a starting worker needs for `openBatch`; transfer `port`. */
export interface Seat {
  readonly port: MessagePort;
  readonly life: Life;
  readonly consent: Consent;
}

/** The page's half of the telemetry pipe. */
export interface Delivery {
  /** As asked for, except that Global Privacy Control turns `granted` into `denied`. */
  readonly consent: Consent;
  /** The worker's as last told. */
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

const nothing: Ledger = { emitted: 0, acknowledged: 0, pending: 0, dropped: {} };
/** `setTimeout` counts in 31 bits. */
const longestTimer = 2 ** 31 - 1;
/** Answers missing in a row after which the endpoint counts as blocked. */
const blockedAfter = 3;
const beaconAgainMs = 1000;

const now = (): EpochMilliseconds => epochMilliseconds(Date.now());

function signalUrl(endpoint: string, query: string): string {
  try {
    return new URL(`${endpoint.replace(/\/$/, '')}/v1/logs${query}`, location.href).href;
  } catch (cause) {
    throw new SondeError(
      'invalid_argument',
      'The telemetry endpoint is not a URL.',
      'Give `telemetry.endpoint` as a path like `/telemetry` or as a full address.',
      { cause },
    );
  }
}

/** @throws SondeError `invalid_argument` when the endpoint is not a URL */
export const startDelivery = (options: DeliveryOptions): Delivery => new Pipe(options);

class Pipe implements Delivery {
  readonly #url: string;
  readonly #onEvent: (event: TelemetryEvent) => void;
  readonly #session = toHex(crypto.getRandomValues(new Uint8Array(16)));
  readonly #mirror = new Mirror();
  readonly #cover: CrashCover;
  readonly #closing = new AbortController();
  readonly #calls = new Map<number, () => void>();
  #epoch = -1;
  #port: MessagePort | undefined;
  #consent: Consent;
  #ledger: Ledger = nothing;
  #lastCall = 0;
  #flying: Chunk | undefined;
  #failures = 0;
  /** Nothing is sent before; a server's own Retry-After holds back beacons too. */
  #wait: { readonly until: number; readonly ordered: boolean } = { until: 0, ordered: false };
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Set once: refused, killed or closed. */
  #stopped = false;
  #resting: (() => void)[] = [];

  constructor({ endpoint, key, consent = 'pending', onEvent }: DeliveryOptions) {
    const query = key === undefined ? '' : `?key=${encodeURIComponent(key)}`;
    this.#url = signalUrl(endpoint, query);
    this.#onEvent = onEvent;
    this.#consent = honour(consent);
    this.#cover = new CrashCover(this.#mirror, this.#url);
    watchLifecycle({ leave: () => this.#leave(), resume: () => void this.#resume() }, this.#closing.signal);
  }

  get consent(): Consent {
    return this.#consent;
  }

  get ledger(): Ledger {
    return this.#ledger;
  }

  connect(): Seat {
    this.#port?.close();
    for (const done of this.#calls.values()) done();
    this.#calls.clear();
    this.#mirror.keepTail();
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }: MessageEvent<ToPage>) => this.#receive(data);
    this.#port = port1;
    this.#epoch += 1;
    this.#kick();
    return { port: port2, life: { session: this.#session, epoch: this.#epoch }, consent: this.#consent };
  }

  async setConsent(consent: Consent): Promise<void> {
    this.#consent = honour(consent);
    if (this.#consent !== 'granted') this.#forget();
    await this.#call((call) => ({ kind: 'consent', consent: this.#consent, call }));
  }

  async flush(): Promise<void> {
    await this.#call((call) => ({ kind: 'flush', call }));
    await new Promise<void>((resolve) => {
      this.#resting.push(resolve);
      this.#kick();
    });
  }

  kill(): void {
    this.#stop();
    this.#forget();
    this.#tell({ kind: 'kill' });
  }

  close(): void {
    this.#leave();
    this.#closing.abort();
    this.#stop();
    this.#port?.close();
    for (const done of this.#calls.values()) done();
  }

  #receive(message: ToPage): void {
    switch (message.kind) {
      case 'frame':
        this.#mirror.addFrame(message.life, message.id, message.frame);
        break;
      case 'log':
        this.#mirror.addLog(message.log);
        this.#coverTail();
        break;
      case 'chunk':
        this.#mirror.addChunk(message.chunk);
        this.#coverTail();
        this.#kick();
        break;
      case 'forget':
        this.#forget();
        break;
      case 'ledger':
        this.#ledger = message.ledger;
        this.#onEvent({ kind: 'ledger', ledger: message.ledger });
        break;
      case 'hold':
        if (message.until > this.#wait.until) this.#wait = { until: message.until, ordered: true };
        break;
      case 'trouble':
        this.#trouble(message.reason);
        break;
      case 'done':
        this.#calls.get(message.call)?.();
        this.#calls.delete(message.call);
    }
  }

  #tell(message: ToWorker): void {
    this.#port?.postMessage(message);
  }

  #call(message: (call: number) => ToWorker): Promise<void> {
    if (this.#port === undefined || this.#closing.signal.aborted) return Promise.resolve();
    const call = ++this.#lastCall;
    return new Promise((resolve) => {
      this.#calls.set(call, resolve);
      this.#tell(message(call));
    });
  }

  #trouble(reason: string, blocked = false): void {
    this.#onEvent({ kind: 'trouble', at: now(), reason, blocked });
  }

  #forget(): void {
    this.#mirror.clear();
    this.#cover.disarm();
  }

  #stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#cover.disarm();
    this.#rest();
  }

  #rest(): void {
    for (const resolve of this.#resting) resolve();
    this.#resting = [];
  }

  #maySend(): boolean {
    const held = this.#wait.ordered && this.#wait.until > Date.now();
    return !this.#stopped && !held && this.#consent === 'granted' && !isPrerendering();
  }

  /** Sends whatever may go now, the way the page's visibility asks for. */
  #kick(): void {
    if (document.visibilityState === 'hidden') this.#leave();
    else void this.#send();
  }

  #coverTail(): void {
    if (this.#maySend()) this.#cover.renew();
  }

  #resume(): void {
    this.#coverTail();
    this.#kick();
  }

  #leave(): void {
    clearTimeout(this.#timer);
    this.#rest();
    if (!this.#maySend()) return;
    this.#cover.disarm();
    const flying = this.#flying;
    if (flying !== undefined && !survivesThePage(flying.body)) this.#mirror.mark(flying, 'ready');
    leave(this.#mirror, {
      beacon: (chunk) => {
        const queued = beacon(this.#url, chunk.body);
        if (queued) this.#sent(chunk, 'beacon');
        return queued;
      },
      keepalive: (chunk) => void this.#lastResort(chunk),
    });
    if (this.#mirror.ready().length > 0) this.#wakeIn(beaconAgainMs);
  }

  async #send(): Promise<void> {
    if (this.#flying !== undefined) return;
    clearTimeout(this.#timer);
    const chunk = this.#mirror.next();
    if (chunk === undefined || this.#stopped || this.#consent !== 'granted' || isPrerendering()) {
      this.#rest();
      return;
    }
    const wait = this.#wait.until - Date.now();
    if (wait > 0) {
      this.#wakeIn(wait);
      this.#rest();
      return;
    }
    this.#flying = chunk;
    this.#mirror.mark(chunk, 'flying');
    await this.#deliver(chunk, survivesThePage(chunk.body) && this.#failures === 0);
    this.#flying = undefined;
    this.#kick();
  }

  #wakeIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#kick(), Math.min(ms, longestTimer));
  }

  #sent(chunk: Chunk, transport: 'fetch' | 'beacon'): void {
    const { body, first: seq, count: records } = chunk;
    const size = bytes(body.length);
    this.#onEvent({ kind: 'sent', at: now(), transport, url: this.#url, body, size, records, seq });
  }

  async #deliver(chunk: Chunk, keepalive: boolean): Promise<void> {
    this.#sent(chunk, 'fetch');
    const answer = await post(this.#url, chunk.body, keepalive);
    if (answer === undefined) this.#failed(chunk);
    else this.#judge(chunk, answer.status, answer.verdict);
  }

  /** Over quota it fails at once, which says nothing about the network. */
  async #lastResort(chunk: Chunk): Promise<void> {
    this.#sent(chunk, 'fetch');
    const answer = await post(this.#url, chunk.body, true);
    if (answer !== undefined) this.#judge(chunk, answer.status, answer.verdict);
  }

  #failed(chunk: Chunk): void {
    this.#mirror.mark(chunk, 'ready');
    this.#failures += 1;
    this.#trouble('no_answer', this.#failures >= blockedAfter);
    this.#wait = { until: Date.now() + backoff(this.#failures), ordered: false };
  }

  #judge(chunk: Chunk, status: number, verdict: Verdict): void {
    const { life, first, count } = chunk;
    const id: ChunkId = { life, first, count };
    switch (verdict.kind) {
      case 'stored':
        this.#failures = 0;
        this.#wait = { until: 0, ordered: false };
        this.#mirror.remove(chunk);
        this.#mirror.settle(verdict.ack.stored);
        this.#tell({ kind: 'ack', chunk: id, ack: verdict.ack });
        this.#answered(status, verdict.ack);
        if (verdict.policy !== undefined) this.#obey(status, verdict.policy);
        break;
      case 'retry':
        this.#mirror.mark(chunk, 'ready');
        this.#failures += 1;
        this.#holdBack(status, verdict.reason, verdict.retryAfter);
        break;
      case 'oversize':
        this.#mirror.remove(chunk);
        this.#tell({ kind: 'oversize', chunk: id });
        this.#trouble('too_large');
        break;
      case 'refused':
        this.#mirror.mark(chunk, 'ready');
        if (verdict.poisoned) {
          this.#mirror.remove(chunk);
          this.#tell({ kind: 'refused', chunk: id, reason: verdict.reason });
        }
        this.#stop();
        this.#trouble(verdict.reason);
    }
  }

  #holdBack(status: number, reason: string, ordered: Milliseconds | undefined): void {
    const retryAfter = ordered ?? backoff(this.#failures);
    const until = epochMilliseconds(Date.now() + retryAfter);
    this.#wait = { until, ordered: ordered !== undefined };
    if (ordered !== undefined) {
      this.#cover.disarm();
      this.#tell({ kind: 'hold', until });
    }
    this.#answered(status, { kind: 'backoff', retryAfter, reason });
  }

  #obey(status: number, policy: Policy): void {
    this.#tell({ kind: 'policy', policy });
    if (policy.off === true) {
      this.#stop();
      this.#forget();
    }
    this.#answered(status, policy);
  }

  #answered(status: number, control: Control): void {
    this.#onEvent({ kind: 'answer', at: now(), status, control });
  }
}

/** Global Privacy Control is the visitor's no; an application cannot turn it into a yes. */
const honour = (consent: Consent): Consent =>
  consent === 'granted' && (navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl === true
    ? 'denied'
    : consent;
