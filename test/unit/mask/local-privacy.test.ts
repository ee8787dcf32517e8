import { describe, expect, it } from 'vitest';
import { blur, respond, withLocalPrivacy } from '../../../src/mask/local-privacy.ts';
import { maskRecord } from '../../../src/mask/mask.ts';
import { recordFields } from '../../../src/schema/fields.ts';
import { mulberry32 } from '../../../src/shared/random.ts';
import { probability } from '../../../src/shared/units.ts';
import { sampleRecord } from '../schema/sample.ts';

const many = <T>(n: number, make: () => T): T[] => Array.from({ length: n }, make);

describe('randomised response', () => {
  const { spec } = recordFields.entropyMean;

  it('is one of two answers, whose chances differ by at most e^epsilon between any two values', () => {
    const random = mulberry32(1);
    const chance = (value: number) => {
      const answers = many(40_000, () => respond(spec, value, 1, random));
      expect(new Set(answers)).toEqual(new Set([spec.min, spec.max]));
      return answers.filter((answer) => answer === spec.max).length / answers.length;
    };
    const [low, high] = [chance(spec.min), chance(spec.max)];
    expect(high / low).toBeCloseTo(Math.E, 0.9);
    expect(Math.max(high / low, (1 - low) / (1 - high))).toBeLessThanOrEqual(Math.E * 1.05);
  });

  it('leaves the mean to be computed without bias', () => {
    const random = mulberry32(2);
    const [epsilon, n, truth] = [0.5, 200_000, 3.4];
    const mean = many(n, () => respond(spec, truth, epsilon, random)).reduce((sum, x) => sum + x, 0) / n;
    const middle = (spec.min + spec.max) / 2;
    const odds = Math.exp(epsilon);
    const decoded = middle + (mean - middle) * ((odds + 1) / (odds - 1));
    // Its standard error is range / 2 (e^eps + 1) / (e^eps - 1) / sqrt n = 0.06.
    expect(Math.abs(decoded - truth)).toBeLessThan(0.2);
  });
});

describe("Laplace's mechanism", () => {
  it('keeps within the range, and its median is the value', () => {
    const random = mulberry32(4);
    const values = many(50_001, () => blur(100, 8191, 2, random)).sort((a, b) => a - b);
    expect(values[0]).toBe(0);
    expect(values.at(-1)).toBe(8191);
    expect(values[25_000]).toBeGreaterThan(90);
    expect(values[25_000]).toBeLessThan(111);
  });
});

describe('a record under local differential privacy', () => {
  it('passes the mask, states its epsilon and keeps no other signal', () => {
    const random = mulberry32(5);
    for (let i = 0; i < 200; i++) {
      const { masked, dropped } = maskRecord(withLocalPrivacy(sampleRecord(), 0.7, random));
      expect(dropped).toEqual({});
      expect(masked?.epsilon).toBe(0.7);
      for (const key of [
        'confidenceMin',
        'entropyMax',
        'marginMean',
        'timeToFirstToken',
        'inputTokens',
        'outputTokens',
        'truncated',
        'suspicious',
        'editsSincePaste',
        'retrievedPassages',
        'inputMissing',
      ])
        expect(masked).not.toHaveProperty(key);
      expect([0, 1]).toContain(masked?.confidenceMean);
      expect((masked?.endedAt ?? 0) - (masked?.startedAt ?? 0)).toBe(masked?.duration);
    }
  });

  it('has no signals where none were observed', () => {
    const { confidenceMean: _c, entropyMean: _e, ...rest } = sampleRecord({ confidenceMin: probability(1) });
    expect(withLocalPrivacy(rest, 1, mulberry32(6))).not.toHaveProperty('confidenceMean');
  });
});
