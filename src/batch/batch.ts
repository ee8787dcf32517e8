import type { Log } from '../protocol/frame.ts';
import type { Consent, Ledger, Sampling, Signal } from '../protocol/telemetry.ts';
import type { Masked } from '../schema/masked.ts';
import type { Measurement } from '../schema/metrics.ts';
import type { OutcomeRecord, RequestRecord, ServiceIdentity } from '../schema/record.ts';
import type { Ack, Ranges } from '../shared/control.ts';
import { Accounts } from './accounts.ts';
import { Drain } from './drain.ts';
import { type Encoded, encode, encodeMeasurement, encodeReported } from './encode.ts';
import { type Journal, openJournal, type Part } from './journal.ts';
import { lifeKey, newSession, pageKey } from './life.ts';
import { liveUntil } from './locks.ts';
import type { ChunkId, Covered, Life, PageLife, ToPage, ToWorker } from './messages.ts';
import { chunkLimits, exportLimits, type Limits } from './pool.ts';
import { intersect, rangesOf, sizeOf, union } from './ranges.ts';
import { type Decision, type Sampled, Sampler } from './sampler.ts';
import { Sealer } from './sealer.ts';

const signals: readonly Signal[] = ['logs', 'metrics'];

export interface BatchOptions {
  /** From the page's `Delivery.connect()`, transferred. */
  readonly port: MessagePort;
  readonly life: PageLife;
  readonly consent: Consent;
  readonly service: Masked<ServiceIdentity>;
  readonly sampling: Sampling;
  /** Deletes what else was stored under the consent that is withdrawn; the withdrawal waits for it. */
  readonly onWithdrawn?: () => Promise<void>;
}

/** The worker's half of the telemetry pipe. */
export interface Batch {
  /** As the page last told it. */
  readonly consent: Consent;
  /** Whether a record is to be added, and the chance it had; before the mask, for the chance travels on it. */
  decide(record: Sampled): Decision;
  /** Numbers, journals and mirrors one record; before consent it is only counted. */
  add(record: Masked<RequestRecord>): void;
  /** The same for what became of a request. */
  addOutcome(outcome: Masked<OutcomeRecord>): void;
  /** Adds to tier 0; before consent it is only counted. */
  measure(measurement: Masked<Measurement>): void;
  /** Counts a record that the mask refused as a whole. */
  refuse(reason: string): void;
  /** Resolves once `denied` has deleted the journal. */
  setConsent(consent: Consent): Promise<void>;
  /** Seals what is open and hands it to the page. */
  flush(): Promise<void>;
  ledger(): Ledger;
  /** Ends the pipe for this page life; what was pending is deleted and counted. */
  kill(): void;
  /** Records stay journalled for the next visit. */
  close(): void;
}

export function openBatch(options: BatchOptions): Batch {
  const pipe = new Pipe(options);
  options.port.onmessage = ({ data }: MessageEvent<ToWorker>) => void pipe.receive(data);
  return pipe;
}

class Pipe implements Batch {
  readonly #port: MessagePort;
  readonly #service: Masked<ServiceIdentity>;
  readonly #onWithdrawn: BatchOptions['onWithdrawn'];
  readonly #sampler: Sampler;
  readonly #accounts = new Accounts((ledger) => this.#post({ kind: 'ledger', ledger }));
  readonly #sealers: Readonly<Record<Signal, Sealer>>;
  /** Open while consent is granted, never else. */
  #journal: Journal | undefined;
  #consent: Consent = 'pending';
  /** Why nothing is taken any more. */
  #ended: string | undefined;
  #life: PageLife;
  #nextSeq: Record<Signal, number> = { logs: 0, metrics: 0 };
  #unwritten: { readonly signal: Signal; readonly log: Log }[] = [];
  /** By `lifeKey`. */
  readonly #evicted = new Map<string, { readonly life: Life; readonly numbers: number[] }>();
  /** Ends the life lock and the drain; new with each grant. */
  #granted = new AbortController();
  #drain: Drain | undefined;
  readonly #troubles = new Set<string>();

  constructor({ port, life, consent, service, sampling, onWithdrawn }: BatchOptions) {
    this.#onWithdrawn = onWithdrawn;
    this.#port = port;
    this.#life = life;
    this.#service = service;
    this.#sampler = new Sampler({ mode: sampling });
    const sealerOf = (limits: Limits): Sealer =>
      new Sealer({
        limits,
        hand: (chunk) => this.#post({ kind: 'chunk', chunk }),
        drafted: (chunk) => {
          if (chunk.life.signal === 'metrics') this.#post({ kind: 'draft', chunk });
        },
        evict: (owner, seq) => this.#evictSoon(owner, seq),
      });
    this.#sealers = { logs: sealerOf(chunkLimits), metrics: sealerOf(exportLimits) };
    if (consent !== 'pending') void this.setConsent(consent);
  }

  get consent(): Consent {
    return this.#consent;
  }

  decide(record: Sampled): Decision {
    return this.#sampler.decide(record);
  }

  add(record: Masked<RequestRecord>): void {
    this.#enter('logs', () => encode(this.#service, this.#life, record), record.outcome === 'error');
  }

