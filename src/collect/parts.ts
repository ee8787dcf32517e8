import { createPublicKey, type KeyObject } from 'node:crypto';
import { join } from 'node:path';
import type { Keeper, LogPlace } from './checkpoint.ts';
import { listSegments } from './folder.ts';
import { headerOf } from './header.ts';
import { loadSigned, saveSigned } from './signed-file.ts';

/**
 * What a keeper knows of one segment alone, beside the segment. A checkpoint that held it for all segments would
 * be written whole whenever one of them is closed.
 */
interface Part {
  readonly format: 2;
  /** Of the last line that it knows of. */
  readonly chain: string;
  readonly state: unknown;
}

/** Where the part of a segment lies. */
export const partPath = (folder: string, segment: number): string =>
  join(folder, `part-${String(segment).padStart(8, '0')}.json`);

/** Segments up to a place that hold something, and the chain value that each ends with: where its part has to end. */
async function* endsOf(
  folder: string,
  place: LogPlace,
): AsyncGenerator<{ readonly segment: number; readonly chain: string | undefined }> {
  const segments = await listSegments(folder);
  for (const [index, { number: segment }] of segments.entries()) {
    const next = segments[index + 1];
    if (segment < place.segment) yield { segment, chain: next && (await headerOf(next.path))?.previous };
    else if (segment === place.segment && place.lines > 1) yield { segment, chain: place.chain };
  }
}

/** What a keeper knows, segment by segment, kept and restored. */
export class Parts {
  readonly #folder: string;
  readonly #key: KeyObject;
  readonly #keeper: Keeper;
  /** Closed segments whose part is kept. */
  readonly #kept = new Set<number>();
  /** Of segments before this one the keeper does not know everything. */
  #known = 0;

  constructor(folder: string, key: KeyObject, keeper: Keeper) {
    this.#folder = folder;
    this.#key = key;
    this.#keeper = keeper;
  }

  /** @returns whether every segment up to the place had its part; if not, none is used */
  async restore(place: LogPlace): Promise<boolean> {
    const found: [segment: number, state: unknown][] = [];
    for await (const { segment, chain } of endsOf(this.#folder, place)) {
      const part = await this.#load(segment, chain);
      if (part === undefined) {
        this.#known = place.segment + 1;
        return false;
      }
      found.push([segment, part.state]);
    }
    for (const [segment, state] of found) {
      this.#keeper.restorePart(segment, state);
      if (segment < place.segment) this.#kept.add(segment);
    }
    return true;
  }

  /** The keeper has read the whole log since. */
  complete(): void {
    this.#known = 0;
  }

  async keep(place: LogPlace): Promise<void> {
    for await (const { segment, chain } of endsOf(this.#folder, place)) {
      if (chain === undefined || segment < this.#known || this.#kept.has(segment)) continue;
      const part: Part = { format: 2, chain, state: this.#keeper.part(segment) };
      await saveSigned(partPath(this.#folder, segment), 'part', part, this.#key);
      if (segment < place.segment) this.#kept.add(segment);
    }
  }

  /** Absent where there is none that this log's key signed, or one that ends elsewhere. */
  async #load(segment: number, chain: string | undefined): Promise<Part | undefined> {
    const key = createPublicKey(this.#key);
    const part = (await loadSigned(partPath(this.#folder, segment), 'part', key)) as Part | undefined;
    return part?.format === 2 && part.chain === chain ? part : undefined;
  }
}
