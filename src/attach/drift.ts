import { DriftWatch } from '../inspect/drift.ts';
import type { Baseline } from '../observe/drift/baseline.ts';
import type { DriftListener } from '../protocol/drift.ts';
import type { ObservedRequest } from './api.ts';

/** A baseline and the requests that are held against it. What they are of is known once the first has ended. */
export class DriftWatching {
  readonly #baseline: Baseline;
  readonly #listener: DriftListener;
  readonly #isOf: (request: ObservedRequest) => boolean;
  #watch: DriftWatch | undefined;

  constructor(baseline: Baseline, listener: DriftListener, isOf: (request: ObservedRequest) => boolean) {
    this.#baseline = baseline;
    this.#listener = listener;
    this.#isOf = isOf;
  }

  /** @returns whether an alarm stands for this request */
  see(request: ObservedRequest): boolean {
    if (!this.#isOf(request)) return false;
    const { record } = request;
    const { modelId, modelDigest } = record;
    this.#watch ??= new DriftWatch(this.#baseline, { modelId, modelDigest }, this.#listener);
    return this.#watch.see(record);
  }
}
