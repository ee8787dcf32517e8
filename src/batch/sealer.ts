import type { Frame, Log } from '../protocol/frame.ts';
import type { Ranges } from '../shared/control.ts';
import { lifeKey } from './life.ts';
import type { Chunk, ChunkId, Life } from './messages.ts';
import { type Limits, Pool, type Run } from './pool.ts';
import { draft, isTooLarge, pack, Sum } from './seal.ts';

/** Records in memory, and per life in the journal: about 4 MB. */
export const capacity = 4000;
/** Chunks the page may hold unanswered: about as many as it can still send when it leaves. */
const pageWindow = 36;

export interface SealerOptions {
  readonly limits: Limits;
  /** To the page. */
  readonly hand: (chunk: Chunk) => void;
  /** What is to be packed, which takes a while, before it is. */
  readonly drafted: (chunk: Chunk) => void;
  /** This record had to make room. */
  readonly evict: (life: Life, seq: number) => void;
}

/** Turns records into chunks when they are due, as many as the page may hold. */
export class Sealer {
  readonly #options: SealerOptions;
  readonly #pool: Pool;
  /** By `lifeKey`, then by `Log.frame`. */
  readonly #frames = new Map<string, Map<number, Frame>>();
  readonly #sum = new Sum();
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** One after the other: side by side the first would be ready when the last is. */
  #packing: Promise<unknown> = Promise.resolve();

  constructor(options: SealerOptions) {
    this.#options = options;
    this.#pool = new Pool(capacity, options.limits);
  }

  get room(): number {
    return capacity - this.#pool.size;
  }

  /** The number of a frame within its life; `isNew` the first time. */
  register(life: Life, frame: Frame): { readonly id: number; readonly isNew: boolean } {
    const frames = this.#frames.get(lifeKey(life)) ?? new Map<number, Frame>();
    this.#frames.set(lifeKey(life), frames);
    for (const [id, known] of frames) if (known.head === frame.head) return { id, isNew: false };
    frames.set(frames.size, frame);
    return { id: frames.size - 1, isNew: true };
  }

  /** Those `logs` stand in. */
  framesOf(life: Life, logs: readonly Log[]): ReadonlyMap<number, Frame> {
    const ids = new Set(logs.map(({ frame }) => frame));
    return new Map([...ids].map((id) => [id, this.#frameOf(life, id)]));
  }

  add(life: Life, log: Log): void {
    this.#keep(life, log, Date.now() + this.#options.limits.ageMs);
    this.#sealDue();
  }

  /** Records of a former visit, due at once. */
  load(life: Life, logs: readonly Log[], frames: ReadonlyMap<number, Frame>): void {
    this.#frames.set(lifeKey(life), new Map(frames));
    for (const log of logs) this.#keep(life, log, 0);
    this.#sealDue();
  }

  settle(life: Life, ranges: Ranges): void {
    this.#pool.settle(life, ranges);
    this.#sealDue();
  }

  /** What no chunk holds yet of the newest records of a life, as a chunk would. */
  draft(life: Life): Chunk | undefined {
    const run = this.#pool.newest(life);
    return run && this.#draft(run);
  }

  /** Seals exactly these, which left as a draft; nothing where some are in a chunk already. */
  async sealThese(id: ChunkId): Promise<void> {
    const run = this.#pool.handThese(id);
    if (run !== undefined) await this.#seal(run);
  }

  /** Of a chunk that was not stored, because parts of it were, seals the rest anew. */
  release(id: ChunkId, covered: Ranges): void {
    this.#pool.release(id, covered);
    this.#sealDue();
  }

  /** Halves a chunk that was too large; false if it is a single record. */
  async cut(id: ChunkId): Promise<boolean> {
    const run = this.#pool.handed(id);
    if (run === undefined) return true;
    const halves = this.#pool.halve(run);
    await Promise.all(halves.map((half) => this.#seal(half)));
    return halves.length > 0;
  }

  /** Seals what is not due yet, too. */
  async flush(): Promise<void> {
    await this.#sealWhile(() => true);
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#pool.clear();
    this.#frames.clear();
  }

  #keep(life: Life, log: Log, due: number): void {
    const evicted = this.#pool.add(life, log, due);
    if (evicted !== undefined) this.#options.evict(evicted.life, evicted.log.seq);
  }

  #sealDue(): void {
    clearTimeout(this.#timer);
    if (this.#pool.handedRuns >= pageWindow) return;
    const due = this.#pool.dueAt(Date.now());
    if (due === undefined) return;
    const isDue = (): boolean => {
      const now = Date.now();
      return (this.#pool.dueAt(now) ?? Number.POSITIVE_INFINITY) <= now;
    };
    if (isDue()) void this.#sealWhile(isDue);
    else this.#timer = setTimeout(() => this.#sealDue(), due - Date.now());
  }

  async #sealWhile(more: () => boolean): Promise<void> {
    const sealing: Promise<void>[] = [];
    while (this.#pool.handedRuns < pageWindow && more()) {
      const run = this.#pool.hand();
      if (run === undefined) break;
      sealing.push(this.#seal(run));
    }
    await Promise.all(sealing);
    this.#sealDue();
  }

  async #seal(run: Run): Promise<void> {
    const drafted = this.#draft(run);
    this.#options.drafted(drafted);
    const packing = this.#packing.then(() => pack(drafted));
    this.#packing = packing.catch(() => undefined);
    const chunk = await packing;
    if (!this.#pool.holds(run)) return;
    if (isTooLarge(chunk)) await Promise.all(this.#pool.halve(run).map((half) => this.#seal(half)));
    else this.#options.hand(chunk);
  }

  #draft(run: Run): Chunk {
    return draft(run, (id) => this.#frameOf(run.life, id), this.#sum);
  }

  #frameOf(life: Life, id: number): Frame {
    const frame = this.#frames.get(lifeKey(life))?.get(id);
    if (frame === undefined) throw new RangeError(`No frame ${id} in its life.`);
    return frame;
  }
}
