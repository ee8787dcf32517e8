import type { Ack, Policy, Stored } from '../shared/control.ts';
import { retryAfter } from '../shared/retry-after.ts';
import { type Milliseconds, probability } from '../shared/units.ts';

/** What an HTTP answer means for the chunk it answers. */
export type Verdict =
  | { readonly kind: 'stored'; readonly ack: Ack; readonly policy?: Policy }
  /** `retryAfter` is the server's word; without it the client backs off by itself. */
  | { readonly kind: 'retry'; readonly reason: string; readonly retryAfter?: Milliseconds }
  | { readonly kind: 'oversize' }
  /** Stop this signal; `poisoned` when the chunk itself can never be accepted. */
  | { readonly kind: 'refused'; readonly reason: string; readonly poisoned: boolean };

type JsonObject = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function parse(body: string): JsonObject {
  try {
    const value: unknown = JSON.parse(body);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;

const isRange = (value: unknown): value is readonly [number, number] =>
  Array.isArray(value) && value.length === 2 && value.every(isCount);

function isStored(value: unknown): value is Stored {
  return (
    isObject(value) &&
    typeof value.session === 'string' &&
    isCount(value.epoch) &&
    Array.isArray(value.ranges) &&
    value.ranges.every(isRange)
  );
}

function countsIn(value: unknown): Record<string, number> {
  const counts: Record<string, number> = {};
  if (!isObject(value)) return counts;
  for (const [reason, count] of Object.entries(value)) if (isCount(count)) counts[reason] = count;
  return counts;
}

/** OTLP's own field counts refusals without reasons; the collector's `rejected` names them. */
function rejectedIn(body: JsonObject): Record<string, number> {
  const named = countsIn(body.rejected);
  if (Object.keys(named).length > 0) return named;
  const { rejectedLogRecords, rejectedDataPoints } = isObject(body.partialSuccess) ? body.partialSuccess : {};
  const count = Number(rejectedLogRecords ?? rejectedDataPoints ?? 0);
  return isCount(count) && count > 0 ? { unspecified: count } : {};
}

function policyIn(value: unknown): Policy | undefined {
  if (!isObject(value)) return undefined;
  const { off, sampling } = value;
  const isChance = typeof sampling === 'number' && sampling > 0 && sampling <= 1;
  return {
    kind: 'policy',
    ...(off === true ? { off } : {}),
    ...(isChance ? { sampling: probability(sampling) } : {}),
  };
}

/** @param now epoch ms, against which an HTTP date in Retry-After is read */
export function readAnswer(status: number, header: string | null, text: string, now: number): Verdict {
  if (status >= 200 && status < 300) {
    const body = parse(text);
    const stored = Array.isArray(body.stored) ? body.stored.filter(isStored) : [];
    const policy = policyIn(body.policy);
    const ack: Ack = { kind: 'ack', stored, rejected: rejectedIn(body) };
    return { kind: 'stored', ack, ...(policy === undefined ? {} : { policy }) };
  }
  if (status === 413 || (status === 400 && /too large/i.test(text))) return { kind: 'oversize' };
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    const after = retryAfter(header, now);
    return { kind: 'retry', reason: `http_${status}`, ...(after === undefined ? {} : { retryAfter: after }) };
  }
  return { kind: 'refused', reason: `refused_${status}`, poisoned: status === 400 };
}
