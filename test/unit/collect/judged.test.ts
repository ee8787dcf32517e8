import { expect, it } from 'vitest';
import { maskOutcome, maskService } from '../../../src/mask/mask.ts';
import { expectedCalibrationError } from '../../../src/observe/calibration/calibration-error.ts';
import { equalWidthBins } from '../../../src/observe/calibration/reliability.ts';
import { encodeOutcome } from '../../../src/schema/otlp.ts';
import { mulberry32 } from '../../../src/shared/random.ts';
import { epochMilliseconds, probability } from '../../../src/shared/units.ts';
import { uuid7 } from '../schema/sample.ts';
import { chunkOf, maskedRecord, newSession } from './chunk.ts';
import { startCollector } from './start.ts';

const now = 1_790_000_000_000;
const admin = { port: 0, token: 'secret' };

/** Predictions that are right less often than they say, each labelled; half of them of a cohort. */
function labelled(n: number) {
  const random = mulberry32(4);
  return Array.from({ length: n }, (_, i) => {
    // No edge of the fifteen bins among them.
    const confidence = probability(Math.round((0.41 + 0.59 * random()) * 200) / 200);
    return {
      id: `request-${i}`,
      confidence,
      isRight: random() < confidence ** 2,
      cohort: i % 2 ? 'beta' : 'all',
    };
  }).filter(({ confidence }) => (confidence * 15) % 1 > 0.01);
}

it('labels count when they come, without a join: accuracy, bins and ECE, in /metrics and from minutes', async () => {
  const all = labelled(200);
  const { post, collector, address, data } = await startCollector({ admin, models: ['m'] });
  const session = newSession();
  const half = probability(0.5);
  const records = all.map(({ id, confidence, cohort }) =>
    maskedRecord({
      requestId: id,
      modelId: 'm',
      cohort,
      confidenceMean: confidence,
      inclusionProbability: half,
      startedAt: epochMilliseconds(now),
      endedAt: epochMilliseconds(now),
    }),
  );
  await post(JSON.stringify(chunkOf({ session, epoch: 0, seq: 0 }, records)));
  const { masked: service } = maskService({ name: 'shop' });
  if (service === undefined) throw new Error('refused');
  for (const [i, { id, confidence, isRight, cohort }] of all.entries()) {
    const { masked } = maskOutcome({
      recordId: uuid7(now),
      requestId: id,
      reportedAt: epochMilliseconds(now),
      predicted: 'x',
      label: isRight ? 'x' : 'y',
      cohort,
      modelId: 'm',
      modelDigest: records[i]?.modelDigest as never,
      critical: cohort === 'beta',
      inclusionProbability: half,
      confidenceMean: confidence,
    });
    if (masked === undefined) throw new Error('refused');
    const chunk = { session, epoch: 0, seq: all.length + i };
    await post(JSON.stringify(encodeOutcome({ service, chunk }, masked)));
  }
  const correct = all.map(({ isRight }) => isRight);
  const accuracy = correct.filter(Boolean).length / all.length;
  const ece = expectedCalibrationError(
    equalWidthBins(
      all.map(({ confidence }) => confidence),
      correct,
    ),
  );

  const ask = async (path: string, of = collector) => {
    const headers = { authorization: 'Bearer secret' };
    return (await fetch(`${of.adminAddress}/api/${path}`, { headers })).json();
  };
  const fromMinutes = await ask('calibration');
  expect(fromMinutes).toMatchObject({ source: 'rollups', pairs: all.length, requests: 2 * all.length });
  for (const answer of [fromMinutes, await ask('calibration?exact=1')]) {
    expect(answer.ece).toBeCloseTo(ece, 9);
    expect(answer.accuracy).toBeCloseTo(accuracy, 9);
  }
  expect((await ask('calibration?exact=1')).source).toBe('log');
  expect((await ask('calibration?cohort=beta')).pairs).toBe(
    all.filter((each) => each.cohort === 'beta').length,
  );
  // A minute that holds labels only adds no row.
  expect((await ask('query?by=cohort')).groups).toHaveLength(2);

  const series = new Map(
    (await (await fetch(`${address}/metrics`)).text())
      .split('\n')
      .map((line) => line.split(' '))
      .map(([name = '', value]): [string, number] => [name, Number(value)]),
  );
  const beta = all.filter(({ cohort }) => cohort === 'beta');
  const labels = '{model="m",cohort="beta",critical="true"}';
  expect(series.get(`sonde_outcomes_judged_total${labels}`)).toBe(2 * beta.length);
  expect(series.get(`sonde_outcomes_right_total${labels}`)).toBe(
    2 * beta.filter(({ isRight }) => isRight).length,
  );
  const sum = (name: string, bin: string): number =>
    series.get(`sonde_calibration_${name}_total{model="m",bin="${bin}"}`) ?? 0;
  const bins = Array.from({ length: 15 }, (_, bin) => String(bin));
  const gaps = bins.map((bin) => Math.abs(sum('confidence', bin) - sum('right', bin)));
  const total = bins.reduce((all, bin) => all + sum('requests', bin), 0);
  expect(gaps.reduce((all, gap) => all + gap, 0) / total).toBeCloseTo(ece, 9);

  await collector.close();
  const again = await startCollector({ data, admin, models: ['m'] });
  await expect.poll(async () => (await ask('calibration', again.collector)).source).toBe('rollups');
  expect(await ask('calibration', again.collector)).toEqual(fromMinutes);
});
