import { expect, it } from 'vitest';
import { Delta } from '../../../src/batch/delta.ts';
import { Tier0 } from '../../../src/collect/tier0.ts';
import { DriftWatch } from '../../../src/inspect/drift.ts';
import { maskService } from '../../../src/mask/mask.ts';
import { measureDrift } from '../../../src/mask/measure.ts';
import { makeBaseline, select } from '../../../src/observe/drift/baseline.ts';
import { decileCounts } from '../../../src/observe/drift/deciles.ts';
import { parseBaseline } from '../../../src/observe/drift/parse-baseline.ts';
import { sketchOf } from '../../../src/observe/drift/sketch.ts';
import { driftStatistics } from '../../../src/observe/drift/statistics.ts';
import { encodeMetrics } from '../../../src/schema/otlp-metrics.ts';
import { validateMetrics } from '../../../src/schema/receive-metrics.ts';
import type { JudgedWindow } from '../../../src/shared/drift.ts';
import { mulberry32 } from '../../../src/shared/random.ts';
import { epochMilliseconds, nats, probability } from '../../../src/shared/units.ts';
import { traffic } from '../observe/sentiment-features.ts';
import { sampleRecord } from '../schema/sample.ts';

const window = 200;
const random = mulberry32(5);
const embedded = (set: Parameters<typeof traffic>[0]) => {
  const all = traffic(set);
  // They stand sorted by their labels, which no window of requests would be.
  const order = Array.from(all.embeddings, (_, i) => ({ i, at: random() })).sort((a, b) => a.at - b.at);
  const found = select(
    all,
    order.map(({ i }) => i),
  );
  const embeddings = found.embeddings.map((row) =>
    sketchOf({ type: 'float32', dims: [1, row.length], data: Float32Array.from(row) }),
  );
  return { ...found, embeddings, attributions: [] };
};
const validation = embedded('validation');
const made = makeBaseline(validation, { window, splits: 500, random });
const baseline = { ...made, embedding: 'blocks.1.hook_resid_post' };

/** What the gauges of `/metrics` say after a page has made these requests: over the wire, as it is judged there. */
function gaugesAfter(set: 'test' | 'shakespeare') {
  const { features, embeddings } = embedded(set);
  const windows: JudgedWindow[] = [];
  const watch = new DriftWatch(baseline, (event) => windows.push(event));
  for (const [i, embedding] of embeddings.entries())
    watch.see(
      {
        ...sampleRecord(),
        outcome: 'ok',
        modelId: 'sentiment',
        confidenceMean: probability(features.confidence?.[i] ?? 0),
        entropyMean: nats(features.entropy?.[i] ?? 0),
        inputTokens: features.length?.[i] ?? 0,
      },
      { embedding },
    );
  const delta = new Delta();
  for (const judged of windows) delta.add(measureDrift(judged));
  const { masked: service } = maskService({ name: 'shop' });
  if (service === undefined) throw new Error('The service has a name.');
  const now = epochMilliseconds(Date.now());
  const chunk = { session: 'a'.repeat(32), epoch: 0, seq: 0, count: windows.length };
  const body = encodeMetrics({ service, chunk, from: now, to: now, points: delta.points() });
  const verdict = validateMetrics(JSON.parse(JSON.stringify(body)));
  expect(verdict).toMatchObject({ kind: 'metrics', rejected: {} });
  const tier0 = new Tier0(new Set(['sentiment']));
  if (verdict.kind === 'metrics') for (const { points } of verdict.exports) tier0.add(points);
  const text = tier0.text();
  const gauge = (series: string) => Number(text.split(`\n${series} `)[1]?.split('\n')[0]);
  const used = windows.length * window;
  return {
    windows,
    psi: (feature: string) => gauge(`sonde_feature_drift_psi{model="sentiment",feature="${feature}"}`),
    requests: gauge('sonde_feature_drift_requests{model="sentiment",feature="length"}'),
    distance: gauge('sonde_embedding_drift_distance{model="sentiment"}'),
    told: gauge('sonde_embedding_drift_windows{model="sentiment"}'),
    /** By the statistics of a device, of all windows at once. */
    whole: driftStatistics(validation, {
      features: Object.fromEntries(
        Object.entries(features).map(([name, values]) => [name, values.slice(0, used)]),
      ),
      embeddings: [],
      attributions: [],
    }),
  };
}

