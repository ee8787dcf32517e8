import { createHash, randomBytes } from 'node:crypto';
import type { FullRecord } from '../../../src/schema/record.ts';
import type { Sha256Hex } from '../../../src/shared/digest.ts';
import { epochMilliseconds, milliseconds, nats, probability } from '../../../src/shared/units.ts';

export const sha256 = (text: string): Sha256Hex =>
  createHash('sha256').update(text).digest('hex') as Sha256Hex;

export function uuid7(at: number): string {
  const bytes = randomBytes(16);
  bytes.writeUIntBE(at, 0, 6);
  bytes[6] = (bytes.readUInt8(6) & 0x0f) | 0x70;
  bytes[8] = (bytes.readUInt8(8) & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** A record as the worker knows it: full precision, every field present. */
export function sampleRecord(overrides: Partial<FullRecord> = {}): FullRecord {
  const startedAt = 1_764_000_000_000 + Math.floor(Math.random() * 1e6);
  const duration = 300 + Math.random() * 500;
  const recordId = uuid7(startedAt);
  return {
    recordId,
    traceId: randomBytes(16).toString('hex'),
    spanId: randomBytes(8).toString('hex'),
    requestId: recordId,
    operation: 'generate',
    outcome: 'ok',
    startedAt: epochMilliseconds(startedAt),
    endedAt: epochMilliseconds(startedAt + Math.round(duration)),
    duration: milliseconds(duration),
    timeToFirstToken: milliseconds(41.237),
    introspectionDuration: milliseconds(12.5),
    modelId: 'shakespeare-gpt',
    modelDigest: sha256('model'),
    tokenizerDigest: sha256('tokenizer'),
    dtype: 'fp32',
    device: 'webgpu',
    adapterVendor: 'google',
    adapterArchitecture: 'swiftshader',
    threads: 1,
    fallbacks: 0,
    sondeVersion: '0.1.0',
    runtimeVersion: '1.31.0-dev.20260914-8d85527a0',
    planDigest: sha256('plan'),
    hooksCaptured: 4,
    inputDigest: sha256(recordId),
    inputKeyId: 'k1764000',
    inputTokens: 1 + Math.floor(Math.random() * 200),
    outputTokens: 32,
    truncated: false,
    inputOrigin: 'typed',
    templateVersion: 'greeting-3',
    editsSincePaste: 2,
    retrievedPassages: 3,
    retrievedDigest: sha256(`retrieved for ${recordId}`),
    inputMissing: 0,
    inputExtra: 1,
    inputOutOfRange: 0,
    cohort: 'beta',
    flow: 'checkout',
    critical: true,
    suspicious: false,
    inclusionProbability: probability(1),
    confidenceMean: probability(Math.random()),
    confidenceMin: probability(Math.random()),
    entropyMean: nats(Math.random() * 8),
    entropyMax: nats(Math.random() * 10),
    marginMean: probability(Math.random()),
    epsilon: 3,
    ...overrides,
  };
}