  addOutcome(outcome: Masked<OutcomeRecord>): void {
    this.#enter('logs', () => encodeReported(this.#service, this.#life, outcome), outcome.unsafe === true);
  }

  measure(measurement: Masked<Measurement>): void {
    this.#enter('metrics', () => encodeMeasurement(this.#service, measurement), false);
  }

  #enter(signal: Signal, encoded: () => Encoded, anomalous: boolean): void {
    const reason = this.#withheld();
    if (reason !== undefined) {
      this.#accounts.enter(signal, { kind: 'withheld', reason });
      return;
    }
    const life: Life = { ...this.#life, signal };
    const sealer = this.#sealers[signal];
    const { frame, text } = encoded();
    const { id, isNew } = sealer.register(life, frame);
    const log: Log = { seq: this.#nextSeq[signal]++, text, frame: id, anomalous };
    this.#accounts.enter(signal, { kind: 'emitted', life, seq: log.seq });
    if (signal === 'logs') {
      this.#sampler.spend(text.length);
      if (isNew) this.#post({ kind: 'frame', life, id, frame });
      this.#post({ kind: 'log', log });
    }
    this.#journalSoon(signal, log);
    sealer.add(life, log);
  }

  refuse(reason: string): void {
    this.#accounts.enter('logs', { kind: 'withheld', reason });
  }

  async setConsent(consent: Consent): Promise<void> {
    if (consent === this.#consent || this.#ended !== undefined) return;
    const before = this.#consent;
    this.#consent = consent;
    if (consent === 'granted') this.#grant();
    else if (consent === 'denied' || before === 'granted') {
      await Promise.all([this.#erase('consent_withdrawn'), this.#onWithdrawn?.()]);
    }
  }

  async flush(): Promise<void> {
    await Promise.all(Object.values(this.#sealers).map((sealer) => sealer.flush()));
  }

  ledger(): Ledger {
    return this.#accounts.ledger;
  }

  kill(): void {
    void this.#end('killed');
  }

  close(): void {
    this.#write();
    this.#granted.abort();
    this.#ended ??= 'closed';
    this.#clear();
    this.#journal?.close();
    this.#port.close();
  }

  async receive(message: ToWorker): Promise<void> {
    switch (message.kind) {
      case 'ack':
        this.#sampler.answered();
        return this.#settle(message.chunk, message.ack);
      case 'oversize':
        return this.#cut(message.chunk);
      case 'left':
        await this.#sealerOf(message.chunk).sealThese(message.chunk);
        return this.#mirrorDraft();
      case 'refused':
        return this.#drop(message.chunk.life, rangeOf(message.chunk), message.reason);
      case 'hold':
        this.#sampler.held();
        return this.#attempt((journal) => journal.hold(message.until));
      case 'policy':
        this.#sampler.obey(message.policy);
        return message.policy.off === true ? this.#end('switched_off') : undefined;
      case 'kill':
        return this.#end('killed');
      case 'consent':
        await this.setConsent(message.consent);
        return this.#post({ kind: 'done', call: message.call });
      case 'flush':
        await this.flush();
        return this.#post({ kind: 'done', call: message.call });
    }
  }

  #withheld(): string | undefined {
    if (this.#ended !== undefined) return this.#ended;
    if (this.#consent === 'granted') return undefined;
    return this.#consent === 'pending' ? 'no_consent' : 'consent_denied';
  }

  #sealerOf({ life }: ChunkId): Sealer {
    return this.#sealers[life.signal];
  }

  #clear(): void {
    for (const sealer of Object.values(this.#sealers)) sealer.clear();
  }

  #mirrorDraft(): void {
    const chunk = this.#sealers.metrics.draft({ ...this.#life, signal: 'metrics' });
    if (chunk !== undefined) this.#post({ kind: 'draft', chunk });
  }

  #post(message: ToPage): void {
    this.#port.postMessage(message);
  }

  #trouble(reason: string): void {
    if (this.#troubles.has(reason)) return;
    this.#troubles.add(reason);
    this.#post({ kind: 'trouble', reason });
  }

  /** Storage may fail at any time; the records then live in memory only, and the page is told. */
  async #attempt(work: (journal: Journal) => Promise<unknown>): Promise<void> {
    const journal = this.#journal;
    if (journal === undefined) return;
    try {
      await work(journal);
    } catch (error) {
      if (journal !== this.#journal) return;
      const full = error instanceof DOMException && error.name === 'QuotaExceededError';
      this.#trouble(full ? 'journal_full' : 'storage_blocked');
    }
  }

  /** Groups the records of one task: the write starts before the worker can block on the next run. */
  #journalSoon(signal: Signal, log: Log): void {
    this.#unwritten.push({ signal, log });
    if (this.#unwritten.length === 1) queueMicrotask(() => this.#write());
  }

  /** A request is measured and recorded in one task: the journal has both or neither, and so has the page. */
  #write(): void {
    const unwritten = this.#unwritten;
    this.#unwritten = [];
    const parts = signals.flatMap((signal): Part[] => {
      const logs = unwritten.filter((entry) => entry.signal === signal).map(({ log }) => log);
      const life: Life = { ...this.#life, signal };
      return logs.length === 0 ? [] : [{ life, logs, frames: this.#sealers[signal].framesOf(life, logs) }];
    });
    if (parts.length === 0) return;
    void this.#attempt((journal) => journal.put(parts));
    if (parts.some(({ life }) => life.signal === 'metrics')) this.#mirrorDraft();
  }

  #evictSoon(life: Life, seq: number): void {
    if (this.#evicted.size === 0) queueMicrotask(() => this.#dropEvicted());
    const entry = this.#evicted.get(lifeKey(life)) ?? { life, numbers: [] };
    entry.numbers.push(seq);
    this.#evicted.set(lifeKey(life), entry);
  }

  #dropEvicted(): void {
    const evicted = [...this.#evicted.values()];
    this.#evicted.clear();
    for (const { life, numbers } of evicted) void this.#drop(life, rangesOf(numbers), 'journal_full');
  }

  async #settle(chunk: ChunkId, ack: Ack): Promise<void> {
    const { signal } = chunk.life;
    const sealer = this.#sealers[signal];
    const told: Covered[] = ack.stored.map((part) => ({ ...part, signal }));
    const covered = coveredOf(chunk, told);
    // Of records each is stored or refused; a sum that shares measurements with another is not stored at all.
    const isWhole = signal === 'logs' || sizeOf(covered) % chunk.count === 0;
    const stored = isWhole ? [...told, { ...chunk.life, ranges: rangeOf(chunk) }] : told;
    this.#accounts.enter(signal, { kind: 'settled', stored, rejected: ack.rejected });
    for (const { ranges, ...life } of stored) sealer.settle(life, ranges);
    if (!isWhole) sealer.release(chunk, covered);
    if (signal === 'metrics') this.#mirrorDraft();
    for (const { ranges, ...life } of stored) await this.#unjournal(life, ranges);
    await this.#attempt(async () => this.#drain?.more());
  }

  async #unjournal(life: Life, ranges: Ranges): Promise<void> {
    // Else what leaves before it was written would be written after it left.
    this.#write();
    await this.#attempt((journal) => journal.remove(life, ranges));
    if (pageKey(life) === pageKey(this.#life) || this.#accounts.owes(life)) return;
    await this.#attempt((journal) => journal.forget(life));
  }

  async #cut(chunk: ChunkId): Promise<void> {
    if (!(await this.#sealerOf(chunk).cut(chunk))) await this.#drop(chunk.life, rangeOf(chunk), 'too_large');
  }

  async #drop(life: Life, ranges: Ranges, reason: string): Promise<void> {
    this.#accounts.enter(life.signal, { kind: 'dropped', life, ranges, reason });
    this.#sealers[life.signal].settle(life, ranges);
    await this.#unjournal(life, ranges);
  }

  #grant(): void {
    if (this.#nextSeq.logs + this.#nextSeq.metrics > 0) this.#beginLife();
    const journal = openJournal();
    const { signal } = this.#granted;
    this.#journal = journal;
    void this.#attempt(() => liveUntil(signal, this.#life));
    void this.#attempt(async () => this.#post({ kind: 'hold', until: await journal.hold() }));
    const drain = new Drain({
      journal,
      own: this.#life,
      signal,
      room: () => Math.min(this.#sealers.logs.room, this.#sealers.metrics.room),
      adopt: (life, ranges) => this.#accounts.enter(life.signal, { kind: 'adopted', life, ranges }),
      load: (life, logs, frames) => this.#sealers[life.signal].load(life, logs, frames),
      drop: (life, ranges, reason) => this.#drop(life, ranges, reason),
    });
    this.#drain = drain;
    void this.#attempt(() => drain.run());
  }

  /** Nothing made after a withdrawal is to be linked with what was sent before it. */
  #beginLife(): void {
    this.#life = { session: newSession(), epoch: 0 };
    this.#nextSeq = { logs: 0, metrics: 0 };
  }

  async #erase(reason: string): Promise<void> {
    this.#granted.abort();
    this.#granted = new AbortController();
    this.#drain = undefined;
    this.#unwritten = [];
    for (const signal of signals) this.#accounts.enter(signal, { kind: 'cleared', reason });
    this.#clear();
    this.#post({ kind: 'forget' });
    const journal = this.#journal ?? openJournal();
    this.#journal = undefined;
    // Where storage is blocked there is nothing to delete.
    await journal.erase().catch(() => this.#trouble('storage_blocked'));
  }

  async #end(reason: string): Promise<void> {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    await this.#erase(reason);
  }
}

/** Which of the chunk's numbers are stored. */
const coveredOf = (chunk: ChunkId, stored: readonly Covered[]): Ranges =>
  stored
    .filter((part) => lifeKey(part) === lifeKey(chunk.life))
    .reduce<Ranges>((ranges, part) => union(ranges, intersect(part.ranges, rangeOf(chunk))), []);

const rangeOf = ({ first, count }: ChunkId): Ranges => [[first, first + count - 1]];
