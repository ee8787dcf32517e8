import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Batch, BatchOptions } from '../../../src/batch/batch.ts';
import { encode as encodeRecord } from '../../../src/batch/encode.ts';
import type { Life } from '../../../src/batch/messages.ts';
import { maskRecord, maskService } from '../../../src/mask/mask.ts';
import { accepts } from '../../../src/schema/field.ts';
import { recordFields } from '../../../src/schema/fields.ts';
import type { Masked } from '../../../src/schema/masked.ts';
import { type ChunkHeader, encodeLogs } from '../../../src/schema/otlp.ts';
import type { RequestRecord, ServiceIdentity } from '../../../src/schema/record.ts';
import { sampleRecord } from '../schema/sample.ts';

// biome-ignore lint/suspicious/noExplicitAny: a caller's mistakes, which types would prevent
const bent = (changes: Record<string, any>): RequestRecord => ({ ...sampleRecord(), ...changes });

describe('the mask', () => {
  it('lets a good record through and counts nothing', () => {
    const record = sampleRecord();
    const { masked, dropped } = maskRecord(record);
    expect(dropped).toEqual({});
    expect(Object.keys(masked ?? {}).sort()).toEqual(Object.keys(record).sort());
  });

  it('drops keys no schema names, without repeating their names', () => {
    const { masked, dropped } = maskRecord(bent({ prompt: 'my secret', 'jane@example.com': 1 }));
    expect(dropped).toEqual({ unknown: 2 });
    expect(JSON.stringify([masked, dropped])).not.toMatch(/secret|jane|prompt/);
  });

  it('rounds probabilities to 0.005, entropies to 0.05 nats, times to milliseconds', () => {
    const { masked } = maskRecord(
      bent({
        confidenceMean: 0.93684,
        entropyMean: 2.50731,
        duration: 412.6,
        startedAt: 1_764_000_000_000.4,
      }),
    );
    expect(masked).toMatchObject({
      confidenceMean: 0.935,
      entropyMean: 2.5,
      duration: 413,
      startedAt: 1_764_000_000_000,
    });
  });

  it('leaves at most 256 values of any signal', () => {
    for (const [key, { spec }] of Object.entries(recordFields)) {
      if (spec.kind !== 'grid') continue;
      const seen = new Set<unknown>();
      for (let i = 0; i <= 20_000; i++) {
        const value = spec.min + ((spec.max - spec.min) * i) / 20_000;
        seen.add((maskRecord(bent({ [key]: value })).masked as Record<string, unknown> | undefined)?.[key]);
      }
      expect(seen.size, key).toBeLessThanOrEqual(256);
      expect(seen.size, key).toBeGreaterThan(200);
    }
  });

  it('lets out the first 128 bits of the keyed digest of the input, and the other digests whole', () => {
    const record = sampleRecord();
    const { masked } = maskRecord(record);
    expect(masked?.inputDigest).toBe(record.inputDigest?.slice(0, 32));
    expect(masked).toMatchObject({ modelDigest: record.modelDigest, planDigest: record.planDigest });
    expect(maskRecord(bent({ inputDigest: 'ab'.repeat(40) })).dropped).toEqual({ inputDigest: 1 });
  });

  it('keeps the inclusion probability exact', () => {
    expect(maskRecord(bent({ inclusionProbability: 1 / 30 })).masked?.inclusionProbability).toBe(1 / 30);
  });

  it.each([
    ['entropyMean', Number.NaN],
    ['entropyMax', -1],
    ['confidenceMin', 1.2],
    ['marginMean', '0.5'],
    ['adapterVendor', 'Jane Doe'],
    ['cohort', 'call me at home'],
    ['inputDigest', 'to be or not to be'],
    ['errorCode', 'TypeError: user text'],
    ['timeToFirstToken', -3],
  ])('drops and counts %s = %s', (key, value) => {
    const { masked, dropped } = maskRecord(bent({ [key]: value }));
    expect(masked).toBeDefined();
    expect(masked).not.toHaveProperty(key);
    expect(dropped).toEqual({ [key]: 1 });
  });

  it.each(['modelDigest', 'planDigest', 'recordId', 'traceId', 'startedAt', 'operation'])(
    'refuses the whole record when its %s is wrong',
    (key) => {
      const { masked, dropped } = maskRecord(bent({ [key]: 'no such thing' }));
      expect(masked).toBeUndefined();
      expect(dropped).toEqual({ [key]: 1 });
    },
  );

  it.each([
    ['/models/shakespeare-gpt', 'shakespeare-gpt'],
    ['https://jane:pw@intranet.example/files/gpt2/?token=abc#x', 'gpt2'],
    ['onnx-community/Qwen3-0.6B-ONNX', 'onnx-community/Qwen3-0.6B-ONNX'],
    ['C:\\Users\\jane\\gpt2', 'gpt2'],
  ])('shortens the model id %s to %s', (modelId, short) => {
    expect(maskRecord(bent({ modelId })).masked?.modelId).toBe(short);
  });

  it.each(['Jane Doe, 5 High Street', 'models/a b', '../..', '', 'x/4111-1111-1111-1111'])(
    'calls the model `local` where its id is %j',
    (modelId) => {
      const { masked, dropped } = maskRecord(bent({ modelId }));
      expect(masked?.modelId).toBe('local');
      expect(dropped).toEqual({ modelId: 1 });
    },
  );

  it('puts the record id in the place of a request id that holds personal data', () => {
    const record = bent({ requestId: 'order-4111111111111111' });
    const { masked, dropped } = maskRecord(record);
    expect(masked?.requestId).toBe(record.recordId);
    expect(dropped).toEqual({ requestId: 1 });
  });

  it('drops and counts a field that throws', () => {
    const record = sampleRecord();
    Object.defineProperty(record, 'cohort', {
      enumerable: true,
      get() {
        throw new Error('jane@example.com');
      },
    });
    const { masked, dropped } = maskRecord(record);
    expect(dropped).toEqual({ cohort: 1 });
    expect(masked).toBeDefined();
    expect(masked).not.toHaveProperty('cohort');
  });

  it('masks the service identity by the same rules', () => {
    const { masked, dropped } = maskService({
      name: 'jane@example.com',
      version: '4.2',
      owner: '+49 151 23456789',
    });
    expect(masked).toEqual({ name: 'unknown_service', version: '4.2' });
    expect(dropped).toEqual({ name: 1, owner: 1 });
  });

  it('never lets out a value its field does not accept, whatever comes in', () => {
    const keys = Object.keys(recordFields) as (keyof typeof recordFields)[];
    fc.assert(
      fc.property(fc.constantFrom(...keys), fc.anything(), (key, value) => {
        const { masked } = maskRecord(bent({ [key]: value }));
        for (const [name, kept] of Object.entries(masked ?? {}))
          expect(accepts(recordFields[name as keyof typeof recordFields].spec, kept)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the type of a masked record', () => {
  it('is not a plain record', () => {
    const record: RequestRecord = sampleRecord();
    // @ts-expect-error -- only src/mask makes a Masked record
    const masked: Masked<RequestRecord> = record;
    const encode = (header: ChunkHeader) =>
      // @ts-expect-error -- nor does the encoder take an unmasked one
      encodeLogs(header, [record]);
    const add = (batch: Batch) =>
      // @ts-expect-error -- nor does the batch
      batch.add(record);
    const hand = (service: Masked<ServiceIdentity>, life: Life) =>
      // @ts-expect-error -- nor what makes the text that `deliver` sends
      encodeRecord(service, life, record);
    const service: ServiceIdentity = { name: 'shop' };
    const open = (options: BatchOptions): BatchOptions =>
      // @ts-expect-error -- nor is a service taken as the application gave it
      ({ ...options, service });
    expect([masked, encode, add, hand, open]).toHaveLength(5);
  });
});