it('reviews are no drift in /metrics: the PSI is what one device with all requests would find, the distance below 1', () => {
  const { psi, requests, distance, told, whole } = gaugesAfter('test');
  expect([requests, told]).toEqual([1000, 5]);
  for (const feature of ['confidence', 'entropy', 'length']) {
    expect(psi(feature)).toBeLessThan(0.1);
    // Drawn places among ties, and other smoothing.
    expect(Math.abs(psi(feature) - (whole.get(`${feature}.psi`) ?? 0))).toBeLessThan(0.02);
  }
  expect(distance).toBeGreaterThan(0);
  expect(distance).toBeLessThan(1);
});

it('Shakespeare is: length and embeddings are beyond their targets', () => {
  const { psi, distance, whole } = gaugesAfter('shakespeare');
  expect(psi('length')).toBeGreaterThan(0.1);
  expect(psi('length') / (whole.get('length.psi') ?? 0)).toBeGreaterThan(0.8);
  expect(distance).toBeGreaterThan(1);
});

it('a window of few requests is not told', () => {
  const [judged] = gaugesAfter('test').windows;
  if (judged === undefined) throw new Error('There is a window.');
  const few = { length: [4, 5, 5, 5, 5, 5, 5, 5, 5, 5] };
  const statistics = judged.statistics.map((statistic) => ({ ...statistic, n: 49 }));
  expect(measureDrift({ ...judged, deciles: few, statistics }).values).toEqual([]);
  expect(measureDrift({ ...judged, deciles: { length: Array(10).fill(5) } }).values).toHaveLength(11);
});

it('the tenths of a reference are even for itself, ties too, and hold every number once', () => {
  const values = Array.from({ length: 10_000 }, () => Math.floor(random() * 3));
  const counts = decileCounts(values, values, random);
  expect(counts.reduce((a, b) => a + b)).toBe(10_000);
  // Six standard deviations of a binomial count.
  for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(180);
  expect(decileCounts([1, 2, 3], [Number.NaN, -5, 9], random)).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
});

it('a sketch keeps the distances of embeddings, and is of the mean over positions', () => {
  const row = (): Float32Array => Float32Array.from({ length: 256 }, () => random() - 0.5);
  const sketch = (...rows: Float32Array[]) =>
    sketchOf({
      type: 'float32',
      dims: [1, rows.length, 256],
      data: Float32Array.from(rows.flatMap((each) => [...each])),
    });
  const distance = (a: ArrayLike<number>, b: ArrayLike<number>) =>
    Math.hypot(...Array.from(a, (value, i) => value - (b[i] as number)));
  const ratios = Array.from({ length: 200 }, () => {
    const [a, b] = [row(), row()];
    return distance(sketch(a), sketch(b)) / distance(a, b);
  });
  expect(ratios.reduce((a, b) => a + b) / 200).toBeCloseTo(1, 1);
  const [a, b] = [row(), row()];
  const mean = a.map((value, i) => (value + (b[i] as number)) / 2);
  for (const [i, value] of sketch(a, b).entries()) expect(value).toBeCloseTo(sketch(mean)[i] ?? 0, 5);
});

