import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encode } from '../../../src/batch/encode.ts';
import { maskRecord, maskService } from '../../../src/mask/mask.ts';
import { assemble } from '../../../src/protocol/frame.ts';
import { encodeLogs } from '../../../src/schema/otlp.ts';
import {
  type Read,
  type ReceivedChunk,
  readLogsBytes,
  type Verdict,
  validateLogs,
} from '../../../src/schema/receive.ts';
import type { RequestRecord } from '../../../src/schema/record.ts';
import { probability } from '../../../src/shared/units.ts';
import { sampleRecord } from './sample.ts';

const chunk = { session: '0190f0e0a1b27c3d8e4f5a6b7c8d9e0f', epoch: 0, seq: 7 };

function textOf(records: readonly RequestRecord[]): string {
  const service = maskService({ name: 'shop', version: '4.2' }).masked;
  const masked = records.flatMap((record) => maskRecord(record).masked ?? []);
  if (service === undefined || masked.length < records.length) throw new Error('the samples should pass');
  return JSON.stringify(encodeLogs({ service, chunk }, masked));
}

/** The record as it is stored. */
const jsonOf = ({ json: [common, own] }: Read): string => common + Buffer.from(own).toString();

/** What either reader made of the records, as plain objects. */
const recordsOf = (chunks: readonly ReceivedChunk<Verdict | Read>[]) =>
  chunks.map(({ verdicts, ...part }) => ({
    ...part,
    records: verdicts.map((verdict) =>
      'json' in verdict ? JSON.parse(jsonOf(verdict)) : 'record' in verdict ? verdict.record : verdict,
    ),
  }));

/** The general reader's answer; nothing where it takes nothing. */
function general(text: string) {
  try {
    const verdict = validateLogs(JSON.parse(text));
    return verdict.kind === 'logs' ? recordsOf(verdict.chunks) : undefined;
  } catch {
    return undefined;
  }
}

function compact(text: string): readonly ReceivedChunk<Read>[] | undefined {
  const bytes = Buffer.from(text);
  return readLogsBytes({ bytes, text: bytes.toString('latin1') }, Buffer.alloc(bytes.length), JSON.parse);
}

/** As the general reader would write it, but for the order of the fields. */
function expectAsSerialised(chunks: readonly ReceivedChunk<Read>[]): void {
  for (const verdict of chunks.flatMap(({ verdicts }) => verdicts))
    expect(JSON.stringify(JSON.parse(jsonOf(verdict)))).toBe(jsonOf(verdict));
}

const optional = [
  'tokenizerDigest',
  'timeToFirstToken',
  'introspectionDuration',
  'inputDigest',
  'retrievedDigest',
  'cohort',
  'confidenceMean',
  'marginMean',
] as const satisfies readonly (keyof RequestRecord)[];

const someRecords = fc
  .array(fc.record({ without: fc.subarray([...optional]), model: fc.constantFrom('a', 'x/y') }), {
    minLength: 1,
    maxLength: 6,
  })
  .map((drawn) =>
    drawn.map(({ without, model }) => {
      const record: Partial<RequestRecord> = sampleRecord({ modelId: model });
      for (const key of without) delete record[key];
      return record as RequestRecord;
    }),
  );

describe('the compact reader', () => {
  it('reads what pages send, and finds what the general reader finds', () => {
    fc.assert(
      fc.property(someRecords, (records) => {
        const text = textOf(records);
        const chunks = compact(text);
        expect(chunks).toBeDefined();
        expect(recordsOf(chunks ?? [])).toEqual(general(text));
        const verdicts = (chunks ?? []).flatMap(({ verdicts }) => verdicts);
        for (const verdict of verdicts)
          expect(JSON.parse(jsonOf(verdict))).toMatchObject(JSON.parse(JSON.stringify(verdict.measured)));
        expectAsSerialised(chunks ?? []);
      }),
      { numRuns: 60 },
    );
  });

  it('reads the text that the worker assembles, record by record', () => {
    const service = maskService({ name: 'shop' }).masked;
    const life = { session: chunk.session, epoch: 0 };
    const encoded = Array.from({ length: 3 }, () => maskRecord(sampleRecord()).masked).map((masked) => {
      if (masked === undefined || service === undefined) throw new Error('the samples should pass');
      return encode(service, life, masked);
    });
    const logs = encoded.map(({ text }, seq) => ({ seq, text, frame: 0, anomalous: false }));
    const [first] = encoded;
    if (first === undefined) throw new Error('there are three');
    const text = assemble(logs, () => first.frame);
    expect(recordsOf(compact(text) ?? [])).toEqual(general(text));
    expect(compact(text)?.[0]?.verdicts).toHaveLength(3);
  });

  it('leaves a body in which anything is bent to the general reader, or agrees with it', () => {
    const bends = ['"', '}', ',', '0', 'e', '-', ' ', '\\u0041', '\u00e9', '.', 'null', ']', '{}'];
    let read = 0;
    fc.assert(
      fc.property(
        someRecords,
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(3),
        fc.constantFrom('', ...bends),
        (records, place, cut, bend) => {
          const text = textOf(records);
          const at = Math.floor(place * text.length);
          const bent = text.slice(0, at) + bend + text.slice(at + cut);
          const chunks = compact(bent);
          if (chunks === undefined) return;
          read += 1;
          expect(recordsOf(chunks)).toEqual(general(bent));
          expectAsSerialised(chunks);
        },
      ),
      { numRuns: 1500 },
    );
    expect(read).toBeGreaterThan(20);
  });

  it.each([
    ['personal data', 'beta', 'jane@example.com'],
    ['a value off its grid', '"doubleValue":0.5}', '"doubleValue":0.501}'],
    ['white space', '"logRecords":[{', '"logRecords":[ {'],
    ['another field', '{"key":"sonde.cohort"', '{"key":"sonde.other"'],
  ])('leaves %s to the general reader', (_what, from, to) => {
    const text = textOf([sampleRecord({ confidenceMean: probability(0.5) })]);
    expect(text).toContain(from);
    expect(compact(text)).toBeDefined();
    expect(compact(text.replace(from, to))).toBeUndefined();
  });
});
