import type { RequestRecord } from '../schema/record.ts';
import type { Policy } from '../shared/control.ts';
import { type Probability, probability } from '../shared/units.ts';

/** What of a record decides its chance to be kept. */
export type Sampled = Pick<RequestRecord, 'outcome' | 'cohort' | 'confidenceMean' | 'suspicious'>;

export interface SamplerOptions {
  /** `all`: every record, unless the operator asks for fewer. `adaptive`: 1 to 10 %, and whatever is anomalous. */
  readonly mode: 'all' | 'adaptive';
  /** What `adaptive` may send in one page life. */
  readonly budget?: { readonly records: number; readonly bytes: number };
  /** In [0, 1). */
  readonly random?: () => number;
}

/** Chance 0 means that the budget is spent: from then on the records of this page life speak for its beginning only. */
export interface Decision {
  readonly probability: Probability;
  readonly kept: boolean;
}

/** Bounds of the chance of a record that is nothing special. */
const range = { least: 0.01, most: 0.1 } as const;
/** A stratum's chance falls as 100 / n from `most` to `least`: its first 1,000 requests give 100 records. */
const stratumTarget = 100;
/** Weights stay below 1,000, whatever the back-off. */
const floor = 1e-3;
/**
 * The least confident 2 % are anomalous, of those that tell their confidence. The true value must not decide for a
 * coarse record that keeps it back: a chance of 1 says the tail for certain, and what comes once with that mark and once
 * without it can double the factor of 2 in mask/coarse.ts.
 */
const lowTail = 0.02;

const bandOf = (confidence: number | undefined): string =>
  confidence === undefined ? 'none' : confidence < 0.5 ? 'low' : confidence < 0.8 ? 'middle' : 'high';

/**
 * Decides before a record is masked whether it leaves, and with which chance it does: that chance travels on the
 * record. It depends on the record itself and on what came before, never on the draw, so weighting by its inverse
 * (Horvitz & Thompson 1952) is unbiased however the rates move.
 */
export class Sampler {
  readonly #mode: SamplerOptions['mode'];
  readonly #budget: { readonly records: number; readonly bytes: number };
  readonly #random: () => number;
  /** Requests seen, by cohort and band of confidence. */
  readonly #seen = new Map<string, number>();
  #operator = 1;
  /** Halved by every order to hold, restored by answers. */
  #ease = 1;
  #records = 0;
  #bytes = 0;
  /** Running estimate of the confidence below which `lowTail` of the requests lie. */
  #low = 0.25;

  constructor({ mode, budget = { records: 5000, bytes: 4 << 20 }, random = Math.random }: SamplerOptions) {
    this.#mode = mode;
    this.#budget = budget;
    this.#random = random;
  }

  decide(record: Sampled): Decision {
    const chance = this.#mode === 'all' ? this.#operator : this.#adaptive(record);
    return { probability: probability(chance), kept: this.#random() < chance };
  }

  /** A kept record was encoded. */
  spend(bytes: number): void {
    this.#records += 1;
    this.#bytes += bytes;
  }

  obey({ sampling }: Policy): void {
    this.#operator = sampling ?? 1;
  }

  held(): void {
    this.#ease = Math.max(1 / 16, this.#ease / 2);
  }

  answered(): void {
    this.#ease = Math.min(1, this.#ease * 1.1);
  }

  #adaptive(record: Sampled): number {
    const { cohort = '', confidenceMean } = record;
    const stratum = `${bandOf(confidenceMean)} ${cohort}`;
    const seen = (this.#seen.get(stratum) ?? 0) + 1;
    this.#seen.set(stratum, seen);
    const anomalous =
      record.suspicious === true ||
      record.outcome === 'error' ||
      (confidenceMean !== undefined && confidenceMean < this.#low);
    if (confidenceMean !== undefined)
      this.#low += 0.02 * (confidenceMean < this.#low ? lowTail - 1 : lowTail);
    const wanted = anomalous ? 1 : Math.max(range.least, Math.min(range.most, stratumTarget / seen));
    const left = this.#left();
    return left === 0 ? 0 : Math.min(Math.max(floor, wanted * this.#ease * left), this.#operator);
  }

  /** 1 while half of the budget is left, then falling with it; 0 when it is spent. */
  #left(): number {
    const share = Math.min(1 - this.#records / this.#budget.records, 1 - this.#bytes / this.#budget.bytes);
    return Math.max(0, Math.min(1, 2 * share));
  }
}
