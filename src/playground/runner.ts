import type { DeviceChoice } from '../index.ts';
import { type RunRequest, run, type Show, type StopSignals } from './run.ts';
import type { Session } from './session.ts';

export interface RunnerHost {
  /** The session to run in; made anew when the visitor chose another device. */
  session(): Promise<Session>;
  chosenDevice(): DeviceChoice;
  begin(request: RunRequest): void;
  show: Show;
  fail(error: unknown): void;
  /** `yields`: what runs now gives way to the next. */
  busy(busy: boolean, yields: boolean): void;
}

interface Running {
  readonly load: AbortController;
  readonly run: AbortController;
  /** The run the page starts by itself: it gives way to whatever the visitor wants. */
  readonly opening: boolean;
  readonly device: DeviceChoice;
  gaveWay: boolean;
}

/** One run at a time. */
export class Runner {
  readonly #host: RunnerHost;
  #running: Running | undefined;
  #ended: Promise<void> = Promise.resolve();
  /** What is to come in place of what runs: of several, the last. */
  #next: RunRequest | undefined;

  constructor(host: RunnerHost) {
    this.#host = host;
  }

  async start(request: RunRequest, opening = false): Promise<void> {
    if (!this.clear()) return;
    const running: Running = {
      load: new AbortController(),
      run: new AbortController(),
      opening,
      device: this.#host.chosenDevice(),
      gaveWay: false,
    };
    this.#running = running;
    this.#host.busy(true, opening);
    this.#ended = this.#perform(request, running);
    await this.#ended;
    if (this.#running === running) this.#over();
  }

  /** Stops what runs, and starts this once it has ended, if nothing else was chosen by then. */
  async replace(request: RunRequest): Promise<void> {
    this.#next = request;
    this.stop();
    if (!this.clear()) await this.#ended;
    if (this.#next === request) await this.start(request);
  }

  stop(): void {
    this.#running?.load.abort();
    this.#running?.run.abort();
  }

  /** Ends an opening run. @returns whether the views are free now: false while a run of the visitor's goes on */
  clear(): boolean {
    const running = this.#running;
    if (running === undefined) return true;
    if (!running.opening) return false;
    running.gaveWay = true;
    running.run.abort();
    // A load that the next run needs too goes on, and tells its progress.
    if (running.device !== this.#host.chosenDevice()) running.load.abort();
    this.#over();
    return true;
  }

  #over(): void {
    this.#running = undefined;
    this.#host.busy(false, false);
  }

  async #perform(request: RunRequest, running: Running): Promise<void> {
    this.#host.begin(request);
    const show: Show = (update) => {
      const loadsForNext = update.kind === 'loading' && this.#running !== undefined;
      if (!running.gaveWay || loadsForNext) this.#host.show(update);
    };
    const stop: StopSignals = { load: running.load.signal, run: running.run.signal };
    try {
      await run(await this.#host.session(), request, stop, show);
    } catch (error) {
      if (!running.gaveWay) this.#host.fail(error);
    }
  }
}
