import type { Erasures } from './erasures.ts';
import type { Fault } from './head-check.ts';
import { isRecordKind, type Tombstone } from './line.ts';

interface Grave {
  readonly segment: string;
  readonly line: number;
  records: number;
}

/** Holds the tombstones found in a log against the erasures that it says it made. */
export class TombCheck {
  readonly #erasures: Erasures;
  readonly #graves = new Map<string, Grave>();
  readonly #late: Fault[] = [];
  readonly #retired: ReadonlyMap<string, number>;

  /** @param retired tombstones over records of each session that are not here any more */
  constructor(erasures: Erasures, retired: ReadonlyMap<string, number>) {
    this.#erasures = erasures;
    this.#retired = retired;
  }

  see({ kind, subject }: Tombstone, { segment, line }: { readonly segment: string; readonly line: number }) {
    if (this.#erasures.told(subject) !== undefined)
      this.#late.push({
        segment,
        line,
        what: 'it was erased, though it came after the erasure of its session',
      });
    const grave = this.#graves.get(subject) ?? { segment, line, records: this.#retired.get(subject) ?? 0 };
    if (isRecordKind(kind)) grave.records += 1;
    this.#graves.set(subject, grave);
  }

  /** Once the whole log was read. */
  faults(): readonly Fault[] {
    const faults = [...this.#late];
    for (const [subject, { segment, line, records }] of this.#graves) {
      const told = this.#erasures.told(subject);
      if (!this.#erasures.has(subject))
        faults.push({ segment, line, what: 'it was erased, but the log has no erasure of its session' });
      // A sweep that was cut off has erased more than was told; it is finished at the next start.
      else if (told !== undefined && (records < told.records || records > told.records + told.waiting))
        faults.push({
          segment,
          line,
          what: `${records} records of its session are erased; the log tells of ${told.records}`,
        });
    }
    return faults;
  }
}
