import { gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import type { ToPage, ToWorker } from '../../../src/batch/messages.ts';
import { openPipe, type Pipe } from '../../../src/inspect/telemetry.ts';
import type { HelloOptions } from '../../../src/protocol/inspector.ts';
import type { Ledger } from '../../../src/protocol/telemetry.ts';
import type { RequestRecord } from '../../../src/schema/record.ts';
import type { JudgedWindow } from '../../../src/shared/drift.ts';
import { epochMilliseconds, probability } from '../../../src/shared/units.ts';
import { sampleRecord } from '../schema/sample.ts';

type Options = Partial<NonNullable<HelloOptions['telemetry']>>;

/** The worker's half of the pipe, with the page's port in the test's hands. Node has no IndexedDB: memory only. */
function open(options: Options) {
  const { port1, port2 } = new MessageChannel();
  const texts: string[] = [];
  const metrics: Uint8Array[] = [];
  const seen: RequestRecord[] = [];
  let ledger: Ledger | undefined;
  let flushed = (): void => undefined;
  port2.onmessage = ({ data }: MessageEvent<ToPage>) => {
    if ((data.kind === 'draft' || data.kind === 'chunk') && data.chunk.life.signal === 'metrics')
      metrics.push(data.chunk.body);
    if (data.kind === 'log') texts.push(data.log.text);
    if (data.kind === 'ledger') ledger = data.ledger;
    if (data.kind === 'done') flushed();
  };
  const pipe = openPipe(
    port1,
    { consent: 'granted', life: { session: 'a'.repeat(32), epoch: 0 }, ...options },
    (_raw, masked) => seen.push(masked),
  );
  /** Messages come in order: when this one is answered, all before it were read. */
  const settle = (): Promise<void> =>
    new Promise((resolve) => {
      flushed = resolve;
      port2.postMessage({ kind: 'flush', call: 1 } satisfies ToWorker);
    });
  const tell = async (message: ToWorker): Promise<void> => {
    port2.postMessage(message);
    await settle();
  };
  opened.push({ pipe, port: port2 });
  return { pipe, texts, metrics, seen, settle, tell, ledger: () => ledger };
}

const opened: { pipe: Pipe; port: MessagePort }[] = [];
afterEach(() => {
  for (const { pipe, port } of opened.splice(0)) {
    pipe.close();
    port.close();
  }
});

/** A judged window of 100 requests. */
const judged = (from: number): JudgedWindow => ({
  from: epochMilliseconds(from),
  at: epochMilliseconds(Date.now()),
  modelId: 'm',
  modelDigest: 'd',
  alarms: [],
  statistics: [],
  deciles: { length: Array<number>(10).fill(10) },
});

describe('a window that was judged for drift', () => {
  const record = sampleRecord();
  const { endedAt } = record;
  const isTold = async (options: Options, from: number): Promise<boolean> => {
    const { pipe, settle, tell, metrics } = open(options);
    pipe.record(record);
    await tell({ kind: 'consent', consent: 'granted', call: 2 });
    // Consent is answered too, so one flush more.
    await settle();
    pipe.drift(judged(from));
    await settle();
    return metrics.some((body) =>
      String(body[0] === 0x1f ? gunzipSync(body) : Buffer.from(body)).includes('sonde.drift.length'),
    );
  };

  it('is told with consent for all its requests, and not under an epsilon', async () => {
    expect(await isTold({}, endedAt)).toBe(true);
    expect(await isTold({ consent: 'pending' }, endedAt)).toBe(false);
    expect(await isTold({ consent: 'pending' }, endedAt + 1)).toBe(true);
    expect(await isTold({ epsilon: 1 }, endedAt)).toBe(false);
  });
});

describe('the record line in the worker', () => {
  it('samples less once the page is told to hold', async () => {
    const { pipe, texts, settle, tell } = open({ sampling: 'adaptive' });
    const chances = (): number[] =>
      texts.map((text) =>
        Number(/inclusion_probability","value":\{"doubleValue":([\d.e-]+)\}/.exec(text)?.[1]),
      );
    for (let i = 0; i < 300; i++) pipe.record(sampleRecord());
    await settle();
    const before = chances().length;
    for (let i = 0; i < 3; i++) await tell({ kind: 'hold', until: epochMilliseconds(Date.now() + 60_000) });
    for (let i = 0; i < 2000; i++) pipe.record(sampleRecord());
    await settle();
    expect(Math.max(...chances().slice(0, before))).toBeGreaterThan(0.09);
    expect(chances().length).toBeGreaterThan(before);
    // What is anomalous, as some of these are, had the chance 1.
    const after = chances().slice(before);
    expect(Math.max(...after)).toBeLessThanOrEqual(1 / 8);
    expect(Math.min(...after)).toBeLessThanOrEqual(0.1 / 8);
  });

  it("obeys the operator's sampling, and writes the chance on every record", async () => {
    const { pipe, texts, settle, tell, ledger } = open({});
    pipe.record(sampleRecord());
    await tell({ kind: 'policy', policy: { kind: 'policy', sampling: probability(0.25) } });
    for (let i = 0; i < 400; i++) pipe.record(sampleRecord());
    await settle();
    const chances = texts.map(
      (text) => /inclusion_probability","value":\{"doubleValue":([\d.]+)\}/.exec(text)?.[1],
    );
    expect(new Set(chances.slice(1))).toEqual(new Set(['0.25']));
    expect(chances[0]).toBe('1');
    // Within five standard errors of a quarter.
    expect(Math.abs(texts.length - 101)).toBeLessThan(44);
    expect(ledger()).toMatchObject({
      emitted: 401,
      pending: texts.length,
      dropped: { not_sampled: 401 - texts.length },
    });
  });

  it('sends no outcome of a request whose record it did not send', async () => {
    const { pipe, texts, settle, tell, ledger } = open({});
    await tell({ kind: 'policy', policy: { kind: 'policy', sampling: probability(1e-9) } });
    pipe.record(sampleRecord({ requestId: 'unsent' }));
    pipe.outcome('unsent', { label: 'YES' });
    pipe.outcome('elsewhere', { label: 'YES', tags: ['a', 'b'] });
    pipe.outcome('jane@example.com', { label: 'YES' });
    await settle();
    expect(texts).toHaveLength(1);
    expect(texts[0]).toContain('"sonde.outcome"');
    expect(ledger()).toMatchObject({ emitted: 4, pending: 1, dropped: { not_sampled: 2, masked: 1 } });
  });

  it('sends no outcome of a request whose record the mask refused', async () => {
    const { pipe, texts, settle, ledger } = open({});
    pipe.record(sampleRecord({ requestId: 'refused', hooksCaptured: -1 }));
    pipe.outcome('refused', { label: 'YES' });
    await settle();
    expect(texts).toEqual([]);
    expect(ledger()).toMatchObject({ emitted: 2, pending: 0, dropped: { masked: 2 } });
  });

  it('tells a signal of few records unless details are asked for', async () => {
    const told = async (options: Options): Promise<number> => {
      const { pipe, seen, settle } = open(options);
      for (let i = 0; i < 300; i++) pipe.record(sampleRecord());
      await settle();
      expect(
        seen.every(({ inputTokens }) => (inputTokens !== undefined) === (options.records === 'detailed')),
      ).toBe(true);
      return seen.filter(({ confidenceMean }) => confidenceMean !== undefined).length;
    };
    expect(await told({ records: 'detailed' })).toBe(300);
    // 14 are expected; more than 40 would be over seven standard deviations.
    expect(await told({})).toBeLessThan(40);
  });

  it('answers at random under an epsilon, and the chance does not tell what the noise hides', async () => {
    const { pipe, seen, settle } = open({ epsilon: 0.7, sampling: 'adaptive' });
    for (let i = 0; i < 200; i++) pipe.record(sampleRecord({ confidenceMean: probability(0.01) }));
    await settle();
    expect(new Set(seen.map(({ epsilon }) => epsilon))).toEqual(new Set([0.7]));
    const answers = new Set(seen.map(({ confidenceMean }) => confidenceMean));
    expect(answers).toEqual(new Set([0, 1]));
    // All had the same, lowest confidence; were it looked at, all would be anomalous and certain to be sent.
    for (const { confidenceMean, inclusionProbability } of seen)
      if (confidenceMean === 1) expect(inclusionProbability).toBeLessThanOrEqual(0.1);
  });
});
