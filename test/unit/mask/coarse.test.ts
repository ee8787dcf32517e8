import { describe, expect, it } from 'vitest';
import { coarsened } from '../../../src/mask/coarse.ts';
import { maskRecord } from '../../../src/mask/mask.ts';
import { measureRequest } from '../../../src/mask/measure.ts';
import { natsEdges, probabilityEdges } from '../../../src/schema/metrics.ts';
import { mulberry32 } from '../../../src/shared/random.ts';
import { milliseconds, nats, probability } from '../../../src/shared/units.ts';
import { sampleRecord } from '../schema/sample.ts';

const { epsilon: _, ...plain } = sampleRecord();
const withheld = [
  'confidenceMin',
  'entropyMax',
  'marginMean',
  'inputTokens',
  'outputTokens',
  'truncated',
  'timeToFirstToken',
] as const;
const service = { name: 'shop' } as never;

describe('a record as it leaves by default', () => {
  it('tells one signal at most, by its band or an edge, and passes the mask', () => {
    const random = mulberry32(1);
    for (let i = 0; i < 2000; i++) {
      const { masked, dropped } = maskRecord(coarsened(plain, random));
      expect(dropped).toEqual({});
      for (const key of withheld) expect(masked).not.toHaveProperty(key);
      const { confidenceMean, entropyMean, signalProbability } = masked ?? {};
      const told = [confidenceMean, entropyMean].filter((value) => value !== undefined);
      expect(told.length).toBeLessThanOrEqual(1);
      expect(signalProbability !== undefined).toBe(told.length === 1);
    }
  });

  it('gives every confidence of a bucket the same middle, inside the bucket', () => {
    for (const [i, upper] of probabilityEdges.entries()) {
      const lower = probabilityEdges[i - 1] ?? 0;
      const tell = (value: number) => {
        const draws = [0, 0];
        const record = { ...plain, confidenceMean: probability(value) };
        return coarsened(record, () => draws.shift() ?? 1).confidenceMean;
      };
      const middle = tell(upper) as number;
      expect(tell(lower + (upper - lower) / 100)).toBe(middle);
      expect(middle).toBeGreaterThan(lower);
      expect(middle).toBeLessThanOrEqual(upper);
    }
  });

  it('gives an entropy either end of its bucket, so often that it is right on average', () => {
    const steps = 200;
    for (const [i, upper] of natsEdges.entries()) {
      const lower = natsEdges[i - 1] ?? 0;
      for (const share of [0, 0.1, 0.5, 0.93, 1]) {
        const value = lower + share * (upper - lower);
        const record = { ...plain, entropyMean: nats(value) };
        const found = Array.from({ length: steps }, (_, step) => {
          const draws = [0.5, 0, (step + 0.5) / steps];
          return coarsened(record, () => draws.shift() ?? 1).entropyMean as number;
        });
        for (const each of found) expect([lower, upper]).toContain(each);
        const mean = found.reduce((sum, each) => sum + each, 0) / steps;
        expect(Math.abs(mean - value)).toBeLessThan((upper - lower) / steps);
      }
    }
  });

  it('tells with the chance that it states, so what it adds to tier 0 stands for all requests', () => {
    const random = mulberry32(2);
    const n = 40_000;
    const counted = { confidence: 0, entropy: 0 };
    for (let i = 0; i < n; i++) {
      const { masked } = maskRecord(coarsened(plain, random));
      if (masked === undefined) throw new Error('refused');
      for (const { metric, times = 1 } of measureRequest(masked, service).values)
        if (metric === 'confidence' || metric === 'entropy') counted[metric] += times;
    }
    // A weight of 22 or 26 at that chance: a standard error of 2.4 %.
    for (const count of Object.values(counted)) expect(Math.abs(count / n - 1)).toBeLessThan(0.12);
  });

  it('tells times by the bucket between edges of /metrics, so that 0.2 s stays exact, and keeps the end', () => {
    const told = (time: number) => coarsened({ ...plain, duration: milliseconds(time) }, () => 1);
    expect([3, 200, 200.1, 4000, 30_001, 150_000].map((time) => told(time).duration)).toEqual([
      100, 100, 500, 2500, 300_000, 300_000,
    ]);
    const { endedAt, startedAt } = told(3);
    expect([endedAt, endedAt - startedAt]).toEqual([plain.endedAt, 100]);
  });

  it('tells no signal where none was observed', () => {
    const { confidenceMean: _c, entropyMean: _e, ...rest } = plain;
    expect(coarsened(rest, () => 0)).not.toHaveProperty('signalProbability');
  });
});
