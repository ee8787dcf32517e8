import { type Exponential, MergingHistogram } from '../schema/exponential.ts';
import type { Read } from '../schema/receive.ts';
import type { OutcomeRecord } from '../schema/record.ts';
import { judge, judgedOf, mergeVerdicts, noVerdicts, type Verdicts } from './judged.ts';

export type MeasuredRecord = Read['measured'];

/** What records are told apart by; `revision` is the digest over the model's files. */
export const groupKeys = ['model', 'revision', 'cohort', 'outcome'] as const;
export type Group = Readonly<Record<(typeof groupKeys)[number], string>>;

export const quantities = ['duration', 'introspection', 'entropy', 'confidence'] as const;
export type Quantity = (typeof quantities)[number];

/** Duration and introspection in ms, entropy in nats. */
export const quantityOf = (record: MeasuredRecord, quantity: Quantity): number | undefined => {
  switch (quantity) {
    case 'duration':
      return record.duration;
    case 'introspection':
      return record.introspectionDuration;
    case 'entropy':
      return record.entropyMean;
    case 'confidence':
      return record.confidenceMean;
  }
};

/** What not every record tells. */
export const isSignal: ReadonlySet<Quantity> = new Set(['entropy', 'confidence']);

/** How many requests a record stands for, where it tells this quantity: signals are told of some of them only. */
export const weightOf = (
  { inclusionProbability, signalProbability }: MeasuredRecord,
  quantity: Quantity,
): number => 1 / (inclusionProbability * (isSignal.has(quantity) ? (signalProbability ?? 1) : 1));

export const groupOf = (record: MeasuredRecord): Group => ({
  model: record.modelId,
  revision: record.modelDigest,
  cohort: record.cohort ?? '',
  outcome: record.outcome,
});

/** One group in one minute. */
export interface Cell {
  readonly group: Group;
  records: number;
  /** Requests they stand for: the sum of 1 / inclusion probability. */
  requests: number;
  readonly histograms: Readonly<Record<Quantity, MergingHistogram>>;
  /** Sums of the squared weights of what the histograms hold. */
  readonly squares: Record<Quantity, number>;
  /** Of the labels that came in this minute; absent where none did. */
  verdicts?: Verdicts;
}

/** 2^(1/32): 2.2 % to a bucket. A histogram whose values span over a factor of 30 goes coarser by itself. */
const scale = 5;

export function emptyCell(group: Group): Cell {
  const histogram = () => new MergingHistogram(scale);
  return {
    group,
    records: 0,
    requests: 0,
    histograms: {
      duration: histogram(),
      introspection: histogram(),
      entropy: histogram(),
      confidence: histogram(),
    },
    squares: { duration: 0, introspection: 0, entropy: 0, confidence: 0 },
  };
}

export function mergeInto(cell: Cell, { records, requests, histograms, squares, verdicts }: Cell): void {
  if (verdicts !== undefined) {
    cell.verdicts ??= noVerdicts();
    mergeVerdicts(cell.verdicts, verdicts);
  }
  cell.records += records;
  cell.requests += requests;
  for (const quantity of quantities) {
    cell.histograms[quantity].absorb(histograms[quantity]);
    cell.squares[quantity] += squares[quantity];
  }
}

export const minute = 60_000;
/** Minutes that are kept, and groups within one; what comes beyond is counted under cohort `other`. */
const mostMinutes = 7 * 24 * 60;
const mostGroups = 200;
/** Groups that are one object each wherever they stand; a forger can make up ever new ones. */
const mostKnown = 10_000;

type Minutes = Map<number, Map<string, Cell>>;

/** What is known of one segment's records, as JSON. */
export type SegmentRollups = readonly (readonly [
  minute: number,
  group: Group,
  records: number,
  requests: number,
  histograms: Readonly<Record<Quantity, Exponential>>,
  squares: Readonly<Record<Quantity, number>>,
  /** JSON makes null of it where there are none. */
  verdicts?: Verdicts | null | undefined,
])[];

/**
 * Records by the minute they were received in, as histograms that merge. By segment too, so that what a closed
 * segment adds is kept beside it and never written again.
 */
export class Rollups {
  readonly #segments = new Map<number, Minutes>();
  /** By name. */
  readonly #groups = new Map<string, Group>();

