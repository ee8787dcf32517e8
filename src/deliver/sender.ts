import type { Chunk, ChunkId, Covered, ToWorker } from '../batch/messages.ts';
import type { TelemetryEvent } from '../protocol/telemetry.ts';
import type { Control, Policy } from '../shared/control.ts';
import { bytes, type EpochMilliseconds, epochMilliseconds, type Milliseconds } from '../shared/units.ts';
import type { Verdict } from './answer.ts';
import { backoff } from './backoff.ts';
import { CrashCover } from './crash-cover.ts';
import { leave } from './exit.ts';
import { isPrerendering } from './lifecycle.ts';
import type { Mirror } from './mirror.ts';
import type { Transport } from './transport.ts';

/** `setTimeout` counts in 31 bits. */
const longestTimer = 2 ** 31 - 1;
/** Answers missing in a row after which the endpoint counts as blocked. */
const blockedAfter = 3;
const beaconAgainMs = 1000;
/** Fetches that are to survive the page, together; they share 64 KiB in flight with beacons. */
const keepaliveUpTo = 16 * 1024;
/** What beacons surely carry when the page leaves: records and measurements share 64 KiB in flight. */
const beaconsUpTo = 32 * 1024;
/** More would only queue: HTTP/1.1 has six connections. */
const widest = 6;

const idOf = ({ life, first, count }: Chunk): ChunkId => ({ life, first, count });

const now = (): EpochMilliseconds => epochMilliseconds(Date.now());

export interface SenderOptions {
  readonly transport: Transport;
  readonly mirror: Mirror;
  readonly consented: () => boolean;
  readonly tell: (message: ToWorker) => void;
  readonly onEvent: (event: TelemetryEvent) => void;
}

/** Sends what the mirror of one signal holds: by fetch while visible, by beacon when hidden. */
export class Sender {
  readonly #options: SenderOptions;
  readonly #cover: CrashCover | undefined;
  /** What fetches carry, and whether they survive the page. */
  readonly #flying = new Map<Chunk, boolean>();
  /** How many may fly: one at first and after a failure, one more with each that was stored. */
  #window = 1;
  #failures = 0;
  /** Nothing is sent before; a server's own Retry-After holds back beacons too. */
  #wait: { readonly until: number; readonly ordered: boolean } = { until: 0, ordered: false };
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Set once: refused, killed or closed. */
  #stopped = false;
  #resting: (() => void)[] = [];

  constructor(options: SenderOptions) {
    this.#options = options;
    const { mirror, transport } = options;
    this.#cover = transport.later && new CrashCover(mirror, transport.later);
  }

  /** The mirror has changed, or the page has: sends whatever may go now. */
  kick(): void {
    this.tailGrew();
    if (document.visibilityState === 'hidden') this.leave();
    else this.#send();
  }

