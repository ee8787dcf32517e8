import { setImmediate as nextTurn } from 'node:timers/promises';
import { quantile } from '../schema/exponential.ts';
import type { RequestRecord } from '../schema/record.ts';
import { type Calibration, calibrationOf, judge, mergeVerdicts, noVerdicts } from './judged.ts';
import type { RecordEntry } from './line.ts';
import {
  type Cell,
  emptyCell,
  type Group,
  groupKeys,
  groupOf,
  type MeasuredRecord,
  mergeInto,
  minute,
  type Quantity,
  quantities,
  quantityOf,
  type Rollups,
  weightOf,
} from './rollups.ts';
import { walkLog } from './walk.ts';

/** `from` inclusive, `to` exclusive, epoch ms by the collector's clock of arrival. */
export interface Question extends Partial<Group> {
  readonly from: number;
  readonly to: number;
  readonly by: readonly (keyof Group)[];
}

interface Quantiles {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
}

export interface AnswerRow {
  readonly group: Partial<Group>;
  readonly records: number;
  /** Requests they stand for, by their inclusion probabilities. */
  readonly requests: number;
  readonly quantiles: Partial<Record<Quantity, Quantiles>>;
}

const fits = (question: Question, group: Group): boolean =>
  groupKeys.every((key) => question[key] === undefined || question[key] === group[key]);

const keyOf = (question: Question, group: Group): Partial<Group> =>
  Object.fromEntries(question.by.map((key) => [key, group[key]]));

const ranks = { p50: 0.5, p95: 0.95, p99: 0.99 } as const;

function quantilesOf(quantile: (q: number) => number | undefined): Quantiles | undefined {
  const [p50, p95, p99] = [quantile(ranks.p50), quantile(ranks.p95), quantile(ranks.p99)];
  return p50 === undefined || p95 === undefined || p99 === undefined ? undefined : { p50, p95, p99 };
}

/** Those that a question is about. */
export function* cellsOf(rollups: Rollups, question: Question): Generator<Cell> {
  for (const cell of rollups.cells(Math.floor(question.from / minute) * minute, question.to))
    if (fits(question, cell.group)) yield cell;
}

/**
 * From per-minute histograms: times rounded out to whole minutes, quantiles to 1 % where a group's values lie within a
 * factor of 30, to 2 % within 900, to 4 % within 900,000.
 */
export function askRollups(rollups: Rollups, question: Question): readonly AnswerRow[] {
  const rows = new Map<string, { key: Partial<Group>; cell: Cell }>();
  /** Cells are tens of thousands, their groups few objects. */
  const rowOf = new Map<Group, { key: Partial<Group>; cell: Cell }>();
  function begin(group: Group) {
    const key = keyOf(question, group);
    const name = JSON.stringify(key);
    const row = rows.get(name) ?? { key, cell: emptyCell(group) };
    rows.set(name, row);
    rowOf.set(group, row);
    return row;
  }
  for (const cell of cellsOf(rollups, question)) {
    const row = rowOf.get(cell.group) ?? begin(cell.group);
    mergeInto(row.cell, cell);
  }
  // A minute may hold labels only.
  const asked = [...rows.values()].filter(({ cell }) => cell.records > 0);
  return asked.map(({ key, cell }) => ({
    group: key,
    records: cell.records,
    requests: cell.requests,
    quantiles: allQuantiles((quantity) => {
      const histogram = cell.histograms[quantity].read();
      return quantilesOf((q) => quantile(histogram, q));
    }),
  }));
}

function allQuantiles(of: (quantity: Quantity) => Quantiles | undefined): AnswerRow['quantiles'] {
  return Object.fromEntries(
    quantities.flatMap((quantity) => {
      const found = of(quantity);
      return found === undefined ? [] : [[quantity, found]];
    }),
  );
}

/** Hands over each entry of the log that holds a record, one turn of the event loop at a time. */
export const scan = (folder: string, use: (entry: RecordEntry) => void) =>
  walkLog(
    folder,
    (entries) => {
      for (const entry of entries) if (entry.kind === 'record') use(entry);
    },
    { pause: () => nextTurn() },
  );

/** Least value with at least `q` of the weight at or below it; `sorted` ascending. */
function exactQuantile(sorted: readonly (readonly [value: number, weight: number])[], q: number) {
  const total = sorted.reduce((sum, [, weight]) => sum + weight, 0);
  let left = q * total;
  for (const [value, weight] of sorted) {
    left -= weight;
    if (left <= total * 1e-12) return value;
  }
  return sorted.at(-1)?.[0];
}

/** From the log itself: exact, and as slow as reading all of it. */
export async function askLog(folder: string, question: Question): Promise<readonly AnswerRow[]> {
  const rows = new Map<string, { key: Partial<Group>; records: MeasuredRecord[] }>();
  await scan(folder, ({ receivedAt, record }) => {
    if ('reportedAt' in record || receivedAt < question.from || receivedAt >= question.to) return;
    const group = groupOf(record);
    if (!fits(question, group)) return;
    const key = keyOf(question, group);
    const row = rows.get(JSON.stringify(key)) ?? { key, records: [] };
    rows.set(JSON.stringify(key), row);
    row.records.push(record);
  });
  return [...rows.values()].map(({ key, records }) => ({
    group: key,
    records: records.length,
    requests: records.reduce((sum, { inclusionProbability }) => sum + 1 / inclusionProbability, 0),
    quantiles: allQuantiles((quantity) => {
      const sorted = records
        .flatMap((record): [number, number][] => {
          const value = quantityOf(record, quantity);
          return value === undefined ? [] : [[value, weightOf(record, quantity)]];
        })
        .sort(([a], [b]) => a - b);
      return quantilesOf((q) => exactQuantile(sorted, q));
    }),
  }));
}

/** From per-minute bins, by when the labels came: of labels whose outcome told what its request had told. */
export function sumVerdicts(rollups: Rollups, question: Question): Calibration {
  const verdicts = noVerdicts();
  for (const cell of cellsOf(rollups, question)) if (cell.verdicts) mergeVerdicts(verdicts, cell.verdicts);
  return calibrationOf(verdicts);
}

/**
 * Joins labels that came later with the confidences of their requests, by when the requests came. Of several labels of
 * one request the last counts. Classes only: a label and a prediction.
 */
export async function askCalibration(folder: string, question: Question): Promise<Calibration> {
  const requests = new Map<string, RequestRecord>();
  const labels = new Map<string, boolean>();
  await scan(folder, ({ receivedAt, record }) => {
    if ('reportedAt' in record) {
      if (record.label !== undefined && record.predicted !== undefined)
        labels.set(record.requestId, record.label === record.predicted);
    } else if (receivedAt >= question.from && receivedAt < question.to && fits(question, groupOf(record)))
      requests.set(record.requestId, record);
  });
  const verdicts = noVerdicts();
  for (const [requestId, isRight] of labels) {
    const request = requests.get(requestId);
    if (request?.confidenceMean === undefined) continue;
    const confidence = { value: request.confidenceMean, weight: weightOf(request, 'confidence') };
    judge(verdicts, { isRight, weight: weightOf(request, 'duration'), confidence });
  }
  return calibrationOf(verdicts);
}
