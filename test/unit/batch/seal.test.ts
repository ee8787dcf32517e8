import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { encode, encodeMeasurement } from '../../../src/batch/encode.ts';
import { draft, pack, Sum } from '../../../src/batch/seal.ts';
import { maskService } from '../../../src/mask/mask.ts';
import { measureRequest } from '../../../src/mask/measure.ts';
import { assemble, type Frame, type Log } from '../../../src/protocol/frame.ts';
import type { Masked } from '../../../src/schema/masked.ts';
import { encodeLogs } from '../../../src/schema/otlp.ts';
import { validateLogs } from '../../../src/schema/receive.ts';
import type { RequestRecord } from '../../../src/schema/record.ts';
import { maskedRecord } from '../../browser/telemetry/page/record.ts';

const life = { session: '0123456789abcdef'.repeat(2), epoch: 2, signal: 'logs' } as const;
const { masked: service } = maskService({ name: 'shop', version: '4.2', environment: 'prod' });
if (service === undefined) throw new Error('The sample service is outside the schema.');

/** As the worker numbers them, from `first`. */
function number(records: readonly Masked<RequestRecord>[], first: number) {
  const frames: Frame[] = [];
  const logs = records.map((record, index): Log => {
    const { frame, text } = encode(service as NonNullable<typeof service>, life, record);
    const known = frames.findIndex(({ head }) => head === frame.head);
    if (known < 0) frames.push(frame);
    const id = known < 0 ? frames.length - 1 : known;
    return { seq: first + index, text, frame: id, anomalous: false };
  });
  const frameOf = (id: number): Frame => {
    const frame = frames[id];
    if (frame === undefined) throw new RangeError(`no frame ${id}`);
    return frame;
  };
  return { logs, frameOf };
}

const records = (count: number): Masked<RequestRecord>[] =>
  Array.from({ length: count }, (_, index) => maskedRecord(`r${index}`));

describe('joined texts', () => {
  it('are the export request the schema encodes', () => {
    const sample = records(7);
    const { logs, frameOf } = number(sample, 12);
    expect(JSON.parse(assemble(logs, frameOf))).toEqual(
      encodeLogs({ service, chunk: { ...life, seq: 12 } }, sample),
    );
  });

  it('keep each record its number where two models alternate', () => {
    const sample = ['a', 'b', 'b', 'a', 'c'].map((model, index) => maskedRecord(`r${index}`, 'ok', model));
    const { logs, frameOf } = number(sample, 30);
    const read = validateLogs(JSON.parse(assemble(logs, frameOf)));
    if (read.kind !== 'logs') throw new Error(read.code);
    const seen = read.chunks.flatMap(({ chunk, verdicts }) =>
      verdicts.map((verdict, index) => [
        chunk.seq + index,
        'record' in verdict ? verdict.record.requestId : verdict,
      ]),
    );
    expect(Object.fromEntries(seen)).toEqual({ 30: 'r0', 31: 'r1', 32: 'r2', 33: 'r3', 34: 'r4' });
  });

  it('let no value move the cut', async () => {
    const odd = maskedRecord('"logRecords":[');
    const { logs, frameOf } = number([odd], 0);
    expect(JSON.parse(assemble(logs, frameOf))).toEqual(
      encodeLogs({ service, chunk: { ...life, seq: 0 } }, [odd]),
    );
  });
});

describe('a sum that grows', () => {
  it('is what all its measurements add up to, whether it went on or began anew', () => {
    const metrics = { ...life, signal: 'metrics' } as const;
    const encoded = records(40).map((record) => encodeMeasurement(service, measureRequest(record, service)));
    const logs = encoded.map(({ text }, seq): Log => ({ seq, text, frame: 0, anomalous: false }));
    const frameOf = (): Frame => encoded[0]?.frame as Frame;
    const growing = new Sum();
    for (const [first, end] of [
      [0, 1],
      [0, 2],
      [0, 30],
      // The second half of what was too large, then the first, then what came after both.
      [15, 30],
      [0, 15],
      [30, 31],
      [30, 40],
      [31, 40],
    ]) {
      const run = { life: metrics, logs: logs.slice(first, end) };
      expect(growing.of(run, frameOf)).toBe(new Sum().of(run, frameOf));
    }
  });
});

describe('a sealed chunk', () => {
  it('is gzip of the whole request, at most 12 KiB and 200 bytes a record', async () => {
    const { logs, frameOf } = number(records(50), 0);
    const chunk = await pack(draft({ life, logs }, frameOf, new Sum()));
    expect([...chunk.body.subarray(0, 2)]).toEqual([0x1f, 0x8b]);
    expect(gunzipSync(chunk.body).toString()).toBe(assemble(logs, frameOf));
    expect(chunk.body.length).toBeLessThanOrEqual(12 * 1024);
    expect(chunk.body.length / 50).toBeLessThanOrEqual(200);
    expect(chunk).toMatchObject({ life, first: 0, count: 50, anomalous: false });
  });
});