it("judges by an application's own features where every request has them, and tells nobody of them", () => {
  const prices = (from: number): number[] => Array.from({ length: 600 }, () => from + random());
  const own = makeBaseline(
    {
      features: { ...validation.features, price: prices(0).concat(prices(0)).slice(0, 1066) },
      embeddings: [],
      attributions: [],
    },
    { window, splits: 200, random },
  );
  const judge = (priceOf: (i: number) => number | undefined): JudgedWindow => {
    const events: JudgedWindow[] = [];
    const watch = new DriftWatch(own, (event) => events.push(event));
    for (let i = 0; i < window; i++) {
      const price = priceOf(i);
      const record = {
        ...sampleRecord(),
        outcome: 'ok' as const,
        confidenceMean: probability(validation.features.confidence?.[i] ?? 0),
        entropyMean: nats(validation.features.entropy?.[i] ?? 0),
        inputTokens: validation.features.length?.[i] ?? 0,
      };
      watch.see(record, price === undefined ? {} : { features: { price, other: 1 } });
    }
    const [event] = events;
    if (event === undefined) throw new Error('A full window is judged.');
    return event;
  };
  const usual = judge(() => random());
  const dearer = judge(() => 0.5 + random());
  const names = ({ alarms }: JudgedWindow): string[] => alarms.map(({ statistic }) => statistic);
  expect(names(usual)).toEqual([]);
  expect(names(dearer)).toContain('price.psi');
  const lacking = judge((i) => (i === 7 ? undefined : 0.5 + random()));
  expect(lacking.statistics.some(({ statistic }) => statistic.startsWith('price'))).toBe(false);
  expect(names(lacking)).toEqual([]);
  const told = (event: JudgedWindow): number =>
    measureDrift(event).values.filter(({ metric }) => metric.startsWith('drift')).length;
  expect(told(dearer)).toBe(told(lacking));
});

it('fills a window of its own for each part of a cycle, and judges it by the baseline of that part', () => {
  const day = 86_400_000;
  const small = { window: 50, splits: 200, random };
  const [reviews, plays] = [validation, embedded('shakespeare')].map((found) => ({
    ...found,
    embeddings: [],
  }));
  if (reviews === undefined || plays === undefined) throw new Error('Both sets are there.');
  const seasonal = parseBaseline(
    JSON.parse(
      JSON.stringify({
        ...makeBaseline(reviews, small),
        seasons: { period: day, parts: 2 },
        others: [makeBaseline(plays, small)],
        smoothing: 1,
      }),
    ),
  );
  const alarmsOf = (set: typeof reviews, hour: number): number => {
    const events: JudgedWindow[] = [];
    const watch = new DriftWatch(seasonal, (event) => events.push(event));
    const see = (i: number, at: number): void => {
      watch.see({
        ...sampleRecord(),
        outcome: 'ok',
        endedAt: epochMilliseconds(20_000 * day + at * 3_600_000),
        confidenceMean: probability(set.features.confidence?.[i] ?? 0),
        entropyMean: nats(set.features.entropy?.[i] ?? 0),
        inputTokens: set.features.length?.[i] ?? 0,
      });
    };
    // Of the other part one less than fills a window: it stays open, and in nobody's way.
    for (let i = 0; i < 49; i++) see(i, hour < 12 ? 13 : 1);
    expect(watch.state).toMatchObject({ window: 50, seen: 49 });
    for (let i = 0; i < 50; i++) see(i, hour);
    expect(events).toHaveLength(1);
    expect(watch.state.seen).toBe(0);
    return events[0]?.alarms.length ?? -1;
  };
  expect(alarmsOf(reviews, 1)).toBe(0);
  expect(alarmsOf(plays, 13)).toBe(0);
  expect(alarmsOf(plays, 1)).toBeGreaterThan(0);
  expect(alarmsOf(reviews, 13)).toBeGreaterThan(0);
  for (const change of [
    { seasons: { period: day, parts: 3 } },
    { seasons: { period: 0, parts: 2 } },
    { others: [{}] },
    { others: [seasonal] },
    { seasons: undefined },
    { smoothing: 0 },
  ])
    expect(() => parseBaseline({ ...seasonal, ...change })).toThrow('is no baseline');
});
