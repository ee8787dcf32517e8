import { describe, expect, it } from 'vitest';
import { coarsened } from '../../../src/mask/coarse.ts';
import { withLocalPrivacy } from '../../../src/mask/local-privacy.ts';
import { maskRecord } from '../../../src/mask/mask.ts';
import { observeClasses } from '../../../src/observe/classes.ts';
import { recordFields } from '../../../src/schema/fields.ts';
import type { FullRecord, RequestRecord } from '../../../src/schema/record.ts';
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
const candidates: readonly FullRecord[] = rows('candidates.logits').map((logits, i) => {
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

/** How many tell the same as each. */
function anonymity(tellings: readonly string[]): number[] {
  const counts = new Map<string, number>();
  for (const telling of tellings) counts.set(telling, (counts.get(telling) ?? 0) + 1);
  return tellings.map((telling) => counts.get(telling) as number);
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
  const ratioOf = (telling: (record: RequestRecord) => string): string => {
    const sets = anonymity(candidates.map(telling));
    return `${timesChance(sets).toFixed(0)} x chance, anonymity set median ${median(sets)}, smallest ${Math.min(...sets)}`;
  };

  it('is harder on detailed records than on raw ones, and each signal that is told in full gives much away', () => {
    const grid = candidates.map(masked);
    const sets = [anonymity(candidates.map(told)), anonymity(grid.map(told))].map(timesChance);
    console.log(`raw signals: ${ratioOf(told)}`);
    console.log(`detailed record: ${ratioOf((record) => told(masked(record)))}`);
    for (const key of ['inputTokens', 'confidenceMean', 'entropyMean'] as const)
      console.log(`${key} alone, as on a detailed record: ${ratioOf((record) => `${masked(record)[key]}`)}`);
    const band = (record: RequestRecord) => told(masked(draw(record as FullRecord, [0, 0])));
    console.log(`the band of the confidence, always told: ${ratioOf(band)}`);
    expect(sets[1]).toBeLessThan(sets[0] as number);
  });

  it('succeeds at most twice as often as chance on a record as it leaves by default', () => {
    const { first, sets } = attack(candidates);
    console.log(
      `default record: true text first ${first.toFixed(2)} x chance; texts that can tell the same where nothing is told`,
      `${candidates.length}, where a signal is: median ${median(sets)}, smallest ${Math.min(...sets)}`,
    );
    expect(first).toBeLessThanOrEqual(2);
    expect(first).toBeGreaterThan(1);
    // Somebody with the very machine, and no other work on it, knows a time for each candidate, too.
    const timed = candidates.map((record) => ({
      ...record,
      duration: milliseconds(2 + 0.25 * record.inputTokens),
    }));
    console.log(`default record, times known exactly: ${attack(timed).first.toFixed(2)} x chance`);
    expect(attack(timed).first).toBeLessThanOrEqual(2);
  });

  it('leaves the mean of entropy to be computed from default records without bias, of confidence to within its bands', () => {
    const random = mulberry32(6);
    for (const key of ['confidenceMean', 'entropyMean'] as const) {
      const values = candidates.map((record) => coarsened(record, random));
      const found = values.flatMap((record) => record[key] ?? []);
      const weight = values.find((record) => record[key] !== undefined)?.signalProbability ?? 0;
      const truth = mean(candidates.map((record) => record[key] ?? 0));
      const error = deviation(found) / Math.sqrt(found.length);
      console.log(
        `${key} of ${candidates.length} requests: ${mean(found).toFixed(4)} +- ${error.toFixed(4)}, really ${truth.toFixed(4)}`,
      );
      // A confidence is told by the middle of its band: beside the draw, its mean may be off by half of a band.
      const bias = key === 'confidenceMean' ? 0.02 : 0;
      expect(Math.abs(mean(found) - truth)).toBeLessThan(4 * error + bias);
      const expected = candidates.length * weight;
      expect(Math.abs(found.length - expected)).toBeLessThan(5 * Math.sqrt(expected));
    }
  });

  it('would name the text if tier 2 left: a summary of the layers is told of no request', () => {
    const embeddings = rows('candidates.embedding');
    for (const [numbers, levels] of [
      [8, 256],
      [1, 256],
      [1, 16],
      [1, 4],
    ] as const) {
      const columns = embeddings.map((row) => row.slice(0, numbers));
      const most = Math.max(...columns.flat().map(Math.abs));
      const summaries = columns.map((row) =>
        row.map((value) => Math.floor(((value / most + 1) / 2) * (levels - 1) + 0.5)).join(),
      );
      const sets = anonymity(summaries);
      console.log(
        `${numbers} number(s) of a middle layer to ${Math.log2(levels)} bits: ${timesChance(sets).toFixed(0)} x chance among ${sets.length}, anonymity set median ${median(sets)}, smallest ${Math.min(...sets)}`,
      );
      expect(timesChance(sets)).toBeGreaterThan(2);
    }
    expect(Object.keys(recordFields).filter((key) => /layer|resid|attention|activation/i.test(key))).toEqual(
      [],
    );
  });

  it('succeeds at most twice as often as chance under local differential privacy of ln 2', () => {
    const epsilon = Math.LN2;
    const random = mulberry32(5);
    const trials = 300;
    let success = 0;
    const sets: number[] = [];
    for (let trial = 0; trial < trials; trial++) {
      const truth = candidates[Math.floor(random() * candidates.length)] as FullRecord;
      const seen = masked(withLocalPrivacy(truth, epsilon, random));
      const likelihoods = likelihoodsOf(seen, epsilon / 3);
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

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const deviation = (values: readonly number[]): number =>
  Math.sqrt(mean(values.map((value) => (value - mean(values)) ** 2)));

/** A default record under draws that are given. */
function draw(record: FullRecord, draws: readonly number[]): RequestRecord {
  const left = [...draws];
  return coarsened(record, () => left.shift() ?? Number.NaN);
}

/** What candidates can tell, by the greatest chance that one of them tells it and how many can. */
type Tellings = Map<string, { most: number; able: number }>;

function add(tellings: Tellings, record: RequestRecord, chance: number): void {
  if (chance === 0) return;
  const seen = masked(record);
  const telling = `${told(seen)} ${seen.duration}`;
  const { most, able } = tellings.get(telling) ?? { most: 0, able: 0 };
  tellings.set(telling, { most: Math.max(most, chance), able: able + 1 });
}

/**
 * Who sees a record names the candidate that tells it most often: over candidates equally likely that is right as many
 * times as by chance as the sum over all tellings of the greatest chance that a candidate tells it.
 */
const firstOf = (tellings: Tellings): number =>
  [...tellings.values()].reduce((sum, { most }) => sum + most, 0);

/**
 * Every outcome of the draws, weighted by its chance: one of two signals is told with the chance on the record, else
 * nothing. An entropy is told by either end of its bucket, the upper one with the share of the way to it.
 */
function attack(records: readonly FullRecord[]) {
  let first = 0;
  let silence = 1;
  const sets: number[] = [];
  for (const signal of [0, 0.5]) {
    const tellings: Tellings = new Map();
    let chance = Number.NaN;
    for (const record of records) {
      const [upper, lower] = [draw(record, [signal, 0, 0]), draw(record, [signal, 0, 1])];
      chance = upper.signalProbability ?? Number.NaN;
      const [from = 0, to = 0, value = 0] = [lower.entropyMean, upper.entropyMean, record.entropyMean];
      const up = to === from ? 1 : (value - from) / (to - from);
      add(tellings, upper, up);
      add(tellings, lower, 1 - up);
    }
    first += chance * firstOf(tellings);
    silence -= chance;
    sets.push(...[...tellings.values()].map(({ able }) => able));
  }
  const silent: Tellings = new Map();
  for (const record of records) add(silent, draw(record, [0, 1]), 1);
  first += silence * firstOf(silent);
  return { first, sets };
}

/** Chance of what was seen under each candidate, worked out from the definition of the mechanisms. */
function likelihoodsOf(seen: RequestRecord, share: number): number[] {
  const answered = (key: 'confidenceMean' | 'entropyMean', truth: number): number => {
    const { min, max } = recordFields[key].spec;
    const odds = Math.exp(share);
    const up = (1 + ((2 * (truth - min)) / (max - min) - 1) * ((odds - 1) / (odds + 1))) / 2;
    return seen[key] === max ? up : 1 - up;
  };
  return candidates.map(
    ({ confidenceMean, entropyMean }) =>
      answered('confidenceMean', confidenceMean ?? 0) * answered('entropyMean', entropyMean ?? 0),
  );
}
