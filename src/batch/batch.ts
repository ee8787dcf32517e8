import type { Frame, Log } from '../protocol/frame.ts';
import type { Consent, Ledger } from '../protocol/telemetry.ts';
import type { Masked } from '../schema/masked.ts';
import type { RequestRecord, ServiceIdentity } from '../schema/record.ts';
import type { Ack, Ranges } from '../shared/control.ts';
import { type Book, type Entry, emptyBook, enter, ledgerOf } from './book.ts';
import { Drain } from './drain.ts';
import { encode } from './encode.ts';
import { type Journal, openJournal } from './journal.ts';
import { lifeKey, newSession } from './life.ts';
import { liveUntil } from './locks.ts';
import type { ChunkId, Life, ToPage, ToWorker } from './messages.ts';
import { chunkLimits, Pool, type Run } from './pool.ts';
import { isTooLarge, seal } from './seal.ts';

export interface BatchOptions {
  /** From the page's `Delivery.connect()`, transferred. */
  readonly port: MessagePort;
  readonly life: Life;
  readonly consent: Consent;
  readonly service: Masked<ServiceIdentity>;
  /** Deletes what else was stored under the consent that is withdrawn; the withdrawal waits for it. */
  readonly onWithdrawn?: () => Promise<void>;
}

/** The worker's half of the telemetry pipe. */
export interface Batch {
  /** As the page last told it. */
  readonly consent: Consent;
  /** Numbers, journals and mirrors one record; before consent it is only counted. */
  add(record: Masked<RequestRecord>): void;
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

/** Records in memory and, per life, in the journal: about 4 MB. */
const capacity = 4000;
/** Chunks the page may hold unanswered. */
const pageWindow = 32;

export function openBatch(options: BatchOptions): Batch {
  const pipe = new Pipe(options);
  options.port.onmessage = ({ data }: MessageEvent<ToWorker>) => void pipe.receive(data);
  return pipe;
}

class Pipe implements Batch {
  readonly #port: MessagePort;
  readonly #service: Masked<ServiceIdentity>;
  readonly #onWithdrawn: BatchOptions['onWithdrawn'];
  /** Open while consent is granted, never else. */
  #journal: Journal | undefined;
  readonly #pool = new Pool(capacity);
  #consent: Consent = 'pending';
  #killed: string | undefined;
  #life: Life;
  #book: Book = emptyBook;
  #nextSeq = 0;
  /** By `lifeKey`, then by `Log.frame`. */
  readonly #frames = new Map<string, Map<number, Frame>>();
  #unwritten: Log[] = [];
  #unwrittenFrames = new Map<number, Frame>();
  /** Ends the life lock and the drain; new with each grant. */
  #granted = new AbortController();
  #drain: Drain | undefined;
  #sealing: ReturnType<typeof setTimeout> | undefined;
  #ledgerDue = false;
  #troubled = new Set<string>();

  constructor({ port, life, consent, service, onWithdrawn }: BatchOptions) {
    this.#onWithdrawn = onWithdrawn;
    this.#port = port;
    this.#life = life;
    this.#service = service;
    if (consent !== 'pending') void this.setConsent(consent);
  }

  get consent(): Consent {
    return this.#consent;
  }

