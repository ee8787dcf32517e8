import { gzipSync } from 'node:zlib';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { coarsened } from '../../../src/mask/coarse.ts';
import { maskRecord, maskService } from '../../../src/mask/mask.ts';
import { recordFields, schemaUrl, schemaVersion } from '../../../src/schema/fields.ts';
import type { Masked } from '../../../src/schema/masked.ts';
import { encodeLogs } from '../../../src/schema/otlp.ts';
import { validateLogs } from '../../../src/schema/receive.ts';
import type { RequestRecord } from '../../../src/schema/record.ts';
import { sampleRecord, sha256 } from './sample.ts';

const chunk = { session: '0190f0e0a1b27c3d8e4f5a6b7c8d9e0f', epoch: 0, seq: 7 };

function mask(record: RequestRecord): Masked<RequestRecord> {
  const { masked } = maskRecord(record);
  if (masked === undefined) throw new Error('the sample record should pass the mask');
  return masked;
}

function header() {
  const service = maskService({ name: 'shop', version: '4.2', environment: 'prod', owner: 'search' }).masked;
  if (service === undefined) throw new Error('the sample service should pass the mask');
  return { service, chunk };
}

/** As it arrives: parsed JSON, free to be bent. */
// biome-ignore lint/suspicious/noExplicitAny: tests break the shape on purpose
const wire = (records: readonly RequestRecord[]): any =>
  JSON.parse(JSON.stringify(encodeLogs(header(), records.map(mask))));

function verdictsOf(body: unknown) {
  const verdict = validateLogs(body);
  if (verdict.kind === 'malformed') throw new Error(verdict.message);
  return verdict.chunks.flatMap(({ verdicts }) => verdicts);
}