  /** Nothing to send yet, but something to lose in a crash. */
  tailGrew(): void {
    if (this.#maySend()) this.#cover?.renew();
  }

  /** The network is back: what failed without it may be tried at once. */
  online(): void {
    if (!this.#wait.ordered) this.#wait = { until: 0, ordered: false };
    this.kick();
  }

  /** Resolves when nothing is left to send or everything has to wait. */
  rested(): Promise<void> {
    return new Promise((resolve) => {
      this.#resting.push(resolve);
      this.kick();
    });
  }

  /** A server's Retry-After, this page's or an earlier one's. */
  holdUntil(until: EpochMilliseconds): void {
    if (until <= this.#wait.until) return;
    this.#wait = { until, ordered: true };
    this.#cover?.disarm();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#cover?.disarm();
    this.#rest();
  }

  forget(): void {
    this.#options.mirror.clear();
    this.#cover?.disarm();
  }

  leave(): void {
    const { mirror, transport } = this.#options;
    clearTimeout(this.#timer);
    this.#rest();
    if (!this.#maySend()) return;
    this.#cover?.disarm();
    for (const draft of mirror.keepDrafts()) this.#options.tell({ kind: 'left', chunk: idOf(draft) });
    for (const [chunk, survives] of this.#flying) if (!survives) mirror.mark(chunk, 'ready');
    leave(mirror, {
      beacon: (chunk) => {
        if (transport.beacon === undefined) void this.#lastResort(chunk);
        else if (transport.beacon(chunk)) this.#sent(chunk, 'beacon');
        else return false;
        return true;
      },
      keepalive: (chunk) => {
        // A quota of its own, while keepalive shares that of beacons.
        if (!this.#cover?.carry(chunk)) void this.#lastResort(chunk);
      },
    });
    if (mirror.ready().length > 0) this.#wakeIn(beaconAgainMs);
  }

  #maySend(): boolean {
    const held = this.#wait.ordered && this.#wait.until > Date.now();
    return !this.#stopped && !held && this.#options.consented() && !isPrerendering();
  }

  #rest(): void {
    for (const resolve of this.#resting) resolve();
    this.#resting = [];
  }

  #wakeIn(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.kick(), Math.min(ms, longestTimer));
  }

  #send(): void {
    clearTimeout(this.#timer);
    while (this.#flying.size < this.#width()) {
      const chunk = this.#next();
      const wait = this.#wait.until - Date.now();
      if (chunk !== undefined && wait > 0 && !this.#stopped) this.#wakeIn(wait);
      if (chunk === undefined || wait > 0 || !this.#maySend()) break;
      void this.#fly(chunk);
    }
    if (this.#flying.size > 0) return;
    this.#window = 1;
    this.#rest();
  }

  /** What no beacon would take if the page left now cannot wait for one answer after the other. */
  #width(): number {
    const unstored = [...this.#options.mirror.ready(), ...this.#flying.keys()];
    const waiting = unstored.reduce((sum, { body }) => sum + body.length, 0);
    return this.#failures === 0 && waiting > beaconsUpTo ? widest : this.#window;
  }

  /** What was beaconed flies alone: the answer to one may cover the others. */
  #next(): Chunk | undefined {
    const { mirror } = this.#options;
    if (this.#flying.size === 0) return mirror.next();
    return mirror.ready().find((chunk) => !this.#flying.has(chunk));
  }

  async #fly(chunk: Chunk): Promise<void> {
    let kept = chunk.body.length;
    for (const [{ body }, survives] of this.#flying) if (survives) kept += body.length;
    const survives = kept <= keepaliveUpTo && this.#failures === 0;
    this.#flying.set(chunk, survives);
    this.#options.mirror.mark(chunk, 'flying');
    this.#sent(chunk, 'fetch');
    const answer = await this.#options.transport.post(chunk, survives);
    this.#flying.delete(chunk);
    if (answer === undefined) this.#failed(chunk);
    else this.#judge(chunk, answer.status, answer.verdict);
    this.kick();
  }

  /** Over quota it fails at once, which says nothing about the network. */
  async #lastResort(chunk: Chunk): Promise<void> {
    this.#sent(chunk, 'fetch');
    const answer = await this.#options.transport.post(chunk, true);
    if (answer !== undefined) this.#judge(chunk, answer.status, answer.verdict);
  }

  #failed(chunk: Chunk): void {
    this.#options.mirror.mark(chunk, 'ready');
    if (!this.#countFailure()) return;
    this.#trouble('no_answer', this.#failures >= blockedAfter);
    this.#wait = { until: Date.now() + backoff(this.#failures), ordered: false };
  }

  /** Chunks that flew side by side fail side by side: only the first of them counts. */
  #countFailure(): boolean {
    if (this.#wait.until > Date.now()) return false;
    this.#failures += 1;
    this.#window = 1;
    return true;
  }

  #judge(chunk: Chunk, status: number, verdict: Verdict): void {
    const { mirror, tell } = this.#options;
    const id = idOf(chunk);
    switch (verdict.kind) {
      case 'stored': {
        const { signal } = chunk.life;
        const covered = verdict.ack.stored.map((part): Covered => ({ ...part, signal }));
        this.#failures = 0;
        this.#window = Math.min(widest, this.#window + 1);
        if (!this.#wait.ordered) this.#wait = { until: 0, ordered: false };
        mirror.remove(chunk);
        mirror.settle(covered);
        tell({ kind: 'ack', chunk: id, ack: verdict.ack });
        this.#answered(status, verdict.ack);
        if (verdict.policy !== undefined) this.#obey(status, verdict.policy);
        break;
      }
      case 'retry':
        mirror.mark(chunk, 'ready');
        if (this.#countFailure() || verdict.retryAfter !== undefined)
          this.#backOff(status, verdict.reason, verdict.retryAfter);
        if (status === 0) this.#trouble(verdict.reason);
        break;
      case 'oversize':
        mirror.remove(chunk);
        tell({ kind: 'oversize', chunk: id });
        this.#trouble('too_large');
        break;
      case 'refused':
        mirror.mark(chunk, 'ready');
        if (verdict.poisoned) {
          mirror.remove(chunk);
          tell({ kind: 'refused', chunk: id, reason: verdict.reason });
        }
        this.stop();
        this.#trouble(verdict.reason);
    }
  }

  #backOff(status: number, reason: string, ordered: Milliseconds | undefined): void {
    const retryAfter = ordered ?? backoff(this.#failures);
    const until = epochMilliseconds(Date.now() + retryAfter);
    if (ordered === undefined) this.#wait = { until, ordered: false };
    else {
      this.holdUntil(until);
      this.#options.tell({ kind: 'hold', until });
    }
    this.#answered(status, { kind: 'backoff', retryAfter, reason });
  }

  #obey(status: number, policy: Policy): void {
    this.#options.tell({ kind: 'policy', policy });
    if (policy.off === true) {
      this.stop();
      this.forget();
    }
    this.#answered(status, policy);
  }

  #sent(chunk: Chunk, transport: 'fetch' | 'beacon'): void {
    const { body, first: seq, count: records, life } = chunk;
    const { session, signal } = life;
    const { onEvent, transport: way } = this.#options;
    const { url } = way;
    onEvent({
      kind: 'sent',
      signal,
      at: now(),
      session,
      transport,
      url,
      body,
      size: bytes(body.length),
      records,
      seq,
    });
  }

  #answered(status: number, control: Control): void {
    this.#options.onEvent({ kind: 'answer', at: now(), status, control });
  }

  #trouble(reason: string, blocked = false): void {
    this.#options.onEvent({ kind: 'trouble', at: now(), reason, blocked });
  }
}
