import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Fault } from './head-check.ts';
import type { SegmentLog } from './log.ts';
import { walkLog } from './walk.ts';

class Stopped extends Error {}

/** The whole log read once more, from its first line, while records come in: what a start from a checkpoint owes. */
export class Verification {
  #faults: readonly Fault[] | undefined;
  #isStopped = false;
  readonly #done: Promise<void>;

  /** @param onDone called unless it is stopped before */
  constructor(log: SegmentLog, onDone: (faults: readonly Fault[]) => void) {
    this.#done = this.#run(log, onDone).catch((error: unknown) => {
      if (!(error instanceof Stopped)) throw error;
    });
  }

  /** Absent while it runs. */
  get faults(): readonly Fault[] | undefined {
    return this.#faults;
  }

  async #run(log: SegmentLog, onDone: (faults: readonly Fault[]) => void): Promise<void> {
    const pause = async (): Promise<void> => {
      await nextTurn();
      if (this.#isStopped) throw new Stopped();
    };
    let sweeps: number;
    let faults: readonly Fault[];
    do {
      await pause();
      sweeps = log.sweeps;
      ({ faults } = await walkLog(log.folder, () => undefined, { pause }));
      // What a sweep changed behind the reader's back is no fault.
    } while (sweeps !== log.sweeps);
    this.#faults = faults;
    onDone(faults);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#done;
  }
}