  add(record: Masked<RequestRecord>): void {
    const withheld = this.#withheld();
    if (withheld !== undefined) {
      this.#enter({ kind: 'withheld', reason: withheld });
      return;
    }
    const { frame, text } = encode(this.#service, this.#life, record);
    const log: Log = {
      seq: this.#nextSeq++,
      text,
      frame: this.#frameId(frame),
      anomalous: record.outcome === 'error',
    };
    this.#enter({ kind: 'emitted', life: this.#life, seq: log.seq });
    this.#post({ kind: 'log', life: this.#life, log });
    this.#journalSoon(log);
    this.#keep(this.#life, log, Date.now() + chunkLimits.ageMs);
    this.#sealDue();
  }

  refuse(reason: string): void {
    this.#enter({ kind: 'withheld', reason });
  }

  async setConsent(consent: Consent): Promise<void> {
    if (consent === this.#consent || this.#killed !== undefined) return;
    const before = this.#consent;
    this.#consent = consent;
    if (consent === 'granted') this.#grant();
    else if (consent === 'denied' || before === 'granted') {
      await Promise.all([this.#erase('consent_withdrawn'), this.#onWithdrawn?.()]);
    }
  }

  async flush(): Promise<void> {
    await this.#sealWhile(() => this.#pool.handedRuns < pageWindow);
  }

  ledger(): Ledger {
    return ledgerOf(this.#book);
  }

  kill(): void {
    void this.#end('killed');
  }

  close(): void {
    clearTimeout(this.#sealing);
    this.#granted.abort();
    this.#killed ??= 'closed';
    this.#journal?.close();
    this.#port.close();
  }

  async receive(message: ToWorker): Promise<void> {
    switch (message.kind) {
      case 'ack':
        return this.#settle(message.chunk, message.ack);
      case 'oversize':
        return this.#cut(message.chunk);
      case 'refused':
        return this.#drop(message.chunk.life, rangeOf(message.chunk), message.reason);
      case 'hold':
        return this.#attempt((journal) => journal.hold(message.until));
      case 'policy':
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
    if (this.#killed !== undefined) return this.#killed;
    if (this.#consent === 'granted') return undefined;
    return this.#consent === 'pending' ? 'no_consent' : 'consent_denied';
  }

  #enter(entry: Entry): void {
    this.#book = enter(this.#book, entry);
    if (this.#ledgerDue) return;
    this.#ledgerDue = true;
    queueMicrotask(() => {
      this.#ledgerDue = false;
      this.#post({ kind: 'ledger', ledger: this.ledger() });
    });
  }

  #post(message: ToPage): void {
    this.#port.postMessage(message);
  }

  #trouble(reason: string): void {
    if (this.#troubled.has(reason)) return;
    this.#troubled.add(reason);
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

  #frameId(frame: Frame): number {
    const key = lifeKey(this.#life);
    const frames = this.#frames.get(key) ?? new Map<number, Frame>();
    this.#frames.set(key, frames);
    for (const [id, known] of frames) if (known.head === frame.head) return id;
    const id = frames.size;
    frames.set(id, frame);
    this.#unwrittenFrames.set(id, frame);
    this.#post({ kind: 'frame', life: this.#life, id, frame });
    return id;
  }

  /** Groups the records of one task: the write starts before the worker can block on the next run. */
  #journalSoon(log: Log): void {
    this.#unwritten.push(log);
    if (this.#unwritten.length > 1) return;
    queueMicrotask(() => {
      const logs = this.#unwritten;
      const frames = this.#unwrittenFrames;
      this.#unwritten = [];
      this.#unwrittenFrames = new Map();
      if (logs.length > 0) void this.#attempt((journal) => journal.put(this.#life, logs, frames));
    });
  }

  #keep(life: Life, log: Log, due: number): void {
    for (const evicted of this.#pool.add(life, log, due)) {
      const ranges = evicted.logs.map(({ seq }) => [seq, seq] as const);
      void this.#drop(evicted.life, ranges, 'journal_full');
    }
  }

  #sealDue(): void {
    clearTimeout(this.#sealing);
    const due = this.#pool.dueAt(Date.now());
    if (due === undefined || this.#pool.handedRuns >= pageWindow) return;
    const isDue = (): boolean => {
      const now = Date.now();
      return this.#pool.handedRuns < pageWindow && (this.#pool.dueAt(now) ?? Infinity) <= now;
    };
    if (isDue()) void this.#sealWhile(isDue);
    else this.#sealing = setTimeout(() => this.#sealDue(), due - Date.now());
  }

  async #sealWhile(more: () => boolean): Promise<void> {
    const sealing: Promise<void>[] = [];
    while (more()) {
      const run = this.#pool.hand();
      if (run === undefined) break;
      sealing.push(this.#seal(run));
    }
    await Promise.all(sealing);
    this.#sealDue();
  }

  async #seal(run: Run): Promise<void> {
    const chunk = await seal(run, (id) => this.#frameOf(run.life, id));
    if (!this.#pool.holds(run)) return;
    if (isTooLarge(chunk)) await Promise.all(this.#pool.halve(run).map((half) => this.#seal(half)));
    else this.#post({ kind: 'chunk', chunk });
  }

  #frameOf(life: Life, id: number): Frame {
    const frame = this.#frames.get(lifeKey(life))?.get(id);
    if (frame === undefined)
      throw new RangeError(`A record names frame ${id}, which its life does not have.`);
    return frame;
  }

  async #settle(chunk: ChunkId, ack: Ack): Promise<void> {
    const stored = [...ack.stored, { ...chunk.life, ranges: rangeOf(chunk) }];
    this.#enter({ kind: 'settled', stored, rejected: ack.rejected });
    for (const { ranges, ...life } of stored) this.#pool.settle(life, ranges);
    this.#sealDue();
    for (const { ranges, ...life } of stored) await this.#unjournal(life, ranges);
    await this.#attempt(async () => this.#drain?.more());
  }

  async #unjournal(life: Life, ranges: Ranges): Promise<void> {
    await this.#attempt((journal) => journal.remove(life, ranges));
    if (lifeKey(life) !== lifeKey(this.#life)) await this.#attempt((journal) => journal.forget(life));
  }

  async #cut(id: ChunkId): Promise<void> {
    const run = this.#pool.handed(id);
    if (run === undefined) return;
    const halves = this.#pool.halve(run);
    if (halves.length === 0) return this.#drop(id.life, rangeOf(id), 'too_large');
    await Promise.all(halves.map((half) => this.#seal(half)));
  }

  async #drop(life: Life, ranges: Ranges, reason: string): Promise<void> {
    this.#enter({ kind: 'dropped', life, ranges, reason });
    this.#pool.settle(life, ranges);
    this.#sealDue();
    await this.#unjournal(life, ranges);
  }

  #grant(): void {
    if (this.#nextSeq > 0) this.#beginLife();
    const journal = openJournal();
    const { signal } = this.#granted;
    this.#journal = journal;
    void this.#attempt(() => liveUntil(signal, this.#life));
    void this.#attempt(async () => this.#post({ kind: 'hold', until: await journal.hold() }));
    const drain = new Drain({
      journal,
      own: this.#life,
      signal,
      room: () => capacity - this.#pool.size,
      adopt: (life, ranges) => this.#enter({ kind: 'adopted', life, ranges }),
      load: (life, logs, frames) => this.#load(life, logs, frames),
    });
    this.#drain = drain;
    void this.#attempt(() => drain.run());
  }

  /** Nothing made after a withdrawal is to be linked with what was sent before it. */
  #beginLife(): void {
    this.#life = { session: newSession(), epoch: 0 };
    this.#nextSeq = 0;
  }

  #load(life: Life, logs: readonly Log[], frames: ReadonlyMap<number, Frame>): void {
    this.#frames.set(lifeKey(life), new Map(frames));
    for (const log of logs) this.#keep(life, log, 0);
    this.#sealDue();
  }

  async #erase(reason: string): Promise<void> {
    this.#granted.abort();
    this.#granted = new AbortController();
    this.#drain = undefined;
    this.#unwritten = [];
    this.#unwrittenFrames = new Map();
    this.#enter({ kind: 'cleared', reason });
    this.#pool.clear();
    this.#frames.clear();
    this.#post({ kind: 'forget' });
    const journal = this.#journal ?? openJournal();
    this.#journal = undefined;
    // Where storage is blocked there is nothing to delete.
    await journal.erase().catch(() => this.#trouble('storage_blocked'));
  }

  async #end(reason: string): Promise<void> {
    if (this.#killed !== undefined) return;
    this.#killed = reason;
    await this.#erase(reason);
  }
}

const rangeOf = ({ first, count }: ChunkId): Ranges => [[first, first + count - 1]];
