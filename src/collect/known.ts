import type { Keeper } from './checkpoint.ts';
import type { Entry } from './line.ts';
import { Rollups, type SegmentRollups } from './rollups.ts';
import { StoredRecords, type StoredState } from './stored.ts';

interface State {
  readonly records: StoredState;
  readonly exports: StoredState;
}

const nothing: StoredState = { missing: 0, lives: [] };

/** What a collector knows by having read its log. */
export class Known implements Keeper {
  readonly records = new StoredRecords();
  /** Measurements of tier 0, which are numbered apart from records. */
  readonly exports = new StoredRecords();
  #rollups = new Rollups();

  get rollups(): Rollups {
    return this.#rollups;
  }

  read(entries: readonly Entry[], segment: number): void {
    for (const entry of entries)
      if (entry.kind === 'chunk') this.records.add(entry, entry.count);
      else if (entry.kind === 'metrics') this.exports.add(entry, entry.count);
    addTo(this.#rollups, entries, segment);
  }

  snapshot(): State {
    return { records: this.records.snapshot(), exports: this.exports.snapshot() };
  }

  restore(state: unknown): void {
    // Signed by this log's key, so it is what a collector wrote.
    const { records, exports } = (state as State | undefined) ?? { records: nothing, exports: nothing };
    this.records.restore(records);
    this.exports.restore(exports);
    this.#rollups = new Rollups();
  }

  part(segment: number): SegmentRollups {
    return this.#rollups.of(segment);
  }

  restorePart(segment: number, part: unknown): void {
    this.#rollups.restore(segment, part as SegmentRollups);
  }
}

export function addTo(rollups: Rollups, entries: readonly Entry[], segment: number): void {
  for (const entry of entries)
    if (entry.kind !== 'record') continue;
    else if ('reportedAt' in entry.record) rollups.judge(segment, entry.receivedAt, entry.record);
    else rollups.add(segment, entry.receivedAt, entry.record);
}