describe('a chunk as OTLP/JSON', () => {
  it('arrives as it was masked, with its chunk identity and service', () => {
    const records = Array.from({ length: 5 }, () => mask(sampleRecord()));
    const verdict = validateLogs(JSON.parse(JSON.stringify(encodeLogs(header(), records))));
    expect(verdict).toEqual({
      kind: 'logs',
      chunks: [{ chunk, service: { ...header().service }, verdicts: records.map((record) => ({ record })) }],
    });
  });

  it('uses the names, units and shapes of OpenTelemetry', () => {
    const body = wire([sampleRecord({ timeToFirstToken: 41 as never, inputTokens: 12 })]);
    const [resourceLogs] = body.resourceLogs;
    const [scopeLogs] = resourceLogs.scopeLogs;
    const [log] = scopeLogs.logRecords;
    expect(scopeLogs.schemaUrl).toBe(schemaUrl(schemaVersion));
    expect(log.traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(log.timeUnixNano).toMatch(/^\d{13}000000$/);
    expect(log.severityNumber).toBe(9);
    expect(log.eventName).toBe('sonde.request');
    expect(log.attributes).toContainEqual({ key: 'gen_ai.usage.input_tokens', value: { intValue: '12' } });
    expect(log.attributes).toContainEqual({
      key: 'gen_ai.response.time_to_first_chunk',
      value: { doubleValue: 0.041 },
    });
    expect(log.attributes).toContainEqual({
      key: 'gen_ai.operation.name',
      value: { stringValue: 'text_completion' },
    });
    for (const [key, stringValue] of [
      ['service.name', 'shop'],
      ['deployment.environment.name', 'prod'],
      ['sonde.service.owner', 'search'],
      ['telemetry.sdk.name', 'sonde'],
      ['telemetry.sdk.version', '0.1.0'],
      ['sonde.model.digest', sha256('model')],
    ])
      expect(resourceLogs.resource.attributes).toContainEqual({ key, value: { stringValue } });
  });

  it('begins a part with its own first number where the model changes', () => {
    const body = wire([sampleRecord(), sampleRecord({ modelId: 'sentiment' }), sampleRecord()]);
    const verdict = validateLogs(body);
    const parts = verdict.kind === 'logs' ? verdict.chunks : [];
    expect(parts.map(({ chunk, verdicts }) => [chunk.seq, verdicts.length])).toEqual([
      [7, 1],
      [8, 1],
      [9, 1],
    ]);
  });

  it('costs at most 150 bytes of gzip a record as it leaves by default, in chunks of 50, with all that it can tell', () => {
    const sizesOf = (make: () => RequestRecord) => {
      const text = JSON.stringify(
        encodeLogs(
          header(),
          Array.from({ length: 50 }, () => mask(make())),
        ),
      );
      return { gzip: gzipSync(text).length / 50, raw: text.length / 50 };
    };
    // Under an epsilon half of the signals stay at home, so it stands beside none of them.
    const full = () => {
      const { epsilon: _, ...record } = sampleRecord();
      return record;
    };
    const byDefault = sizesOf(() => coarsened(full(), () => Math.random() / 22));
    const detailed = sizesOf(full);
    for (const [name, { gzip, raw }] of Object.entries({ byDefault, detailed }))
      console.info(`${name}: ${gzip.toFixed(1)} B gzip and ${raw.toFixed(0)} B raw a record in chunks of 50`);
    expect(byDefault.gzip).toBeLessThanOrEqual(150);
    expect(detailed.gzip).toBeLessThanOrEqual(180);
    expect(detailed.raw).toBeLessThan(2304);
  });

  it('gives every field a wire name of its own', () => {
    const names = Object.values(recordFields).map(({ wire }) => wire);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('the reader', () => {
  const drop = (attributes: { key: string }[], name: string) => attributes.filter(({ key }) => key !== name);

  it.each([
    ['sonde.model.digest', 'missing.modelDigest'],
    ['sonde.plan.digest', 'missing.planDigest'],
    ['telemetry.sdk.version', 'missing.sondeVersion'],
  ])('refuses every record of a resource without %s', (name, reject) => {
    const body = wire([sampleRecord(), sampleRecord()]);
    const { resource } = body.resourceLogs[0];
    resource.attributes = drop(resource.attributes, name);
    expect(verdictsOf(body)).toEqual([{ reject }, { reject }]);
  });

  it('refuses a record without an outcome, and only that one', () => {
    const body = wire([sampleRecord(), sampleRecord()]);
    const [log] = body.resourceLogs[0].scopeLogs[0].logRecords;
    log.attributes = drop(log.attributes, 'sonde.request.outcome');
    const [first, second] = verdictsOf(body);
    expect(first).toEqual({ reject: 'missing.outcome' });
    expect(second).toHaveProperty('record');
  });

  const withAttribute = (key: string, value: unknown) => {
    const body = wire([sampleRecord()]);
    const [log] = body.resourceLogs[0].scopeLogs[0].logRecords;
    log.attributes = [...drop(log.attributes, key), { key, value }];
    return verdictsOf(body);
  };

  it.each([
    ['an unknown attribute', 'prompt', { stringValue: 'my secret' }, 'unknown_field'],
    ['text where an id belongs', 'sonde.cohort', { stringValue: 'Jane Doe' }, 'invalid.cohort'],
    ['a signal off its grid', 'sonde.entropy.mean', { doubleValue: 2.507314 }, 'invalid.entropyMean'],
    ['a probability over 1', 'sonde.confidence.mean', { doubleValue: 1.005 }, 'invalid.confidenceMean'],
    [
      'an array where a number belongs',
      'sonde.entropy.max',
      { arrayValue: { values: [] } },
      'invalid.entropyMax',
    ],
    [
      'an inherited name as a choice',
      'sonde.request.outcome',
      { stringValue: 'toString' },
      'invalid.outcome',
    ],
    ['a fraction of a token', 'gen_ai.usage.input_tokens', { doubleValue: 1.5 }, 'invalid.inputTokens'],
    ['an error code nobody has', 'error.type', { stringValue: 'TypeError: x' }, 'invalid.errorCode'],
  ])('refuses %s', (_what, key, value, reject) => {
    expect(withAttribute(key, value)).toEqual([{ reject }]);
  });

  it('takes integers written as numbers, as other encoders do', () => {
    expect(withAttribute('gen_ai.usage.input_tokens', { intValue: 12 })).toMatchObject([
      { record: { inputTokens: 12 } },
    ]);
  });

  it('refuses times finer than a millisecond and an end before the begin', () => {
    const fine = wire([sampleRecord()]);
    fine.resourceLogs[0].scopeLogs[0].logRecords[0].timeUnixNano = '1764000000000000001';
    expect(verdictsOf(fine)).toEqual([{ reject: 'invalid.startedAt' }]);
    const backwards = wire([sampleRecord()]);
    backwards.resourceLogs[0].scopeLogs[0].logRecords[0].observedTimeUnixNano = '1600000000000000000';
    expect(verdictsOf(backwards)).toEqual([{ reject: 'invalid.endedAt' }]);
  });

  it.each([
    ['an empty object', {}, 'not_otlp'],
    ['snake case', { resource_logs: [] }, 'not_otlp'],
    ['an array', [], 'not_otlp'],
    ['null', null, 'not_otlp'],
    ['a resource without a service', { resourceLogs: [{ resource: {}, scopeLogs: [] }] }, 'bad_resource'],
  ])('finds %s malformed', (_what, body, code) => {
    expect(validateLogs(body)).toMatchObject({ kind: 'malformed', code });
  });

  it('finds a chunk without a number or of an unknown schema malformed', () => {
    const unnumbered = wire([sampleRecord()]);
    unnumbered.resourceLogs[0].scopeLogs[0].scope.attributes.pop();
    expect(validateLogs(unnumbered)).toMatchObject({ kind: 'malformed', code: 'bad_scope' });

    const old = wire([sampleRecord()]);
    old.resourceLogs[0].scopeLogs[0].schemaUrl = schemaUrl(schemaVersion - 1);
    expect(validateLogs(old)).toMatchObject({ kind: 'malformed', code: 'schema_version' });
  });

  // The issuers' test card number, and an address that RFC 2606 reserves: each fits its field's pattern.
  it.each([
    ['sonde.request.id', 'order-4111111111111111', 'personal_data.requestId'],
    ['sonde.cohort', 'host-192.168.0.1', 'personal_data.cohort'],
  ])(
    'refuses a record whose %s holds personal data, whoever sent it past the mask',
    (name, value, reject) => {
      const body = wire([sampleRecord(), sampleRecord()]);
      const [log] = body.resourceLogs[0].scopeLogs[0].logRecords;
      for (const attribute of log.attributes)
        if (attribute.key === name) attribute.value = { stringValue: value };
      expect(verdictsOf(body)).toEqual([{ reject }, { record: expect.anything() }]);
    },
  );

  it('refuses every record of a model id, and a body of a service, that holds personal data', () => {
    const put = (name: string, stringValue: string) => {
      const body = wire([sampleRecord()]);
      for (const attribute of body.resourceLogs[0].resource.attributes)
        if (attribute.key === name) attribute.value = { stringValue };
      return body;
    };
    expect(verdictsOf(put('gen_ai.request.model', 'x/4111-1111-1111-1111'))).toEqual([
      { reject: 'personal_data.modelId' },
    ]);
    expect(validateLogs(put('service.name', '0151-23456789'))).toMatchObject({
      kind: 'malformed',
      code: 'bad_resource',
    });
  });

  it('takes whatever the mask lets out, and the other way round, of what an application may choose', () => {
    const ids = fc.stringMatching(/^[A-Za-z0-9_.:-]{1,40}$/);
    fc.assert(
      fc.property(fc.oneof(ids, fc.stringMatching(/^[0-9 .:+-]{8,24}$/)), (cohort) => {
        const record = { ...mask(sampleRecord()), cohort } as Masked<RequestRecord>;
        const [verdict] = verdictsOf(encodeLogs(header(), [record]));
        const isLetOut = maskRecord(record).masked?.cohort === cohort;
        expect(verdict !== undefined && 'record' in verdict, cohort).toBe(isLetOut);
      }),
    );
  });

  it('finds a body of thousands of empty records malformed, in the words that make a client halve it', () => {
    const flood = wire([sampleRecord()]);
    flood.resourceLogs[0].scopeLogs[0].logRecords = Array.from({ length: 2001 }, () => ({}));
    expect(validateLogs(flood)).toMatchObject({
      kind: 'malformed',
      code: 'too_many_records',
      message: expect.stringContaining('too large'),
    });
  });

  it('accepts the version before through its upgrade', () => {
    const old = wire([sampleRecord()]);
    old.resourceLogs[0].scopeLogs[0].schemaUrl = schemaUrl(schemaVersion - 1);
    for (const attribute of old.resourceLogs[0].resource.attributes)
      if (attribute.key === 'sonde.plan.digest') attribute.key = 'sonde.graph_edit.digest';
    const upgrades = new Map([
      [
        schemaVersion - 1,
        (attributes: ReadonlyMap<string, unknown>) =>
          new Map(
            [...attributes].map(([key, value]) => [
              key === 'sonde.graph_edit.digest' ? 'sonde.plan.digest' : key,
              value,
            ]),
          ),
      ],
    ]);
    const verdict = validateLogs(old, upgrades);
    expect(verdict).toMatchObject({ chunks: [{ verdicts: [{ record: { planDigest: sha256('plan') } }] }] });
  });
});