  add(segment: number, receivedAt: number, record: MeasuredRecord): void {
    const cell = this.#cell(segment, Math.floor(receivedAt / minute), groupOf(record));
    cell.records += 1;
    cell.requests += 1 / record.inclusionProbability;
    for (const quantity of quantities) {
      const value = quantityOf(record, quantity);
      if (value === undefined) continue;
      const weight = weightOf(record, quantity);
      cell.histograms[quantity].add(value, weight);
      cell.squares[quantity] += weight * weight;
    }
  }

  /** A label that came counts when it came, in the group that its request was of. */
  judge(segment: number, receivedAt: number, outcome: OutcomeRecord): void {
    const judged = judgedOf(outcome);
    if (judged === undefined) return;
    const { modelId = 'unknown', modelDigest = 'unknown', cohort = '' } = outcome;
    const group = { model: modelId, revision: modelDigest, cohort, outcome: 'ok' };
    const cell = this.#cell(segment, Math.floor(receivedAt / minute), group);
    cell.verdicts ??= noVerdicts();
    judge(cell.verdicts, judged);
  }

  #cell(segment: number, at: number, group: Group): Cell {
    const minutes: Minutes = this.#segments.get(segment) ?? new Map();
    this.#segments.set(segment, minutes);
    const cells = minutes.get(at);
    if (cells !== undefined) return this.#cellOf(cells, group);
    const fresh = new Map<string, Cell>();
    minutes.set(at, fresh);
    this.#forgetBefore(at - mostMinutes);
    return this.#cellOf(fresh, group);
  }

  #cellOf(cells: Map<string, Cell>, group: Group): Cell {
    const name = `${group.model} ${group.revision} ${group.cohort} ${group.outcome}`;
    const found = cells.get(name);
    if (found !== undefined) return found;
    if (cells.size >= mostGroups && group.cohort !== 'other')
      return this.#cellOf(cells, { ...group, cohort: 'other' });
    const cell = emptyCell(this.#one(name, group));
    cells.set(name, cell);
    return cell;
  }

  /** The same object for the same group, so that whoever adds up cells need not compare texts. */
  #one(name: string, group: Group): Group {
    const one = this.#groups.get(name) ?? group;
    if (this.#groups.size >= mostKnown) this.#groups.clear();
    this.#groups.set(name, one);
    return one;
  }

  /** Only where there are too many: a clock that jumps ahead for a while must not empty it. */
  #forgetBefore(first: number): void {
    let held = 0;
    for (const { size } of this.#segments.values()) held += size;
    if (held <= mostMinutes) return;
    for (const [segment, minutes] of this.#segments) {
      for (const at of minutes.keys()) if (at <= first) minutes.delete(at);
      if (minutes.size > 0) return;
      this.#segments.delete(segment);
    }
  }

  /** Takes over all of another one's, which is used no more; both may know of one minute. */
  adopt(older: Rollups): void {
    for (const [segment, minutes] of older.#segments)
      for (const [at, cells] of minutes)
        for (const cell of cells.values()) mergeInto(this.#cell(segment, at, cell.group), cell);
  }

  of(segment: number): SegmentRollups {
    return [...(this.#segments.get(segment) ?? [])].flatMap(([at, cells]) =>
      [...cells.values()].map(
        ({ group, records, requests, histograms, squares, verdicts }): SegmentRollups[number] => [
          at,
          group,
          records,
          requests,
          {
            duration: histograms.duration.read(),
            introspection: histograms.introspection.read(),
            entropy: histograms.entropy.read(),
            confidence: histograms.confidence.read(),
          },
          { ...squares },
          verdicts,
        ],
      ),
    );
  }

  /** Adds what `of` gave. */
  restore(segment: number, state: SegmentRollups): void {
    for (const [at, group, records, requests, histograms, squares, verdicts] of state) {
      const cell = this.#cell(segment, at, group);
      if (verdicts) {
        cell.verdicts ??= noVerdicts();
        mergeVerdicts(cell.verdicts, verdicts);
      }
      cell.records += records;
      cell.requests += requests;
      for (const quantity of quantities) {
        cell.histograms[quantity].merge(histograms[quantity]);
        cell.squares[quantity] += squares[quantity];
      }
    }
  }

  /** The minutes from `from` (inclusive) to `to` (exclusive), epoch ms. */
  *cells(from: number, to: number): Generator<Cell> {
    for (const minutes of this.#segments.values())
      for (const [at, cells] of minutes) if (at * minute >= from && at * minute < to) yield* cells.values();
  }
}
