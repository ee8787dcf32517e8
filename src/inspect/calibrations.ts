import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import type { Calibration } from '../shared/calibration.ts';
import { databases } from '../shared/storage.ts';

interface CalibrationDatabase extends DBSchema {
  calibrations: { key: string; value: Calibration };
}

/** Only what is kept makes the database: who merely looks whether there is one leaves nothing behind. */
const open = (mayMake: boolean): Promise<IDBPDatabase<CalibrationDatabase>> =>
  openDB<CalibrationDatabase>(databases.calibrations, 2, {
    upgrade(db, from, _to, change) {
      // The first version kept isotonic regression's knots, which do not tell how many outcomes are behind them.
      if (from === 1) db.deleteObjectStore('calibrations');
      if (mayMake || from === 1) db.createObjectStore('calibrations', { keyPath: 'modelDigest' });
      else {
        // Its end is told to whoever opens, and need not be told to the console too.
        change.done.catch(() => undefined);
        change.abort();
      }
    },
  });

async function withStore<T>(
  mayMake: boolean,
  work: (db: IDBPDatabase<CalibrationDatabase>) => Promise<T>,
): Promise<T> {
  const db = await open(mayMake);
  try {
    return await work(db);
  } finally {
    db.close();
  }
}

/** The calibration of one model, kept over visits under the digest of its files; it holds no text. */
export class KeptCalibration {
  readonly #modelDigest: string;
  #current: Calibration | undefined;

  private constructor(modelDigest: string, current: Calibration | undefined) {
    this.#modelDigest = modelDigest;
    this.#current = current;
  }

  /** Where storage is blocked nothing was kept, and where nothing was kept there is no database. */
  static async open(modelDigest: string): Promise<KeptCalibration> {
    const stored = await withStore(false, (db) => db.get('calibrations', modelDigest)).catch(() => undefined);
    return new KeptCalibration(modelDigest, stored);
  }

  get current(): Calibration | undefined {
    return this.#current;
  }

  /** @returns whether it is kept for the next visit: false where storage is blocked or full */
  async keep(calibration: Calibration): Promise<boolean> {
    this.#current = calibration;
    return withStore(true, (db) => db.put('calibrations', calibration)).then(
      () => true,
      () => false,
    );
  }

  async forget(): Promise<void> {
    this.#current = undefined;
    // Blocked storage held none.
    await withStore(false, (db) => db.delete('calibrations', this.#modelDigest)).catch(() => undefined);
  }
}
