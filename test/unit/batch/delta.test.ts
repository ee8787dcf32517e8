import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Delta } from '../../../src/batch/delta.ts';
import { maskMeasurement, maskRecord, maskService } from '../../../src/mask/mask.ts';
import { measureRequest } from '../../../src/mask/measure.ts';
import { bucketOf, MergingHistogram } from '../../../src/schema/exponential.ts';
import type { Masked } from '../../../src/schema/masked.ts';
import type { Measurement, MetricPoint } from '../../../src/schema/metrics.ts';
import { encodeMetrics } from '../../../src/schema/otlp-metrics.ts';
import { validateMetrics } from '../../../src/schema/receive-metrics.ts';
import type { Outcome, RequestRecord, ServiceIdentity } from '../../../src/schema/record.ts';
import { epochMilliseconds, milliseconds, probability } from '../../../src/shared/units.ts';
import { sampleRecord } from '../schema/sample.ts';

const service = maskService({ name: 'shop' }).masked as Masked<ServiceIdentity>;
const at = epochMilliseconds(1_764_000_000_000);

/** One export, as the worker writes it and the collector reads it. */
function sent(measurements: readonly Masked<Measurement>[]): readonly MetricPoint[] {
  const delta = new Delta();
  for (const measurement of measurements) delta.add(measurement);
  const chunk = { session: 'ab'.repeat(16), epoch: 0, seq: 0, count: measurements.length };
  const body = JSON.stringify(encodeMetrics({ service, chunk, from: at, to: at, points: delta.points() }));
  const verdict = validateMetrics(JSON.parse(body));
  if (verdict.kind === 'malformed') throw new Error(verdict.code);
  expect(verdict.rejected).toEqual({});
  return verdict.exports.flatMap(({ points }) => points);
}

const measurement = fc
  .record({
    outcome: fc.constantFrom<Outcome>('ok', 'error'),
    duration: fc.double({ min: 1e-3, max: 1e4, noNaN: true }),
    introspection: fc.double({ min: 0, max: 40, noNaN: true }),
    times: fc.integer({ min: 1, max: 64 }),
  })
  .map(({ outcome, duration, introspection, times }) =>
    maskMeasurement({
      at,
      about: { modelId: 'm', outcome },
      values: [
        { metric: 'requests', value: 1 },
        { metric: 'duration', value: duration, times },
        { metric: 'introspection', value: introspection },
      ],
    }),
  );

const valuesOf = (all: readonly Masked<Measurement>[], metric: string, outcome: Outcome): readonly number[] =>
  all
    .filter(({ about }) => about.outcome === outcome)
    .flatMap(({ values }) => values.filter((each) => each.metric === metric))
    .flatMap(({ value, times = 1 }) => Array.from({ length: times }, () => value));

describe('deltas of tier 0', () => {
  it('merged in any order are the histograms of all values', () => {
    const parts = fc.array(fc.array(measurement, { minLength: 1, maxLength: 12 }), { maxLength: 8 });
    fc.assert(
      fc.property(parts, fc.constantFrom<Outcome>('ok', 'error'), (exports, outcome) => {
        const all = exports.flat();
        const merged = new MergingHistogram();
        const buckets = new Map<number, number>();
        let requests = 0;
        for (const { metric, attributes, amount } of exports.flatMap(sent)) {
          if (attributes.outcome !== outcome) continue;
          if (metric === 'duration' && amount.kind === 'exponential') merged.merge(amount);
          if (metric === 'requests' && amount.kind === 'counter') requests += amount.value;
          if (metric === 'introspection' && amount.kind === 'explicit')
            for (const [i, count] of amount.counts.entries()) buckets.set(i, (buckets.get(i) ?? 0) + count);
        }
        expect(requests).toBe(valuesOf(all, 'requests', outcome).length);
        // The edge at 0.2 s is the sixth.
        const soon = [0, 1, 2, 3, 4, 5].reduce((sum, i) => sum + (buckets.get(i) ?? 0), 0);
        expect(soon).toBe(valuesOf(all, 'introspection', outcome).filter((value) => value <= 0.2).length);
        const { scale, offset, counts } = merged.read();
        const truth = new Map<number, number>();
        for (const value of valuesOf(all, 'duration', outcome))
          truth.set(bucketOf(value, scale), (truth.get(bucketOf(value, scale)) ?? 0) + 1);
        const told = counts.flatMap((count, i) => (count > 0 ? [[offset + i, count] as const] : []));
        expect(new Map(told)).toEqual(truth);
      }),
    );
  });

  it('keep what each metric is told apart by, and nothing else', () => {
    const points = sent([
      maskMeasurement({
        at,
        about: { modelId: '/home/jane/models/gpt', outcome: 'ok', device: 'wasm', dtype: 'q8' },
        values: [
          { metric: 'requests', value: 1 },
          { metric: 'deviation', value: 0.00123456 },
          { metric: 'duration', value: Number.NaN },
        ],
      }),
    ]);
    expect(points).toEqual([
      {
        metric: 'requests',
        attributes: { modelId: 'gpt', outcome: 'ok' },
        amount: { kind: 'counter', value: 1 },
      },
      {
        metric: 'deviation',
        attributes: { modelId: 'gpt', device: 'wasm', dtype: 'q8' },
        amount: expect.objectContaining({ count: 1, sum: 0.00123 }),
      },
    ]);
  });

  it('cost at most 150 bytes of gzip for each of 50 requests, and hardly more for 500', () => {
    const export50 = (count: number): number => {
      const delta = new Delta();
      for (let i = 0; i < count; i++)
        delta.add(
          measured({ duration: milliseconds(100 + i * 7), confidenceMean: probability((i % 99) / 99) }),
        );
      const chunk = { session: 'ab'.repeat(16), epoch: 0, seq: 0, count };
      const exported = encodeMetrics({ service, chunk, from: at, to: at, points: delta.points() });
      return gzipSync(JSON.stringify(exported)).length;
    };
    console.log(`an export of 50 requests: ${export50(50)} B gzip, of 500: ${export50(500)} B`);
    expect(export50(50)).toBeLessThanOrEqual(50 * 150);
    expect(export50(500)).toBeLessThanOrEqual(2 * export50(50));
  });
});

function measured(record: Partial<RequestRecord>): Masked<Measurement> {
  const { epsilon: _, ...plain } = sampleRecord();
  const { masked } = maskRecord({ ...plain, ...record });
  if (masked === undefined) throw new Error('refused');
  return measureRequest(masked, service);
}

describe('what a request adds to tier 0', () => {
  it('is on its record: means on their grid, once for each token', () => {
    const { values } = measured({ confidenceMean: probability(0.70312), outputTokens: 32 });
    expect(values).toContainEqual({ metric: 'confidence', value: 0.705, times: 32 });
    expect(measured({ hooksCaptured: 0 }).values.map(({ metric }) => metric)).not.toContain('introspected');
  });

  it('stands for one under an epsilon, for the number of its tokens is noise then', () => {
    const { values } = measured({ epsilon: 0.7, outputTokens: 32 });
    expect(new Set(values.map(({ times }) => times))).toEqual(new Set([1]));
  });

  it('cannot be left unmasked', () => {
    const raw: Measurement = { at, about: { modelId: '/home/jane' }, values: [] };
    // @ts-expect-error: only src/mask makes a masked measurement.
    new Delta().add(raw);
  });
});
