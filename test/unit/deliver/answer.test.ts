import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readAnswer } from '../../../src/deliver/answer.ts';

const session = 'ab'.repeat(16);
const read = (status: number, body = '', header: string | null = null) => readAnswer(status, header, body, 0);

describe('an answer', () => {
  it('2xx: names the ranges stored and the records refused', () => {
    const stored = [{ session, epoch: 1, ranges: [[0, 49]] }];
    expect(read(200, JSON.stringify({ stored, rejected: { 'missing.recordId': 2 } }))).toEqual({
      kind: 'stored',
      ack: { kind: 'ack', stored, rejected: { 'missing.recordId': 2 } },
    });
  });

  it('2xx of any OTLP backend: partialSuccess is counted', () => {
    const body = JSON.stringify({ partialSuccess: { rejectedLogRecords: '3', errorMessage: 'old' } });
    expect(read(200, body)).toMatchObject({ ack: { stored: [], rejected: { unspecified: 3 } } });
    expect(read(200, '{}')).toMatchObject({ kind: 'stored', ack: { stored: [], rejected: {} } });
    expect(read(202, '')).toMatchObject({ kind: 'stored' });
  });

  it("2xx: carries the operator's off switch", () => {
    expect(read(200, '{"policy":{"off":true}}')).toMatchObject({
      policy: { kind: 'policy', off: true },
    });
  });

  it("2xx: carries the operator's sampling, where it is a chance", () => {
    const policy = (sampling: unknown) => read(200, JSON.stringify({ policy: { sampling } }));
    expect(policy(0.1)).toMatchObject({ policy: { sampling: 0.1 } });
    for (const wrong of [0, 1.5, '0.1', null])
      expect(policy(wrong)).toEqual(expect.objectContaining({ policy: { kind: 'policy' } }));
  });

  it('429 and 5xx: to be sent again, when the server says or by backoff', () => {
    expect(read(429, '', '12')).toEqual({ kind: 'retry', reason: 'http_429', retryAfter: 12_000 });
    for (const status of [500, 502, 503, 504]) {
      expect(read(status)).toEqual({ kind: 'retry', reason: `http_${status}` });
    }
  });

  it('413, or 400 "too large": to be halved', () => {
    expect(read(413)).toEqual({ kind: 'oversize' });
    expect(read(400, 'request body too large')).toEqual({ kind: 'oversize' });
  });

  it('400, 401, 403, 415: stop; only 400 means this chunk for ever', () => {
    expect(read(400, '{"code":"bad_json"}')).toEqual({
      kind: 'refused',
      reason: 'refused_400',
      poisoned: true,
    });
    for (const status of [401, 403, 404, 415]) {
      expect(read(status)).toEqual({ kind: 'refused', reason: `refused_${status}`, poisoned: false });
    }
  });

  it('never throws, whatever came', () => {
    fc.assert(
      fc.property(
        fc.nat(999),
        fc.option(fc.string()),
        fc.oneof(fc.string(), fc.json()),
        (status, header, body) => {
          readAnswer(status, header, body, 0);
        },
      ),
    );
    expect(read(200, '{"stored":[{"session":1},{"session":"s","epoch":0,"ranges":[[1]]}]}')).toMatchObject({
      ack: { stored: [] },
    });
  });
});
