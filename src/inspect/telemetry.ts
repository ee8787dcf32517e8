import { openBatch } from '../batch/batch.ts';
import { coarsened } from '../mask/coarse.ts';
import { withLocalPrivacy } from '../mask/local-privacy.ts';
import { maskMeasurement, maskOutcome, maskRecord, maskService, type TextMask } from '../mask/mask.ts';
import { measureDrift, measureRequest } from '../mask/measure.ts';
import type { HelloOptions, RecordListener } from '../protocol/inspector.ts';
import type { Consent, Reported } from '../protocol/telemetry.ts';
import type { Measurement } from '../schema/metrics.ts';
import type { TextTreatment } from '../schema/opt-in.ts';
import type { FullRecord, OutcomeRecord, RequestRecord } from '../schema/record.ts';
import type { JudgedWindow } from '../shared/drift.ts';
import { SondeError } from '../shared/errors.ts';
import { uuidv7 } from '../shared/id.ts';
import { epochMilliseconds, probability } from '../shared/units.ts';
import { forgetInputKeys } from './input-key.ts';
import type { Words } from './request.ts';

/** The worker's end of the record line: mask, then batch. */
export interface Pipe {
  /** Absent without telemetry. */
  readonly consent: Consent | undefined;
  /** A request ended: it adds to tier 0, and is sent as a record where the draw says so. */
  /** @param words of which only what the application opted in to is told */
  record(record: FullRecord, words?: Words): void;
  /** Something else than a request adds to tier 0. */
  measure(measurement: Omit<Measurement, 'at'>): void;
  /** A window of requests was judged. */
  drift(window: JudgedWindow): void;
  outcome(requestId: string, reported: Reported): void;
  /** Lets go of the journal and of the locks that say that this life goes on. */
  close(): void;
}

/** In [0, 1): noise that could be foreseen could be taken off again. */
const unforeseen = (): number => (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32;

/** An outcome that comes later than this many requests is sent by itself. */
const mostKnown = 10_000;

/** What an outcome repeats of its request's record. */
type ToldBefore = Pick<
  OutcomeRecord,
  | 'cohort'
  | 'modelId'
  | 'modelDigest'
  | 'critical'
  | 'inclusionProbability'
  | 'signalProbability'
  | 'confidenceMean'
>;

const toldBefore = ({
  cohort,
  modelId,
  modelDigest,
  critical,
  inclusionProbability,
  signalProbability,
  confidenceMean,
  epsilon,
}: RequestRecord): ToldBefore => ({
  ...(cohort === undefined ? {} : { cohort }),
  ...(critical === undefined ? {} : { critical }),
  // An answer at random says something of many requests, and nothing of whether this one was right.
  ...(confidenceMean === undefined || epsilon !== undefined ? {} : { confidenceMean }),
  ...(confidenceMean === undefined || signalProbability === undefined ? {} : { signalProbability }),
  modelId,
  modelDigest,
  inclusionProbability,
});

/** Of the treatments those that let some of a text out. */
const telling: ReadonlySet<TextTreatment | undefined> = new Set(['mask', 'truncate']);

/** Without telemetry options nothing is masked, stored or sent. */
export const silentPipe: Pipe = {
  consent: undefined,
  record: () => undefined,
  measure: () => undefined,
  drift: () => undefined,
  outcome: () => undefined,
  close: () => undefined,
};

/**
 * @param onRecord sees every record before and after the mask, whether it is sent or not
 * @throws SondeError `invalid_argument` when the service has no usable name
 */
export function openPipe(
  port: MessagePort,
  {
    consent,
    life,
    service = { name: 'unknown_service' },
    sampling = 'all',
    records = 'coarse',
    epsilon,
    text,
  }: NonNullable<HelloOptions['telemetry']>,
  onRecord: RecordListener,
): Pipe {
  const { masked: maskedService } = maskService(service);
  if (maskedService === undefined) {
    throw new SondeError(
      'invalid_argument',
      'The service has no usable name.',
      'Give `service.name` letters, digits, dots and dashes only.',
    );
  }
  const batch = openBatch({
    port,
    life,
    consent,
    service: maskedService,
    sampling,
    onWithdrawn: forgetInputKeys,
  });
  function toldOf(record: FullRecord): RequestRecord {
    if (epsilon !== undefined) return withLocalPrivacy(record, epsilon, unforeseen);
    return records === 'coarse' ? coarsened(record, unforeseen) : record;
  }
  /** Until the detectors are there no text passes the mask. */
  let texts: TextMask | undefined;
  if (text !== undefined)
    void import('../mask/prose.ts').then(({ textMask }) => {
      texts = textMask(text);
    }, reportError);
  const toldWords = ({ inputText, outputText, outputDigest }: Words): Words => ({
    ...(telling.has(text?.input) && inputText !== undefined ? { inputText } : {}),
    ...(telling.has(text?.output) && outputText !== undefined ? { outputText } : {}),
    ...(text?.output === 'hash' && outputDigest !== undefined ? { outputDigest } : {}),
  });
  /** Of the latest requests: what their record told, or why it was not sent and an outcome has nothing to be joined with. */
  const known = new Map<string, ToldBefore | string>();
  function keep(requestId: string, what: ToldBefore | string): void {
    known.set(requestId, what);
    const [oldest] = known.keys();
    if (oldest !== undefined && known.size > mostKnown) known.delete(oldest);
  }
  function withhold(requestId: string, reason: string): void {
    keep(requestId, reason);
    batch.refuse(reason);
  }
  /** When the last request ended that was made without consent. */
  let unconsented = Number.NEGATIVE_INFINITY;
  return {
    get consent() {
      return batch.consent;
    },
    record(record, words = {}) {
      if (batch.consent !== 'granted') unconsented = record.endedAt;
      // Before the draw: its chance travels too, and must not tell what is hidden.
      const told = toldOf(record);
      const { probability: chance, kept } = batch.decide(told);
      const opted = toldWords(words);
      const { masked } = maskRecord(
        { ...told, ...opted, inclusionProbability: chance || probability(1) },
        texts,
      );
      if (masked === undefined) return withhold(told.requestId, 'masked');
      batch.measure(measureRequest(masked, maskedService));
      if (chance === 0) return withhold(told.requestId, 'sampling_budget');
      onRecord({ ...record, ...opted }, masked);
      if (!kept) return withhold(told.requestId, 'not_sampled');
      keep(told.requestId, toldBefore(masked));
      batch.add(masked);
    },
    measure: (measurement) =>
      batch.measure(maskMeasurement({ ...measurement, at: epochMilliseconds(Date.now()) })),
    drift(window) {
      // It counts true values: an epsilon is kept by records that hide them. And all its requests had consent.
      if (epsilon === undefined && batch.consent === 'granted' && window.from > unconsented)
        batch.measure(measureDrift(window));
    },
    outcome(requestId, { tags, ...reported }) {
      const before = known.get(requestId);
      if (typeof before === 'string') return batch.refuse(before);
      const now = Date.now();
      const { masked } = maskOutcome({
        ...before,
        ...reported,
        recordId: uuidv7(now),
        requestId,
        reportedAt: epochMilliseconds(now),
        ...(tags === undefined || tags.length === 0 ? {} : { tags: tags.join() }),
      });
      if (masked === undefined) batch.refuse('masked');
      else batch.addOutcome(masked);
    },
    close: () => batch.close(),
  };
}
