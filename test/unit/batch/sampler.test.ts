import { describe, expect, it } from 'vitest';
import { type Sampled, Sampler } from '../../../src/batch/sampler.ts';
import {
  type Estimated,
  estimateMean,
  estimateTotal,
  type Weighted,
} from '../../../src/observe/horvitz-thompson.ts';
import { meanInterval } from '../../../src/observe/interval.ts';
import { mulberry32 } from '../../../src/shared/random.ts';
import { probability } from '../../../src/shared/units.ts';

const ok = (confidence: number, cohort?: string): Sampled => ({
  outcome: 'ok',
  confidenceMean: probability(confidence),
  ...(cohort === undefined ? {} : { cohort }),
});

describe('the chance of a record', () => {
  it('is 1 where everything is sent, and what the operator asks for', () => {
    const sampler = new Sampler({ mode: 'all' });
    expect(sampler.decide(ok(0.9))).toEqual({ probability: 1, kept: true });
    sampler.obey({ kind: 'policy', sampling: probability(0.05) });
    expect(sampler.decide(ok(0.9)).probability).toBe(0.05);
    sampler.obey({ kind: 'policy' });
    expect(sampler.decide(ok(0.9)).probability).toBe(1);
  });

  it('falls from 10 % to 1 % as a stratum grows, each for itself', () => {
    const sampler = new Sampler({ mode: 'adaptive' });
    const last = (n: number, record: Sampled) => {
      let chance = 0;
      for (let i = 0; i < n; i++) chance = sampler.decide(record).probability;
      return chance;
    };
    expect(last(1, ok(0.9))).toBe(0.1);
    expect(last(1999, ok(0.9))).toBe(0.05);
    expect(last(20_000, ok(0.9))).toBe(0.01);
    expect(last(1, ok(0.9, 'beta'))).toBe(0.1);
  });

  it("is never over the operator's, however small that is", () => {
    const sampler = new Sampler({ mode: 'adaptive' });
    sampler.obey({ kind: 'policy', sampling: probability(1e-4) });
    expect(sampler.decide({ outcome: 'error' }).probability).toBe(1e-4);
  });

  it('is that of its own band of confidence', () => {
    const sampler = new Sampler({ mode: 'adaptive' });
    for (let i = 0; i < 1200; i++) sampler.decide(ok(0.9));
    expect(sampler.decide(ok(0.9)).probability).toBeLessThan(0.09);
    expect(sampler.decide(ok(0.79)).probability).toBe(0.1);
  });

  it('is 1 for errors, for what is out of distribution, and for the least confident', () => {
    const sampler = new Sampler({ mode: 'adaptive' });
    expect(sampler.decide({ outcome: 'error' }).probability).toBe(1);
    expect(sampler.decide({ ...ok(0.9), suspicious: true }).probability).toBe(1);
    const random = mulberry32(1);
    let low = 0;
    for (let i = 0; i < 20_000; i++) {
      const confidence = 0.5 + random() / 2;
      if (sampler.decide(ok(confidence)).probability === 1) {
        low += 1;
        expect(confidence).toBeLessThan(0.6);
      }
    }
    expect(low / 20_000).toBeGreaterThan(0.01);
    expect(low / 20_000).toBeLessThan(0.03);
  });

  it('halves with every order to hold, and comes back with answers', () => {
    const sampler = new Sampler({ mode: 'adaptive' });
    sampler.held();
    expect(sampler.decide(ok(0.9)).probability).toBe(0.05);
    for (let i = 0; i < 10; i++) sampler.held();
    expect(sampler.decide(ok(0.9)).probability).toBe(0.1 / 16);
    for (let i = 0; i < 40; i++) sampler.answered();
    expect(sampler.decide(ok(0.9)).probability).toBe(0.1);
  });

  it('falls while the budget runs out, and is 0 when it is spent', () => {
    const sampler = new Sampler({ mode: 'adaptive', budget: { records: 100, bytes: 10_000 } });
    const error: Sampled = { outcome: 'error' };
    for (let i = 0; i < 50; i++) sampler.spend(10);
    expect(sampler.decide(error).probability).toBe(1);
    for (let i = 0; i < 25; i++) sampler.spend(10);
    expect(sampler.decide(error).probability).toBe(0.5);
    sampler.spend(9_250);
    expect(sampler.decide(error)).toEqual({ probability: 0, kept: false });
  });
});

