import { maskRecord } from '../../../../src/mask/mask.ts';
import type { Masked } from '../../../../src/schema/masked.ts';
import type { Outcome, RequestRecord } from '../../../../src/schema/record.ts';
import { type Sha256Hex, toHex } from '../../../../src/shared/digest.ts';
import { epochMilliseconds, milliseconds, nats, probability } from '../../../../src/shared/units.ts';

const random = (bytes: number): string => toHex(crypto.getRandomValues(new Uint8Array(bytes)));
const digest = (): Sha256Hex => random(32) as Sha256Hex;

const modelDigest = 'a3'.repeat(32) as Sha256Hex;
const planDigest = 'b7'.repeat(32) as Sha256Hex;

function uuid7(at: number): string {
  const hex = `${at.toString(16).padStart(12, '0')}7${random(10).slice(1, 4)}8${random(10).slice(1, 16)}`;
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** A record with the entropy of a real one, recognisable by `requestId`. */
export function maskedRecord(
  requestId: string,
  outcome: Outcome = 'ok',
  modelId = 'shakespeare-gpt',
  hooksCaptured = 4,
): Masked<RequestRecord> {
  const now = Date.now();
  const duration = 300 + Math.floor(Math.random() * 500);
  const { masked } = maskRecord({
    recordId: uuid7(now),
    traceId: random(16),
    spanId: random(8),
    requestId,
    operation: 'generate',
    outcome,
    ...(outcome === 'error' ? { errorCode: 'run_failed' as const } : {}),
    startedAt: epochMilliseconds(now - duration),
    endedAt: epochMilliseconds(now),
    duration: milliseconds(duration),
    timeToFirstToken: milliseconds(41),
    introspectionDuration: milliseconds(150),
    modelId,
    modelDigest,
    tokenizerDigest: modelDigest,
    dtype: 'fp32',
    device: 'wasm',
    threads: 1,
    fallbacks: 0,
    sondeVersion: '0.1.0',
    runtimeVersion: '1.31.0',
    planDigest,
    hooksCaptured,
    inputDigest: digest(),
    inputKeyId: 'k1764000',
    inputTokens: 1 + Math.floor(Math.random() * 200),
    outputTokens: 32,
    truncated: false,
    inputOrigin: 'typed',
    cohort: 'beta',
    flow: 'checkout',
    critical: true,
    inclusionProbability: probability(1),
    confidenceMean: probability(Math.random()),
    confidenceMin: probability(Math.random()),
    entropyMean: nats(Math.random() * 8),
    entropyMax: nats(Math.random() * 10),
    marginMean: probability(Math.random()),
  });
  if (masked === undefined) throw new Error('The sample record is outside the schema.');
  return masked;
}
