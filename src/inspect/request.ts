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

/** Digests that only this install can make again, one for each text, and the id of the key they were made with. */
export interface KeyedDigests {
  readonly digests: readonly Sha256Hex[];
  readonly keyId: string;
}

/** @returns undefined before consent, and where there is no key to digest with */
export type DigestTexts = (
  texts: readonly string[],
  now: EpochMilliseconds,
) => Promise<KeyedDigests | undefined>;

export const undigested: DigestTexts = async () => undefined;

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
  /** What a generation made. */
  readonly text?: string;
  /** For drift; stays here. */
  readonly embedding?: readonly number[];
}

/** What is left of a request: its record, and what stays here in any case. */
export interface Ended {
  readonly record: FullRecord;
  readonly passages: Pick<Provenance, 'passageDigests'>;
  readonly words: Words;
  /** For drift; they stay here. */
  readonly features: RequestContext['features'];
}

/** What was asked and answered in words: on a record only where the application opted in. */
export type Words = Pick<RequestRecord, 'inputText' | 'outputText' | 'outputDigest'>;

/** A request under way. */
export interface Request {
  /** Milliseconds since it began. */
  elapsed(): number;
  end(end: RequestEnd): Promise<Ended>;
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
  digest: DigestTexts,
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
      const { keyed, passages, outputDigest } = await keyedOf(
        { text, retrieved: context.retrieved ?? [], output: end.text },
        (texts) => digest(texts, epochMilliseconds(startedAt)),
      );
      const record: FullRecord = {
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
        ...keyed,
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
      const words: Words = {
        ...(text === undefined ? {} : { inputText: text }),
        ...(end.text === undefined ? {} : { outputText: end.text }),
        ...(outputDigest === undefined ? {} : { outputDigest }),
      };
      return { record, passages, words, features: context.features };
    },
  };
}

interface Keyed {
  readonly keyed: Pick<RequestRecord, 'inputKeyId' | 'inputDigest' | 'retrievedDigest'>;
  readonly passages: Ended['passages'];
  readonly outputDigest?: Sha256Hex;
}

/** What the install's key says of the input, of all passages together, of each, and of the output. */
async function keyedOf(
  {
    text,
    retrieved,
    output,
  }: {
    readonly text: string | undefined;
    readonly retrieved: readonly string[];
    readonly output: string | undefined;
  },
  digest: (texts: readonly string[]) => Promise<KeyedDigests | undefined>,
): Promise<Keyed> {
  const all = retrieved.length === 0 ? undefined : JSON.stringify(retrieved);
  const texts = [text, output, all, ...retrieved].filter((each) => each !== undefined);
  const found = texts.length === 0 ? undefined : await digest(texts);
  if (found === undefined) return { keyed: {}, passages: {} };
  const left = [...found.digests];
  const take = (given: string | undefined): Sha256Hex | undefined =>
    given === undefined ? undefined : left.shift();
  const [inputDigest, outputDigest, retrievedDigest] = [take(text), take(output), take(all)];
  return {
    keyed: {
      inputKeyId: found.keyId,
      ...(inputDigest === undefined ? {} : { inputDigest }),
      ...(retrievedDigest === undefined ? {} : { retrievedDigest }),
    },
    passages: left.length === 0 ? {} : { passageDigests: left },
    ...(outputDigest === undefined ? {} : { outputDigest }),
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
  { record, passages }: Ended,
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
    ...passages,
    ...(recoveries.length === 0 ? {} : { recoveries }),
    ...(consent === undefined ? {} : { consent }),
  };
}
