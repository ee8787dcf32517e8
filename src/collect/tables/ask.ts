import type { AnswerRow, Question } from '../query.ts';
import { type Group, groupKeys, isSignal, type Quantity } from '../rollups.ts';
import { quoted } from './duck.ts';
import type { Tables } from './tables.ts';

/** Columns of a table under the names of an answer. */
const groupColumns: Readonly<Record<keyof Group, string>> = {
  model: '"modelId"',
  revision: '"modelDigest"',
  cohort: `coalesce(cohort, '')`,
  outcome: 'outcome',
};
const quantityColumns: Readonly<Record<Quantity, string>> = {
  duration: 'duration',
  introspection: '"introspectionDuration"',
  entropy: '"entropyMean"',
  confidence: '"confidenceMean"',
};

function conditionOf(question: Question): string {
  const where = groupKeys.flatMap((key) => {
    const value = question[key];
    return value === undefined ? [] : [`${groupColumns[key]} = ${quoted(value)}`];
  });
  const { from, to } = question;
  return [
    `kind = 'record' AND "reportedAt" IS NULL AND "receivedAt" >= ${from} AND "receivedAt" < ${to}`,
    ...where,
  ].join(' AND ');
}

/** The least value with at least so much of the weight at or below it, as `askLog` counts it. */
const rank = (q: number): string => `min(value) FILTER (reached >= total * (${q} - 1e-12))`;

function quantilesSql(quantity: Quantity, keys: string): string {
  const by = keys === '' ? '' : `PARTITION BY ${keys}`;
  const columns = keys === '' ? '' : `${keys}, `;
  const weight = isSignal.has(quantity) ? 'told' : 'requests';
  return `
    SELECT ${columns}'${quantity}' AS quantity, ${rank(0.5)} AS p50, ${rank(0.95)} AS p95, ${rank(0.99)} AS p99
    FROM (
      SELECT ${columns}value, sum(weight) OVER (${by} ORDER BY value) AS reached, sum(weight) OVER (${by}) AS total
      FROM (SELECT ${columns}${quantity} AS value, sum(${weight}) AS weight FROM asked WHERE ${quantity} IS NOT NULL GROUP BY ALL))
    ${keys === '' ? '' : `GROUP BY ${keys}`}`;
}

/**
 * Exact, like `askLog`, from the columns of the tables. Records that tell the same are added up in one reading: by
 * default they tell little, so few rows are left to be ranked.
 * @param cold lines of retired segments, as a query
 */
export async function askTables(
  tables: Tables,
  question: Question,
  cold?: string,
): Promise<readonly AnswerRow[]> {
  const keys = question.by.join(', ');
  const names = Object.keys(quantityColumns) as Quantity[];
  const columns = [
    ...question.by.map((key) => `${groupColumns[key]} AS ${key}`),
    ...names.map((name) => `${quantityColumns[name]}::DOUBLE AS ${name}`),
    'count(*) AS records',
    'sum(1 / "inclusionProbability") AS requests',
    'sum(1 / "inclusionProbability" / coalesce("signalProbability", 1)) AS told',
  ];
  const here = await tables.source();
  const all = cold === undefined ? here : `${here} UNION ALL BY NAME ${cold}`;
  const asked = `WITH asked AS MATERIALIZED (
    SELECT ${columns.join(', ')} FROM (${all}) WHERE ${conditionOf(question)} GROUP BY ALL)`;
  const counts = `SELECT ${keys === '' ? '' : `${keys}, `}'count' AS quantity, sum(records)::DOUBLE AS p50, sum(requests) AS p95, 0 AS p99
    FROM asked ${keys === '' ? '' : `GROUP BY ${keys}`}`;
  const parts = [counts, ...names.map((name) => quantilesSql(name, keys))];
  const found = await tables.duck.rows(`${asked} ${parts.join(' UNION ALL BY NAME ')}`);
  const rows = new Map<string, { -readonly [K in keyof AnswerRow]: AnswerRow[K] }>();
  for (const row of found) {
    const group = Object.fromEntries(question.by.map((key) => [key, String(row[key])]));
    const name = JSON.stringify(group);
    const answer = rows.get(name) ?? { group, records: 0, requests: 0, quantiles: {} };
    rows.set(name, answer);
    const [p50, p95, p99] = [Number(row.p50), Number(row.p95), Number(row.p99)];
    if (row.quantity === 'count') [answer.records, answer.requests] = [p50, p95];
    else if (row.p50 !== null)
      answer.quantiles = { ...answer.quantiles, [String(row.quantity)]: { p50, p95, p99 } };
  }
  // Without groups there is one row even of nothing.
  return [...rows.values()].filter(({ records }) => records > 0);
}
