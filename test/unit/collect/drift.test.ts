import { describe, expect, it } from 'vitest';
import { askDrift } from '../../../src/collect/drift.ts';
import { minute, Rollups } from '../../../src/collect/rollups.ts';
import { mulberry32 } from '../../../src/shared/random.ts';
import { probability } from '../../../src/shared/units.ts';
import { maskedRecord } from './chunk.ts';
import { startCollector } from './start.ts';

const baseline = { from: 0, to: 10 * minute };
const question = { from: 10 * minute, to: 30 * minute, by: [] };

/** `counts[i]` requests of confidence `(i + 1) / 10` in the minute `at`. */
function fill(rollups: Rollups, at: number, counts: readonly number[], kept = 1): void {
  for (const [i, count] of counts.entries())
    for (let j = 0; j < count; j++)
      rollups.add(
        1,
        at * minute,
        maskedRecord({ confidenceMean: probability((i + 1) / 10), inclusionProbability: probability(kept) }),
      );
}

/** Every decile's bin holds one value, so the index is that of the counts themselves. */
const psi = (r: readonly number[], c: readonly number[]): number => {
  const [n, m] = [r, c].map((counts) => counts.reduce((sum, count) => sum + count, 0)) as [number, number];
  return r.reduce((sum, count, i) => {
    const [a, b] = [count / n || 1e-4, (c[i] ?? 0) / m || 1e-4];
    return sum + (a - b) * Math.log(a / b);
  }, 0);
};

const even = Array.from({ length: 10 }, () => 10);
const skewed = [1, 2, 4, 6, 8, 10, 12, 15, 20, 22];

describe('drift per window', () => {
  it('is the population stability index over the deciles of the baseline, window by window', () => {
    const rollups = new Rollups();
    fill(rollups, 1, even);
    fill(rollups, 12, even);
    fill(rollups, 22, skewed);
    const { baseline: before, windows } = askDrift(rollups, question, baseline, 10 * minute);
    expect(before.records).toBe(100);
    expect(windows.map(({ from, to, records }) => [from / minute, to / minute, records])).toEqual([
      [10, 20, 100],
      [20, 30, 100],
    ]);
    expect(windows[0]?.shifts.confidence?.psi).toBe(0);
    expect(windows[1]?.shifts.confidence?.psi).toBeCloseTo(psi(even, skewed), 9);
    expect(windows[1]?.shifts.confidence?.byChance).toBeCloseTo(9 * (1 / 100 + 1 / 100), 12);
  });

  it('counts requests by their inclusion probability', () => {
    const rollups = new Rollups();
    fill(rollups, 1, even);
    // One in four of the lower half was kept, and all of the upper: together they are even.
    fill(
      rollups,
      12,
      even.map((count, i) => (i < 5 ? count : 0)),
      0.25,
    );
    fill(
      rollups,
      12,
      even.map((count, i) => (i < 5 ? 0 : 4 * count)),
    );
    const [window] = askDrift(rollups, question, baseline, 20 * minute).windows;
    expect(window?.shifts.confidence?.psi).toBeCloseTo(0, 12);
  });

  it('is by chance what it is on average where nothing moved, however seldom a record tells the quantity', () => {
    const random = mulberry32(23);
    let [index, byChance] = [0, 0];
    const windows = 150;
    for (let run = 0; run < windows; run++) {
      const rollups = new Rollups();
      for (const at of [1, 12])
        for (let i = 0; i < 3000; i++) {
          const chance = random() < 0.5 ? 0.1 : 0.5;
          if (random() < chance)
            rollups.add(
              1,
              at * minute,
              maskedRecord({ confidenceMean: probability(random()), signalProbability: probability(chance) }),
            );
        }
      const shift = askDrift(rollups, question, baseline, 20 * minute).windows[0]?.shifts.confidence;
      index += shift?.psi ?? Number.NaN;
      byChance += shift?.byChance ?? Number.NaN;
    }
    // The index of 150 windows has a standard error of 4 %.
    expect(index / byChance).toBeGreaterThan(0.85);
    expect(index / byChance).toBeLessThan(1.15);
  });

  it('is told of a model alone, and not where one of the two times is empty', () => {
    const rollups = new Rollups();
    fill(rollups, 12, even);
    expect(askDrift(rollups, question, baseline, 10 * minute).windows[0]?.shifts).toEqual({});
    expect(askDrift(rollups, { ...question, model: 'none' }, baseline, minute).windows).toEqual([]);
  });

  it('is asked for over the admin listener, with bounds', async () => {
    const { collector } = await startCollector({ admin: { port: 0, token: 'secret' } });
    const ask = (text: string) =>
      fetch(`${collector.adminAddress}/api/drift?${text}`, { headers: { authorization: 'Bearer secret' } });
    const times = 'baselineFrom=2026-01-01&baselineTo=2026-01-02';
    expect((await ask('from=2026-01-02')).status).toBe(400);
    expect((await ask(`from=2026-01-02&${times}&window=0`)).status).toBe(400);
    expect((await ask(`from=2020-01-01&to=2026-01-01&${times}&window=1`)).status).toBe(400);
    const answer = await ask(`from=2026-01-02&to=2026-01-03&${times}`);
    expect(await answer.json()).toMatchObject({ source: 'rollups', baseline: { records: 0 }, windows: [] });
  });
});
