import { type Estimated, estimateMean } from './horvitz-thompson.ts';
import { type Interval, wilson } from './interval.ts';

/** What of a request's record the join needs. */
export interface Told {
  readonly requestId: string;
  readonly cohort?: string;
  readonly inclusionProbability: number;
}

/** What of an outcome's record the join needs. */
export interface Became {
  readonly requestId: string;
  readonly predicted?: string;
  readonly label?: string;
  readonly value?: number;
  readonly cost?: number;
  readonly unsafe?: boolean;
}

export interface Joined extends Told, Omit<Became, 'requestId'> {}

export interface Join {
  /** One for each request that has an outcome. */
  readonly joined: readonly Joined[];
  readonly requestsWithout: number;
  /** Outcomes of requests that are not among these: sampled out, or not arrived yet. */
  readonly outcomesWithout: number;
}

/** What is told later adds to what was told before, field by field: a label on Monday, its cost on Tuesday. */
export function joinOutcomes(requests: readonly Told[], outcomes: readonly Became[]): Join {
  const became = new Map<string, Became>();
  for (const outcome of outcomes)
    became.set(outcome.requestId, { ...became.get(outcome.requestId), ...outcome });
  const known = new Set(requests.map(({ requestId }) => requestId));
  const joined = requests.flatMap(({ requestId, cohort, inclusionProbability }) => {
    const outcome = became.get(requestId);
    const told = cohort === undefined ? {} : { cohort };
    return outcome === undefined ? [] : [{ ...outcome, inclusionProbability, ...told }];
  });
  return {
    joined,
    requestsWithout: requests.length - joined.length,
    outcomesWithout: [...became.keys()].filter((id) => !known.has(id)).length,
  };
}

/** Over the requests for which it is known; shares with Wilson's interval, amounts by weight. */
export interface CohortReport {
  readonly cohort: string | undefined;
  readonly n: number;
  /** Share of predictions that were right. */
  readonly accuracy: Interval;
  /** Of what was predicted positive, the share that was. */
  readonly precision: Interval;
  /** Of what was positive, the share that was predicted so. */
  readonly recall: Interval;
  /** Of what was negative, the share that was predicted positive. */
  readonly falsePositiveRate: Interval;
  readonly unsafe: Interval;
  readonly value: Estimated;
  readonly cost: Estimated;
}

/**
 * A share over records that were kept with different chances: weighted, and with the interval of as many equal
 * weights as these are worth, (sum w)^2 / sum w^2 (Kish 1965).
 */
function share(items: readonly Joined[], of: (item: Joined) => boolean): Interval {
  let [hits, all, squares] = [0, 0, 0];
  for (const item of items) {
    const weight = 1 / item.inclusionProbability;
    all += weight;
    squares += weight ** 2;
    if (of(item)) hits += weight;
  }
  const worth = items.length === 0 ? 0 : all ** 2 / squares;
  return { ...wilson((hits / all) * worth, worth), n: items.length };
}

const amounts = (items: readonly Joined[], key: 'value' | 'cost'): Estimated =>
  estimateMean(
    items.flatMap(({ [key]: value, inclusionProbability }) =>
      value === undefined ? [] : [{ value, probability: inclusionProbability }],
    ),
  );

function reportOn(cohort: string | undefined, items: readonly Joined[], positive: string): CohortReport {
  const judged = items.filter(({ predicted, label }) => predicted !== undefined && label !== undefined);
  const saidYes = ({ predicted }: Joined): boolean => predicted === positive;
  const isYes = ({ label }: Joined): boolean => label === positive;
  return {
    cohort,
    n: items.length,
    accuracy: share(judged, ({ predicted, label }) => predicted === label),
    precision: share(judged.filter(saidYes), isYes),
    recall: share(judged.filter(isYes), saidYes),
    falsePositiveRate: share(
      judged.filter((item) => !isYes(item)),
      saidYes,
    ),
    unsafe: share(
      items.filter(({ unsafe }) => unsafe !== undefined),
      ({ unsafe }) => unsafe === true,
    ),
    value: amounts(items, 'value'),
    cost: amounts(items, 'cost'),
  };
}

/**
 * Accuracy, precision, recall, false-positive rate, safety, value and cost of each cohort, the largest first.
 * @param positive the class that precision and recall are about
 */
export function reportByCohort(joined: readonly Joined[], positive: string): readonly CohortReport[] {
  const cohorts = new Map<string | undefined, Joined[]>();
  for (const item of joined) {
    const items = cohorts.get(item.cohort) ?? [];
    items.push(item);
    cohorts.set(item.cohort, items);
  }
  return [...cohorts].map(([cohort, items]) => reportOn(cohort, items, positive)).sort((a, b) => b.n - a.n);
}
