import { describe, expect, it } from 'vitest';
import { mostTokens, withLocalPrivacy } from '../../../src/mask/local-privacy.ts';
import { maskRecord } from '../../../src/mask/mask.ts';
import { observeClasses } from '../../../src/observe/classes.ts';
import { recordFields } from '../../../src/schema/fields.ts';
import type { RequestRecord } from '../../../src/schema/record.ts';
import { mulberry32 } from '../../../src/shared/random.ts';
import { milliseconds } from '../../../src/shared/units.ts';
import { rows } from '../observe/sentiment-features.ts';
import { sampleRecord } from '../schema/sample.ts';

/**
 * Candidate confirmation: somebody has a record, the public model, and 10,000 texts of which one made the record.
 * They run the model on each, mask what it says as the page does, and rank. Times are not compared: they are the
 * same for all candidates here, so what is measured is what the signals give away.
 */
const lengths = rows('candidates.tokens');
const sample = sampleRecord();
const candidates: readonly RequestRecord[] = rows('candidates.logits').map((logits, i) => {
  const { confidence, entropy, margin } = observeClasses(Float32Array.from(logits), 1);
  return {
    ...sample,
    operation: 'classify',
    inputTokens: lengths[i]?.[0] as number,
    outputTokens: 0,
    duration: milliseconds(20),
    confidenceMean: confidence,
    confidenceMin: confidence,
    entropyMean: entropy,
    entropyMax: entropy,
    marginMean: margin,
  };
});

const told = ({
  inputTokens,
  confidenceMean,
  confidenceMin,
  entropyMean,
  entropyMax,
  marginMean,
}: RequestRecord) =>
  JSON.stringify([inputTokens, confidenceMean, confidenceMin, entropyMean, entropyMax, marginMean]);

/** How many candidates tell the same as each. */
function anonymity(records: readonly RequestRecord[]): number[] {
  const counts = new Map<string, number>();
  for (const record of records) counts.set(told(record), (counts.get(told(record)) ?? 0) + 1);
  return records.map((record) => counts.get(told(record)) as number);
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] as number;
/** The true one is among `n` that tell the same: first of them by luck. Chance is one in all candidates. */
const timesChance = (sets: readonly number[]): number => sets.reduce((sum, n) => sum + 1 / n, 0);
const masked = (record: RequestRecord): RequestRecord => {
  const result = maskRecord(record).masked;
  if (result === undefined) throw new Error('refused');
  return result;
};

describe('candidate confirmation among 10,000 texts', () => {
  it('is harder on masked records than on raw ones; how much is printed', () => {
    const raw = anonymity(candidates);
    const grid = anonymity(candidates.map(masked));
    console.log(
      `raw signals: true text first ${timesChance(raw).toFixed(0)} x chance, anonymity set median ${median(raw)};`,
      `masked: ${timesChance(grid).toFixed(0)} x chance, median ${median(grid)}, smallest ${Math.min(...grid)}`,
    );
    expect(timesChance(grid)).toBeLessThan(timesChance(raw));
  });

  it('succeeds at most twice as often as chance under local differential privacy of ln 2', () => {
    const epsilon = Math.LN2;
    const random = mulberry32(5);
    const trials = 300;
    let success = 0;
    const sets: number[] = [];
    for (let trial = 0; trial < trials; trial++) {
      const truth = candidates[Math.floor(random() * candidates.length)] as RequestRecord;
      const seen = masked(withLocalPrivacy(truth, epsilon, random));
      const likelihoods = likelihoodsOf(seen, epsilon / 6);
      const sum = likelihoods.reduce((total, value) => total + value, 0);
      const best = Math.max(...likelihoods);
      // Who knows the mechanism and ranks by likelihood is right with the posterior of the best: less noise in it
      // than in counting hits.
      success += (best / sum) * candidates.length;
      // Candidates that no evidence sets apart from the true one by more than the budget allows.
      sets.push(likelihoods.filter((value) => value >= best / 2).length);
    }
    console.log(
      `epsilon ln 2: ${(success / trials).toFixed(2)} x chance; within a factor 2 of the best guess: median ${median(sets)} of ${candidates.length}`,
    );
    expect(success / trials).toBeLessThanOrEqual(2);
    expect(success / trials).toBeGreaterThanOrEqual(1);
  });
});

/** Chance of what was seen under each candidate, worked out from the definition of the mechanisms. */
function likelihoodsOf(seen: RequestRecord, share: number): number[] {
  const range = Math.log1p(mostTokens);
  const scale = range / share;
  const below = (x: number, centre: number): number =>
    x < centre ? Math.exp((x - centre) / scale) / 2 : 1 - Math.exp((centre - x) / scale) / 2;
  const edge = (count: number): number => Math.log1p(Math.max(0, count));
  const blurred = (count: number, truth: number): number => {
    const centre = Math.log1p(truth);
    const upper = count >= mostTokens ? 1 : below(edge(count + 0.5), centre);
    return upper - (count === 0 ? 0 : below(edge(count - 0.5), centre));
  };
  const answered = (key: 'confidenceMean' | 'entropyMean', truth: number): number => {
    const { min, max } = recordFields[key].spec;
    const odds = Math.exp(share);
    const up = (1 + ((2 * (truth - min)) / (max - min) - 1) * ((odds - 1) / (odds + 1))) / 2;
    return seen[key] === max ? up : 1 - up;
  };
  return candidates.map(
    ({ inputTokens, confidenceMean, entropyMean }) =>
      blurred(seen.inputTokens, inputTokens) *
      answered('confidenceMean', confidenceMean ?? 0) *
      answered('entropyMean', entropyMean ?? 0),
  );
}
