import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Baseline, makeBaseline, select } from '../../../src/observe/drift/baseline.ts';
import { histogram, quantileEdges } from '../../../src/observe/drift/histogram.ts';
import { DriftMonitor, seasonOf } from '../../../src/observe/drift/monitor.ts';
import { parseBaseline } from '../../../src/observe/drift/parse-baseline.ts';
import { ranks, spearman } from '../../../src/observe/drift/rank.ts';
import { driftStatistics, type Traffic } from '../../../src/observe/drift/statistics.ts';
import type { Alarm } from '../../../src/shared/drift.ts';
import { mulberry32 } from '../../../src/shared/random.ts';
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
  new DriftMonitor(new Map([[0, by]])).judge(judged).alarms;

/** A window of which a part is Shakespeare, and the rest reviews. */
function mixed(part: number): Traffic {
  const strange = Math.round(window * part);
  const [a, b] = [draw(shakespeare, strange), draw(reviews, window - strange)];
  return {
    features: Object.fromEntries(
      Object.entries(a.features).map(([name, values]) => [name, [...values, ...(b.features[name] ?? [])]]),
    ),
    embeddings: [...a.embeddings, ...b.embeddings],
    attributions: [...a.attributions, ...b.attributions],
  };
}

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
        if (judgeWindow(baseline, mixed(part)).length > 0) seen += 1;
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

describe("the sentiment model's own baseline.json", () => {
  const file = new URL('../../../public/models/sentiment/baseline.json', import.meta.url);
  const shipped = parseBaseline(JSON.parse(readFileSync(file, 'utf8')));

  it('is what PyTorch says of the validation split, each feature sorted by itself', () => {
    const { features } = shipped.reference;
    const ascending = (name: string) => [...(validation.features[name] ?? [])].sort((a, b) => a - b);
    expect(features.length).toEqual(ascending('length'));
    // Goldens are half floats, and the baseline stands at the temperature 0.997.
    for (const name of ['confidence', 'entropy'])
      for (const [i, value] of ascending(name).entries())
        expect(Math.abs((features[name]?.[i] ?? 0) - value)).toBeLessThan(0.002);
  });

  it('raises at most 1 % false alarms on 1,000 windows of other reviews, and sees Shakespeare, whole or half', () => {
    const alarming = (windows: number, make: () => Traffic): number =>
      Array.from({ length: windows }, () => judgeWindow(shipped, make())).filter(({ length }) => length > 0)
        .length;
    const falseAlarms = alarming(1000, () => draw(reviews, window));
    const seen = [1, 0.5, 0.25].map((part) => alarming(100, () => mixed(part)));
    console.log(
      `baseline.json: ${falseAlarms} of 1000 windows of reviews alarm; of 100 Shakespeare, 1, 1/2, 1/4:`,
      seen,
    );
    expect(falseAlarms).toBeLessThanOrEqual(10);
    expect(seen.slice(0, 2)).toEqual([100, 100]);
  });

  it('is refused as a sentence when it is anything else', () => {
    const refused = expect.objectContaining({ code: 'model_invalid' });
    for (const change of [
      { window: 0 },
      { limit: null },
      { scales: { x: { offset: 0, mean: 0, deviation: 0 } } },
      { reference: { features: { a: [1], b: [1, 2] }, embeddings: [], attributions: [] } },
      { reference: { features: { a: ['1'] }, embeddings: [], attributions: [] } },
      { reference: { features: {}, embeddings: [], attributions: [] } },
    ])
      expect(() => parseBaseline({ ...shipped, ...change })).toThrowError(refused);
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (json) => {
        expect(() => parseBaseline(json)).toThrowError(refused);
      }),
    );
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
    for (let i = 0; i < 5; i++) expect(monitor.judge(draw(reviews, window)).alarms).toEqual([]);
    const odd = draw(shakespeare, window);
    expect(monitor.judge(odd).alarms.length).toBeLessThan(judgeWindow(baseline, odd).length);
    for (let i = 0; i < 5; i++) monitor.judge(draw(shakespeare, window));
    expect(monitor.judge(draw(shakespeare, window)).alarms.length).toBeGreaterThan(3);
  });

  it.each([1, 0.2])('at weight %d judges on after a window that lacked a feature', (weight) => {
    const monitor = new DriftMonitor(new Map([[0, baseline]]), weight);
    const { embeddings, attributions } = draw(reviews, window);
    expect(monitor.judge({ features: {}, embeddings, attributions }).alarms).toEqual([]);
    for (let i = 0; i < 5; i++) monitor.judge(draw(shakespeare, window));
    const { alarms } = monitor.judge(draw(shakespeare, window));
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
    expect(monitor.judge(draw(shakespeare, window), 0).alarms).not.toEqual([]);
    expect(monitor.judge(draw(shakespeare, 100), 1).alarms).toEqual([]);
    expect(monitor.judge(draw(shakespeare, window), 2).alarms).toEqual([]);
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
