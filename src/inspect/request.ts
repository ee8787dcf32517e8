import type { Provenance, Recovery, RequestContext } from '../protocol/request.ts';
import type { Consent } from '../protocol/telemetry.ts';
import type {
  FullRecord,
  ModelIdentity,
  Operation,
  Outcome,
  RequestRecord,
  RequestSignals,
} from '../schema/record.ts';
import type { Sha256Hex } from '../shared/digest.ts';
import type { ErrorCode } from '../shared/errors.ts';
import { randomHex, uuidv7 } from '../shared/id.ts';
import { type Plan, planDigest } from '../shared/plan.ts';
import { type EpochMilliseconds, epochMilliseconds, milliseconds, probability } from '../shared/units.ts';

/** A digest that only this install can make again, and the id of the key it was made with. */
export interface KeyedDigest {
  readonly digest: Sha256Hex;
  readonly keyId: string;
}

/** @returns undefined before consent, and where there is no key to digest with */
export type DigestInput = (text: string, now: EpochMilliseconds) => Promise<KeyedDigest | undefined>;

export const undigested: DigestInput = async () => undefined;

/** What is known of a request when it ends. */
export interface RequestEnd {
  readonly outcome: Outcome;
  readonly errorCode?: ErrorCode;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly truncated: boolean;
  readonly signals?: Partial<RequestSignals>;
  readonly timeToFirstToken?: number;
  readonly introspection?: number;
  /** Milliseconds it took, where its end was noticed later. */
  readonly duration?: number;
}

/** A request under way. */
export interface Request {
  /** Milliseconds since it began. */
  elapsed(): number;
  end(end: RequestEnd): Promise<FullRecord>;
}

/**
 * @param model a function where its digests are computed only for a record
 * @param text absent where ids or tensors were given: there is no text to key
 */
export function beginRequest(
  model: ModelIdentity | (() => Promise<ModelIdentity>),
  operation: Operation,
  text: string | undefined,
  plan: Plan,
  context: RequestContext,
  digest: DigestInput,
): Request {
  const startedAt = Date.now();
  const started = performance.now();
  const { traceId, spanId } = traceOf(context.traceparent);
  return {
    elapsed: () => performance.now() - started,
    async end(end) {
      const duration = end.duration ?? performance.now() - started;
      const endedAt = epochMilliseconds(startedAt + Math.round(duration));
      // Of the end: the begin would tell how long it took to whoever is told that only roughly.
      const recordId = uuidv7(endedAt);
      const { retrieved = [] } = context;
      const now = epochMilliseconds(startedAt);
      const keyed = text === undefined ? undefined : await digest(text, now);
      const found = retrieved.length === 0 ? undefined : await digest(JSON.stringify(retrieved), now);
      return {
        ...(typeof model === 'function' ? await model() : model),
        recordId,
        traceId,
        spanId,
        requestId: context.requestId ?? recordId,
        operation,
        outcome: end.outcome,
        ...(end.errorCode === undefined ? {} : { errorCode: end.errorCode }),
        startedAt: epochMilliseconds(startedAt),
        endedAt,
        duration: milliseconds(duration),
        ...(end.timeToFirstToken === undefined
          ? {}
          : { timeToFirstToken: milliseconds(end.timeToFirstToken) }),
        ...(end.introspection === undefined
          ? {}
          : { introspectionDuration: milliseconds(end.introspection) }),
        planDigest: await planDigest(plan),
        hooksCaptured: plan.taps.length,
        ...(keyed === undefined ? {} : { inputDigest: keyed.digest, inputKeyId: keyed.keyId }),
        ...(found === undefined ? {} : { retrievedDigest: found.digest, inputKeyId: found.keyId }),
        inputTokens: end.inputTokens,
        outputTokens: end.outputTokens,
        truncated: end.truncated,
        inputOrigin: context.origin ?? 'programmatic',
        ...declaredOf(context),
        ...(context.cohort === undefined ? {} : { cohort: context.cohort }),
        ...(context.flow === undefined ? {} : { flow: context.flow }),
        ...(context.critical === undefined ? {} : { critical: context.critical }),
        ...(context.suspicious === undefined ? {} : { suspicious: context.suspicious }),
        ...end.signals,
        inclusionProbability: probability(1),
      };
    },
  };
}

/** What the application says of its input beside where it came from. */
function declaredOf({
  templateVersion,
  editsSincePaste,
  retrieved,
  violations,
}: RequestContext): Partial<RequestRecord> {
  return {
    ...(retrieved === undefined ? {} : { retrievedPassages: retrieved.length }),
    ...(templateVersion === undefined ? {} : { templateVersion }),
    ...(editsSincePaste === undefined ? {} : { editsSincePaste }),
    ...(violations === undefined
      ? {}
      : {
          inputMissing: violations.missing,
          inputExtra: violations.extra,
          inputOutOfRange: violations.outOfRange,
        }),
  };
}

/** The application's trace where it gave a valid one, with a span of our own; else a new trace. */
function traceOf(traceparent: string | undefined): { traceId: string; spanId: string } {
  const parsed = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}$/.exec(traceparent ?? '');
  const traceId = parsed?.[1];
  const valid = traceId !== undefined && !/^0+$/.test(traceId);
  return { traceId: valid ? traceId : randomHex(16), spanId: randomHex(8) };
}

/** The part of a record that the answer carries back to the caller. */
export function provenanceOf(
  record: FullRecord,
  recoveries: readonly Recovery[],
  consent: Consent | undefined,
): Provenance {
  const {
    spanId: _span,
    duration: _duration,
    timeToFirstToken: _first,
    introspectionDuration: _introspection,
    hooksCaptured: _hooks,
    inclusionProbability: _probability,
    epsilon: _epsilon,
    suspicious: _suspicious,
    critical: _critical,
    confidenceMean: _mean,
    confidenceMin: _min,
    entropyMean: _entropy,
    entropyMax: _max,
    marginMean: _margin,
    errorCode: _code,
    ...provenance
  } = record;
  return {
    ...provenance,
    ...(recoveries.length === 0 ? {} : { recoveries }),
    ...(consent === undefined ? {} : { consent }),
  };
}
