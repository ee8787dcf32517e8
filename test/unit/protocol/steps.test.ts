import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Step } from '../../../src/protocol/request.ts';
import { packSteps, unpackSteps } from '../../../src/protocol/steps.ts';
import { histogramBins } from '../../../src/shared/statistics.ts';
import { milliseconds, nats, probability } from '../../../src/shared/units.ts';

const numbers = (length: number) =>
  fc.array(fc.float(), { minLength: length, maxLength: length }).map((values) => Float32Array.from(values));

const attention = fc.record({ heads: fc.integer({ min: 1, max: 3 }), queries: fc.nat(3) }).chain((shape) => {
  const each = numbers(shape.heads * shape.queries);
  return fc.record({
    hook: fc.string(),
    heads: fc.constant(shape.heads),
    entropy: each,
    first: each,
    previous: each,
    induction: each,
    max: each,
    notFinite: each,
  });
});
const activations = fc.nat(3).chain((rows) => {
  const each = numbers(rows);
  return fc.record({
    hook: fc.string(),
    mean: each,
    standardDeviation: each,
    absoluteMaximum: each,
    zeroFraction: each,
    outlierFraction: each,
    notFinite: each,
    histogram: numbers(rows * histogramBins),
  });
});
const few = <T>(each: fc.Arbitrary<T>) => fc.array(each, { maxLength: 3 });
const plain = {
  index: 0,
  token: { id: 1, text: 'a' },
  confidence: probability(0.5),
  logProbability: nats(-0.7),
  entropy: nats(1),
  margin: probability(0.1),
  topK: [{ id: 1, text: 'a', probability: probability(0.5) }],
  elapsed: milliseconds(3),
};
const step: fc.Arbitrary<Step> = fc
  .option(few(fc.record({ attention: few(attention), activations: few(activations) })), { nil: undefined })
  .map((summaries) => (summaries === undefined ? plain : { ...plain, summaries }));

it('steps come out of their message as they went in, the statistics of all in one buffer', () => {
  fc.assert(
    fc.property(few(step), (steps) => {
      const packed = packSteps(steps);
      const sent = structuredClone(packed, { transfer: [packed.statistics.buffer] });
      expect(unpackSteps(sent)).toEqual(steps);
    }),
  );
});
