import type { Chunk, ChunkId, Covered, Life } from '../batch/messages.ts';
import { assemble, type Frame, type Log } from '../protocol/frame.ts';

/**
 * ready: nobody was sent it; flying: a fetch carries it; beaconed: it left without an answer, so it is sent
 * again when the page is visible and nothing else has covered it.
 */
type Held = {
  readonly chunk: Chunk;
  state: 'ready' | 'flying' | 'beaconed';
};

/** Records no chunk holds yet, as one would. */
export interface TailRun {
  readonly life: Life;
  readonly logs: readonly Log[];
}

/** What the page keeps of the tail when chunks are late: as much as one chunk may hold. */
const tailLogs = 50;

const sameLife = (a: Life, b: Life): boolean =>
  a.session === b.session && a.epoch === b.epoch && a.signal === b.signal;
const overlap = (a: ChunkId, b: ChunkId): boolean =>
  sameLife(a.life, b.life) && a.first < b.first + b.count && b.first < a.first + a.count;
const keyOf = ({ life, first, count }: ChunkId): string => `${life.session}:${life.epoch}:${first}:${count}`;

function isCovered(chunk: ChunkId, stored: readonly Covered[]): boolean {
  const last = chunk.first + chunk.count - 1;
  return stored.some(
    (part) =>
      sameLife(part, chunk.life) && part.ranges.some(([from, to]) => from <= chunk.first && last <= to),
  );
}

/** The page's copy of everything unanswered of one signal, so that its last act needs nobody else. */
export class Mirror {
  readonly #held = new Map<string, Held>();
  #life: Life | undefined;
  #frames = new Map<number, Frame>();
  #tail: Log[] = [];
  /** Numbers that left in a beacon before any chunk held them. */
  #beaconed = new Set<number>();
  /** Of measurements, in place of a tail: those that are being packed, and those that wait. */
  #drafts: readonly Chunk[] = [];

  addFrame(life: Life, id: number, frame: Frame): void {
    if (this.#life === undefined || !sameLife(this.#life, life)) {
      this.keepTail();
      this.#life = life;
      this.#frames = new Map();
      this.#beaconed = new Set();
    }
    this.#frames.set(id, frame);
  }

  addLog(log: Log): void {
    this.#tail.push(log);
    if (this.#tail.length > tailLogs) this.#tail.shift();
  }

  addDraft(chunk: Chunk): void {
    this.#dropDrafts(chunk);
    this.#drafts = [...this.#drafts, chunk];
  }

  addChunk(chunk: Chunk): void {
    // It may have left as a draft already.
    const held: Held = { chunk, state: this.#held.get(keyOf(chunk))?.state ?? 'ready' };
    this.#held.set(keyOf(chunk), held);
    this.#dropDrafts(chunk);
    if (this.#life === undefined || !sameLife(this.#life, chunk.life)) return;
    const numbers = Array.from({ length: chunk.count }, (_, index) => chunk.first + index);
    if (numbers.every((seq) => this.#beaconed.has(seq))) held.state = 'beaconed';
    for (const seq of numbers) this.#beaconed.delete(seq);
    this.#tail = this.#tail.filter(({ seq }) => seq < chunk.first || seq >= chunk.first + chunk.count);
  }

  /** What stands in this chunk, too. */
  #dropDrafts(chunk: ChunkId): void {
    this.#drafts = this.#drafts.filter((draft) => !overlap(draft, chunk));
  }

  /** The drafts become chunks as they are. */
  keepDrafts(): readonly Chunk[] {
    const drafts = this.#drafts;
    this.#drafts = [];
    for (const chunk of drafts) this.#held.set(keyOf(chunk), { chunk, state: 'ready' });
    return drafts;
  }

  /** The worker that would have sealed the tail is gone: it becomes chunks as it is. */
  keepTail(): void {
    this.keepDrafts();
    for (const run of this.tail()) {
      const chunk = this.toChunk(run);
      this.#held.set(keyOf(chunk), { chunk, state: 'ready' });
    }
    this.#tail = [];
  }

  /** What to send next by fetch: anomalies first, and what was beaconed last. */
  next(): Chunk | undefined {
    const ready = this.ready();
    const beaconed = [...this.#held.values()].find(({ state }) => state === 'beaconed');
    return ready[0] ?? beaconed?.chunk;
  }

  /** Everything nobody was sent, anomalies first. */
  ready(): readonly Chunk[] {
    const ready = [...this.#held.values()].filter(({ state }) => state === 'ready');
    return ready.map(({ chunk }) => chunk).sort((a, b) => Number(b.anomalous) - Number(a.anomalous));
  }

  /** What is in no chunk and no beacon yet, cut where a number is missing. */
  tail(): readonly TailRun[] {
    const life = this.#life;
    const runs: Log[][] = [];
    for (const log of this.#tail) {
      if (this.#beaconed.has(log.seq)) continue;
      const run = runs.at(-1);
      if (run?.at(-1)?.seq === log.seq - 1) run.push(log);
      else runs.push([log]);
    }
    return life === undefined ? [] : runs.map((logs) => ({ life, logs }));
  }

  /** What a crash would take: the tail and the drafts. */
  unsealed(): readonly Chunk[] {
    return [...this.tail().map((run) => this.toChunk(run)), ...this.#drafts];
  }

  /** Synchronous, so it works while the page is leaving: raw OTLP/JSON, no gzip. */
  toChunk({ life, logs }: TailRun): Chunk {
    const text = assemble(logs, (id) => {
      const frame = this.#frames.get(id);
      if (frame === undefined) throw new RangeError(`A record names frame ${id}, which was never mirrored.`);
      return frame;
    });
    return {
      life,
      first: logs[0]?.seq ?? 0,
      count: logs.length,
      anomalous: logs.some((log) => log.anomalous),
      body: new TextEncoder().encode(text),
    };
  }

  mark(chunk: ChunkId, state: Held['state']): void {
    const held = this.#held.get(keyOf(chunk));
    if (held !== undefined) held.state = state;
  }

  markTailBeaconed({ logs }: TailRun): void {
    for (const { seq } of logs) this.#beaconed.add(seq);
  }

  remove(chunk: ChunkId): void {
    this.#held.delete(keyOf(chunk));
  }

  settle(stored: readonly Covered[]): void {
    for (const [key, { chunk }] of this.#held) if (isCovered(chunk, stored)) this.#held.delete(key);
    this.#drafts = this.#drafts.filter((draft) => !isCovered(draft, stored));
    const life = this.#life;
    if (life === undefined) return;
    this.#tail = this.#tail.filter(({ seq }) => !isCovered({ life, first: seq, count: 1 }, stored));
  }

  clear(): void {
    this.#held.clear();
    this.#beaconed.clear();
    this.#tail = [];
    this.#drafts = [];
  }
}
