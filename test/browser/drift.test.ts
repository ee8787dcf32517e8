import { beforeAll, expect, it } from 'vitest';
import {
  createSonde,
  type DriftEvent,
  type Model,
  type Sonde,
  type TelemetryEvent,
} from '../../src/index.ts';

let sonde: Sonde;
let model: Model;
let texts: Readonly<Record<'reviews' | 'shakespeare', readonly string[]>>;
const windows: DriftEvent[] = [];
const suspicious: boolean[] = [];

beforeAll(async () => {
  sonde = createSonde({
    device: 'wasm',
    worker: () => new Worker(new URL('../../workers/inspector.ts', import.meta.url), { type: 'module' }),
    telemetry: { endpoint: `${location.origin}/nobody` },
  });
  sonde.subscribe((event) => windows.push(event));
  sonde.telemetry?.subscribe((event: TelemetryEvent) => {
    if (event.kind === 'record') suspicious.push(event.raw.suspicious === true);
  });
  model = await sonde.load('/models/sentiment');
  texts = await (await fetch('/examples/drift.json')).json();
});

async function classify(lines: readonly string[]): Promise<void> {
  for (const line of lines) await model.classify(line);
}

it('a window of reviews like those of the baseline raises no alarm and marks no request', async () => {
  expect(await model.drift()).toEqual({ window: 200, seen: 0, falseAlarms: 0.005 });
  await classify(texts.reviews);
  expect(windows).toMatchObject([{ kind: 'drift', modelDigest: model.identity.modelDigest, alarms: [] }]);
  expect(windows[0]?.statistics).toHaveLength(18);
  expect(suspicious).not.toContain(true);
});

it('a window of Shakespeare raises alarms with their effect, and marks what comes next for the sampler', async () => {
  await classify(texts.shakespeare.slice(0, 150));
  expect(await model.drift()).toMatchObject({ seen: 150, latest: { alarms: [] } });
  expect(windows).toHaveLength(1);
  await classify(texts.shakespeare.slice(150));
  const alarms = windows[1]?.alarms ?? [];
  expect(alarms.map(({ statistic }) => statistic)).toContain('length.wasserstein');
  for (const { value, limit, n } of alarms) {
    expect(value).toBeGreaterThan(limit);
    expect(n).toBe(200);
  }
  await model.classify('a gorgeous , witty film');
  // The request that filled the window is the first to be marked.
  expect(suspicious.lastIndexOf(false)).toBe(398);
  expect(suspicious.slice(399)).toEqual([true, true]);
  await sonde.dispose();
});
