import { randomBytes, randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { findPersonalData } from '../../../src/schema/personal-data.ts';
import { uuid7 } from './sample.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('personal data in an identifier', () => {
  // Card and account numbers are the issuers' published test numbers.
  it.each([
    ['card', '4111111111111111'],
    ['card', '5555-5555-5555-4444'],
    ['card', 'order_378282246310005'],
    ['card', 'a6011111111111117b'],
    ['card', '2223003122003222'],
    ['card', '4\u200b111 1111\u00a01111 1111'],
    ['card', '４１１１１１１１１１１１１１１１'],
    ['card', base64('4111111111111111')],
    ['iban', 'DE89370400440532013000'],
    ['iban', 'GB29 NWBK 6016 1331 9268 19'],
    ['iban', 'gb29nwbk60161331926819'],
    ['key', 'sk-proj-abcdefghijklmnop1234'],
    ['key', 'ghp_abcdefghijklmnopqrstuvwxyz0123456789'],
    ['key', 'AKIAIOSFODNN7EXAMPLE'],
    ['key', 'xoxb-123456789012-abcdef'],
    ['key', 'hf_abcdefghijklmnopqrstuvwx'],
    ['key', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln'],
    ['email', 'jane.doe@example.com'],
    ['email', 'jane.doe%40example.com'],
    ['email', base64('jane.doe@example.com')],
    ['phone', '+49 151 23456789'],
    ['phone', '004915123456789'],
    ['phone', '0151-23456789'],
    ['phone', '555-234-5678'],
    ['phone', '212.555.5123'],
    ['ip', '192.168.0.1'],
    ['ip', 'host-10.1.2.3'],
    ['ip', '2001:db8::8a2e:370:7334'],
    ['ip', '2001:0db8:85a3:0000:0000:8a2e:0370:7334'],
    ['ip', '::1'],
  ])('finds a %s in %s', (kind, value) => {
    expect(findPersonalData(value)).toBe(kind);
  });

  it.each([
    'shop',
    'beta',
    'prod-eu-west-1',
    '4.2.0',
    '1.31.0-dev.20260914-8d85527a0',
    'onnx-community/Qwen3-0.6B-ONNX',
    'req_2026-11-23T10:00:00',
    'order-000012345',
    'tenant:cohort:arm',
    'namespace::name',
    '4111111111111112',
    'GB29NWBK60161331926818',
    'V1StGXR8_Z5jdHi6B-myT',
    'sk-3',
    '01900000-1234-7111-8111-411111111111',
  ])('finds none in %s', (value) => {
    expect(findPersonalData(value)).toBeUndefined();
  });

  it('finds next to none in short random ids: they keep their name', () => {
    const found = Array.from({ length: 5000 }, () => randomBytes(12).toString('hex')).filter(
      findPersonalData,
    );
    expect(found.length).toBeLessThanOrEqual(25);
  });

  it('finds an account number that looks like hex', () => {
    expect(findPersonalData('AD1200012030200359100100')).toBe('iban');
  });

  it('finds none in 20,000 random ids of the kinds applications use', () => {
    for (let i = 0; i < 5000; i++)
      for (const id of [
        randomUUID(),
        uuid7(1.764e12 + i),
        randomBytes(16).toString('hex'),
        randomBytes(20).toString('hex'),
      ])
        expect(findPersonalData(id), id).toBeUndefined();
  });
});
