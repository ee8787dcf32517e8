import { describe, expect, it } from 'vitest';
import { type Became, joinOutcomes, reportByCohort, type Told } from '../../../src/observe/outcomes.ts';
import { mulberry32 } from '../../../src/shared/random.ts';

const request = (requestId: string, more: Partial<Told> = {}): Told => ({
  requestId,
  inclusionProbability: 1,
  ...more,
});

describe('the join of requests and outcomes', () => {
  it('adds what is told later, and counts what has no partner', () => {
    const { joined, ...without } = joinOutcomes(
      [request('a', { cohort: 'beta' }), request('b')],
      [
        { requestId: 'a', label: 'POSITIVE', value: 1 },
        { requestId: 'a', value: 3, unsafe: true },
        { requestId: 'z', label: 'NEGATIVE' },
      ],
    );
    expect(joined).toEqual([
      { requestId: 'a', cohort: 'beta', inclusionProbability: 1, label: 'POSITIVE', value: 3, unsafe: true },
    ]);
    expect(without).toEqual({ requestsWithout: 1, outcomesWithout: 1 });
  });
});

describe('the report by cohort', () => {
  /** A confusion table as outcomes: [true positives, false positives, false negatives, true negatives]. */
  const table = ([tp, fp, fn, tn]: readonly number[], cohort: string) => {
    const cells = [
      ['YES', 'YES', tp],
      ['YES', 'NO', fp],
      ['NO', 'YES', fn],
      ['NO', 'NO', tn],
    ] as const;
    const outcomes = cells.flatMap(([predicted, label, n = 0], cell) =>
      Array.from(
        { length: n },
        (_, i): Became => ({ requestId: `${cohort}-${cell}-${i}`, predicted, label }),
      ),
    );
    return { outcomes, requests: outcomes.map(({ requestId }) => request(requestId, { cohort })) };
  };

  it('is that of the confusion tables', () => {
    const [beta, usual] = [table([30, 10, 20, 40], 'beta'), table([500, 100, 50, 350], 'usual')];
    const { joined } = joinOutcomes(
      [...beta.requests, ...usual.requests],
      [...usual.outcomes, ...beta.outcomes],
    );
    const [first, second] = reportByCohort(joined, 'YES');
    expect([first?.cohort, second?.cohort]).toEqual(['usual', 'beta']);
    expect(second?.accuracy.estimate).toBeCloseTo(0.7, 12);
    expect(second?.precision).toMatchObject({ estimate: expect.closeTo(0.75, 12), n: 40 });
    expect(second?.recall).toMatchObject({ estimate: expect.closeTo(0.6, 12), n: 50 });
    expect(second?.falsePositiveRate).toMatchObject({ estimate: expect.closeTo(0.2, 12), n: 50 });
    // SciPy: binomtest(30, 40).proportion_ci(method='wilson').
    expect(second?.precision.lower).toBeCloseTo(0.5980603857923197, 9);
    expect(second?.precision.upper).toBeCloseTo(0.858128813609037, 9);
    expect(second?.unsafe.estimate).toBeNaN();
    expect(second?.value).toEqual({ kind: 'insufficient', n: 0 });
  });

  it('of a sample gives back the shares and amounts of all', () => {
    const random = mulberry32(8);
    const all = Array.from({ length: 40_000 }, (_, i) => {
      const sure = random() < 0.7;
      const right = random() < (sure ? 0.95 : 0.6);
      const probability = sure ? 0.05 : 0.5;
      const outcome: Became = {
        requestId: String(i),
        predicted: 'YES',
        label: right ? 'YES' : 'NO',
        value: right ? 2 : -1,
        unsafe: !right,
      };
      return {
        told: request(String(i), { inclusionProbability: probability }),
        outcome,
        kept: random() < probability,
      };
    });
    const truth = all.filter(({ outcome }) => outcome.label === 'YES').length / all.length;
    const kept = all.filter(({ kept: taken }) => taken);
    const { joined } = joinOutcomes(
      kept.map(({ told }) => told),
      all.map(({ outcome }) => outcome),
    );
    const [report] = reportByCohort(joined, 'YES');
    expect(report?.accuracy.lower).toBeLessThan(truth);
    expect(report?.accuracy.upper).toBeGreaterThan(truth);
    expect((report?.accuracy.upper ?? 1) - (report?.accuracy.lower ?? 0)).toBeLessThan(0.03);
    expect(report?.value).toMatchObject({ kind: 'interval' });
    if (report?.value.kind === 'interval') {
      expect(report.value.lower).toBeLessThan(3 * truth - 1);
      expect(report.value.upper).toBeGreaterThan(3 * truth - 1);
    }
    // Without weights the unsure would count ten times.
    const naive = kept.filter(({ outcome }) => outcome.label === 'YES').length / kept.length;
    expect(naive).toBeLessThan(report?.accuracy.lower ?? 0);
  });
});