/** Requests of many users: confidence, an error now and then, and a rare cohort that answers more slowly. */
function population(n: number, random: () => number) {
  return Array.from({ length: n }, () => {
    const confidence = 1 - random() ** 3 * 0.7;
    const rare = random() < 0.01;
    const failed = random() < 0.003;
    const record: Sampled = {
      outcome: failed ? 'error' : 'ok',
      confidenceMean: probability(confidence),
      cohort: rare ? 'rare' : 'usual',
    };
    // Skewed, and tied to what the chances depend on: the case in which weights matter.
    const value = -Math.log(1 - random()) * (2 - confidence) * (rare ? 2 : 1) + (failed ? 3 : 0);
    return { record, value, rare };
  });
}

const holds = (estimated: Estimated, truth: number): boolean =>
  estimated.kind === 'interval' && estimated.lower <= truth && truth <= estimated.upper;

describe('weighting by the inverse of the chance', () => {
  // `SONDE_RUNS=1000 npx vitest run --project unit test/unit/batch/sampler.test.ts` is the simulation in full.
  const runs = Number(process.env.SONDE_RUNS ?? 60);
  const n = 100_000;

  it(`gives back the means of ${n} requests in ${runs} simulated days`, { timeout: 1_800_000 }, () => {
    const random = mulberry32(20);
    const requests = population(n, random);
    const mean = (of: typeof requests) => of.reduce((sum, { value }) => sum + value, 0) / of.length;
    const rares = requests.filter(({ rare }) => rare);
    const truth = { all: mean(requests), rare: mean(rares) };
    let [all, rare, unweighted, kept, fewest] = [0, 0, 0, 0, Infinity];
    const totals: number[] = [];
    for (let run = 0; run < runs; run++) {
      const sampler = new Sampler({ mode: 'adaptive', random, budget: { records: 1e5, bytes: 1e9 } });
      const sample: (Weighted & { rare: boolean })[] = [];
      for (const request of requests) {
        const { probability: chance, kept: taken } = sampler.decide(request.record);
        if (taken) sample.push({ value: request.value, probability: chance, rare: request.rare });
      }
      const few = sample.filter((item) => item.rare);
      if (holds(estimateMean(sample), truth.all)) all += 1;
      if (holds(estimateMean(few), truth.rare)) rare += 1;
      if (holds(estimateMean(sample.map(({ value }) => ({ value, probability: 1 - 1e-9 }))), truth.all))
        unweighted += 1;
      totals.push(estimateTotal(sample));
      kept += sample.length / runs;
      fewest = Math.min(fewest, few.length);
    }
    const totalled = meanInterval(totals);
    const percent = (count: number) => `${((100 * count) / runs).toFixed(1)} %`;
    console.log(
      `${runs} runs of ${n}: ${Math.round(kept)} kept (${((100 * kept) / n).toFixed(2)} %), the 95 % interval holds the`,
      `true mean in ${percent(all)} (all), ${percent(rare)} (1 % cohort, at least ${fewest} kept), ${percent(unweighted)} without`,
      `weights; total off by ${((100 * totalled.estimate) / (n * truth.all) - 100).toFixed(3)} %`,
    );
    expect(fewest).toBeGreaterThanOrEqual(50);
    // 93 % of 1,000 runs; fewer runs have the noise of their number (three standard errors).
    const least = 0.93 - (runs < 1000 ? 3 * Math.sqrt((0.95 * 0.05) / runs) : 0);
    expect(all / runs).toBeGreaterThanOrEqual(least);
    expect(rare / runs).toBeGreaterThanOrEqual(least);
    expect(unweighted).toBe(0);
    expect(totalled.lower).toBeLessThan(n * truth.all);
    expect(totalled.upper).toBeGreaterThan(n * truth.all);
  });

  it('says so when too few were sampled', () => {
    const sample = Array.from({ length: 49 }, (_, i) => ({ value: i, probability: 0.1 }));
    expect(estimateMean(sample)).toEqual({ kind: 'insufficient', n: 49 });
    expect(estimateMean([...sample, { value: 1, probability: 0.1 }]).kind).toBe('interval');
  });
});
