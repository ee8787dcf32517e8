import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Baseline, makeBaseline, select } from '../../../src/observe/drift/baseline.ts';
import { histogram, quantileEdges } from '../../../src/observe/drift/histogram.ts';
import { type Alarm, DriftMonitor, seasonOf } from '../../../src/observe/drift/monitor.ts';
import { ranks, spearman } from '../../../src/observe/drift/rank.ts';
import { driftStatistics, type Traffic } from '../../../src/observe/drift/statistics.ts';
import { mulberry32 } from '../../../src/run/sample.ts';
import { traffic } from './sentiment-features.ts';

const window = 200;
const random = mulberry32(11);
const draw = (from: Traffic, n: number): Traffic =>
  select(
    from,
    Array.from({ length: n }, () => Math.floor(random() * from.embeddings.length)),
  );
const validation = traffic('validation');
const shakespeare = traffic('shakespeare');
const reviews = traffic('test');
const baseline = makeBaseline(validation, { window, random });

const judgeWindow = (by: Baseline, judged: Traffic): readonly Alarm[] =>
  new DriftMonitor(new Map([[0, by]])).judge(judged);

const percent = (count: number, of: number): string => `${((100 * count) / of).toFixed(1)} %`;

describe('drift of the sentiment model', () => {
  it('raises at most 1 % false alarms on 1,000 windows of other reviews, over all statistics together', () => {
    const alarmed = Array.from({ length: 1000 }, () => judgeWindow(baseline, draw(reviews, window)));
    const windows = alarmed.filter((alarms) => alarms.length > 0);
    const names = new Map<string, number>();
    for (const { statistic } of windows.flat()) names.set(statistic, (names.get(statistic) ?? 0) + 1);
    console.log(
      `no drift: ${windows.length} of 1000 windows of ${window} alarm over ${Object.keys(baseline.scales).length} statistics`,
      `(designed: 5), limit ${baseline.limit.toFixed(2)} deviations`,
      Object.fromEntries(names),
    );
    expect(windows.length).toBeLessThanOrEqual(10);
  });

  it('is seen when reviews become Shakespeare, also when only a part does', () => {
    const share = (part: number): string => {
      let seen = 0;
      for (let run = 0; run < 100; run++) {
        const strange = Math.round(window * part);
        const [a, b] = [draw(shakespeare, strange), draw(reviews, window - strange)];
        const mixed: Traffic = {
          features: Object.fromEntries(
            Object.entries(a.features).map(([name, values]) => [
              name,
              [...values, ...(b.features[name] ?? [])],
            ]),
          ),
          embeddings: [...a.embeddings, ...b.embeddings],
          attributions: [...a.attributions, ...b.attributions],
        };
        if (judgeWindow(baseline, mixed).length > 0) seen += 1;
      }
      if (part >= 0.5) expect(seen).toBe(100);
      return `${100 * part} % Shakespeare: ${percent(seen, 100)}`;
    };
    console.log('windows that alarm:', [1, 0.5, 0.25, 0.1].map(share).join(', '));
    const [first] = judgeWindow(baseline, draw(shakespeare, window));
    expect(first).toMatchObject({ n: window });
    expect(first?.value).toBeGreaterThan(first?.limit as number);
    const statistics = new Set(
      judgeWindow(baseline, draw(shakespeare, window)).map(({ statistic }) => statistic),
    );
    for (const expected of ['length.psi', 'embedding.centroid']) expect(statistics).toContain(expected);
  });

  it('has a baseline that survives JSON', () => {
    const shipped: Baseline = JSON.parse(JSON.stringify(baseline));
    const strange = draw(shakespeare, window);
    expect(judgeWindow(shipped, strange)).toEqual(judgeWindow(baseline, strange));
  });
});

describe('a baseline', () => {
  it('is refused from fewer than three windows of requests', () => {
    expect(() => makeBaseline(validation, { window: 400, random })).toThrowError(
      expect.objectContaining({ code: 'invalid_argument' }),
    );
  });

  it('raises no alarm for a window that is too small to be judged', () => {
    expect(judgeWindow(baseline, draw(shakespeare, window - 1))).toEqual([]);
  });
});

describe('the drift monitor', () => {
  it('smooths: one odd window among usual ones raises fewer alarms, a shift that stays is seen', () => {
    const monitor = new DriftMonitor(new Map([[0, baseline]]), 0.2);
    for (let i = 0; i < 5; i++) expect(monitor.judge(draw(reviews, window))).toEqual([]);
    const odd = draw(shakespeare, window);
    expect(monitor.judge(odd).length).toBeLessThan(judgeWindow(baseline, odd).length);
    for (let i = 0; i < 5; i++) monitor.judge(draw(shakespeare, window));
    expect(monitor.judge(draw(shakespeare, window)).length).toBeGreaterThan(3);
  });

  it.each([1, 0.2])('at weight %d judges on after a window that lacked a feature', (weight) => {
    const monitor = new DriftMonitor(new Map([[0, baseline]]), weight);
    const { embeddings, attributions } = draw(reviews, window);
    expect(monitor.judge({ features: {}, embeddings, attributions })).toEqual([]);
    for (let i = 0; i < 5; i++) monitor.judge(draw(shakespeare, window));
    const alarms = monitor.judge(draw(shakespeare, window));
    expect(alarms.map(({ statistic }) => statistic)).toContain('length.psi');
  });

  it('compares a season with its own baseline', () => {
    const small = { window: 100, splits: 400, random };
    const monitor = new DriftMonitor(
      new Map([
        [0, baseline],
        [1, makeBaseline(shakespeare, small)],
      ]),
    );
    expect(monitor.judge(draw(shakespeare, window), 0)).not.toEqual([]);
    expect(monitor.judge(draw(shakespeare, 100), 1)).toEqual([]);
    expect(monitor.judge(draw(shakespeare, window), 2)).toEqual([]);
  });

  it('cuts a cycle into its parts', () => {
    const hour = 3_600_000;
    const day = { period: 24 * hour, parts: 4 };
    expect([0, 5, 6, 23, 24, 31].map((at) => seasonOf(day, at * hour))).toEqual([0, 0, 1, 3, 0, 1]);
  });
});

describe('histograms of a baseline', () => {
  const sample = fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 200 });

  it('count every value once', () => {
    fc.assert(
      fc.property(sample, sample, (reference, current) => {
        const shares = histogram(current, quantileEdges(reference));
        expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 12);
      }),
    );
  });

  it('make statistics that are finite, and 0 for the same values', () => {
    fc.assert(
      fc.property(sample, sample, (a, b) => {
        const of = (values: readonly number[]): Traffic => ({
          features: { x: values },
          embeddings: [],
          attributions: [],
        });
        for (const value of driftStatistics(of(a), of(b)).values()) expect(Number.isFinite(value)).toBe(true);
        for (const value of driftStatistics(of(a), of(a)).values()) expect(value).toBeCloseTo(0, 9);
      }),
    );
  });
});

it('ranks share the mean of equal values', () => {
  expect([...ranks([3, 1, 3, 2])]).toEqual([3.5, 1, 3.5, 2]);
  expect(spearman([1, 2, 3], [10, 20, 30])).toBeCloseTo(1, 12);
  expect(spearman([1, 2, 3], [3, 2, 1])).toBeCloseTo(-1, 12);
});
