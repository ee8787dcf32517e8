import type { SegmentLog } from '../log.ts';
import { openCold } from '../retire/cold.ts';
import { eraseCold } from '../retire/erase.ts';
import { retire } from '../retire/retire.ts';
import { Tables } from '../tables/tables.ts';

export interface Retention {
  /** A folder, or `s3://bucket/prefix`. */
  readonly cold: string;
  readonly endpoint?: string | undefined;
  readonly hotDays: number;
}

/** Where their tables go, beside those of Sonde's records. */
export const foreignPlace = (cold: string): string => `${cold.replace(/\/+$/, '')}/foreign`;

/** Moves what is old of other SDKs' records to cold storage, as Sonde's own, and lets erasures follow there. */
export class ForeignRetention {
  readonly #log: SegmentLog;
  readonly #tables: Tables;
  readonly #retention: Retention;

  private constructor(log: SegmentLog, tables: Tables, retention: Retention) {
    this.#log = log;
    this.#tables = tables;
    this.#retention = retention;
  }

  static async open(log: SegmentLog, retention: Retention): Promise<ForeignRetention> {
    return new ForeignRetention(log, await Tables.open(log.folder), retention);
  }

  /** @param stayFrom segments from this one on stay: they are not forwarded yet */
  async round(stayFrom?: number): Promise<{ readonly retired: number; readonly erased: number }> {
    const { cold: place, endpoint, hotDays } = this.#retention;
    const cold = await openCold(foreignPlace(place), endpoint);
    const [log, tables] = [this.#log, this.#tables];
    await tables.refresh();
    const erased = await eraseCold({ log, tables, cold });
    return { erased, retired: await retire({ log, tables, cold, hotDays, stayFrom }) };
  }

  close(): void {
    this.#tables.close();
  }
}
