import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Fault } from './head-check.ts';
import type { Entry } from './line.ts';
import type { SegmentLog } from './log.ts';
import { walkLog } from './walk.ts';

class Stopped extends Error {}

/** Who makes use of the reading. It begins anew when the log was changed meanwhile. */
export interface Reader {
  begin(): void;
  read(entries: readonly Entry[], records: number, segment: number): void;
  /** Not called when it is stopped before. */
  done(faults: readonly Fault[]): void;
}

/** The whole log read once more, from its first line, while records come in: what a start from a checkpoint owes. */
export class Verification {
  #faults: readonly Fault[] | undefined;
  #isStopped = false;
  readonly #done: Promise<void>;

  /** @param quiet resolves when nobody waits for an answer that is read from the log */
  constructor(log: SegmentLog, reader: Reader, quiet: () => Promise<void>) {
    this.#done = this.#run(log, reader, quiet).catch((error: unknown) => {
      if (!(error instanceof Stopped)) throw error;
    });
  }

  /** Absent while it runs. */
  get faults(): readonly Fault[] | undefined {
    return this.#faults;
  }

  async #run(log: SegmentLog, { begin, read, done }: Reader, quiet: () => Promise<void>): Promise<void> {
    const pause = async (): Promise<void> => {
      await nextTurn();
      await quiet();
      if (this.#isStopped) throw new Stopped();
    };
    let sweeps: number;
    let faults: readonly Fault[];
    do {
      await pause();
      sweeps = log.sweeps;
      begin();
      ({ faults } = await walkLog(log.folder, read, { pause }));
      // What a sweep changed behind the reader's back is no fault.
    } while (sweeps !== log.sweeps);
    this.#faults = faults;
    done(faults);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }
}
