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
  it('tells one signal at most, by its band, and passes the mask', () => {
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

  it('gives every value of a bucket the same middle, inside the bucket', () => {
    for (const [key, at, edges] of [
      ['confidenceMean', 0, probabilityEdges],
      ['entropyMean', 0.5, natsEdges],
    ] as const)
      for (const [i, upper] of edges.entries()) {
        const lower = edges[i - 1] ?? 0;
        const tell = (value: number) => {
          const draws = [at, 0];
          const signal = { [key]: key === 'entropyMean' ? nats(value) : probability(value) };
          return coarsened({ ...plain, ...signal }, () => draws.shift() ?? 1)[key];
        };
        const middle = tell(upper) as number;
        expect(tell(lower + (upper - lower) / 100)).toBe(middle);
        expect(middle).toBeGreaterThan(lower);
        expect(middle).toBeLessThanOrEqual(upper);
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
    // A weight of 22 or 24 at that chance: a standard error of 2.4 %.
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
