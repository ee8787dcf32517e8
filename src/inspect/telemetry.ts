import { openBatch } from '../batch/batch.ts';
import { withLocalPrivacy } from '../mask/local-privacy.ts';
import { maskRecord, maskService } from '../mask/mask.ts';
import type { HelloOptions, RecordListener } from '../protocol/inspector.ts';
import type { RequestRecord } from '../schema/record.ts';
import { SondeError } from '../shared/errors.ts';
import { forgetInputKeys } from './input-key.ts';

/** The worker's end of the record line: mask, then batch. */
export interface Pipe {
  granted(): boolean;
  record(record: RequestRecord): void;
  /** Lets go of the journal and of the locks that say that this life goes on. */
  close(): void;
}

/** In [0, 1): noise that could be foreseen could be taken off again. */
const unforeseen = (): number => (crypto.getRandomValues(new Uint32Array(1))[0] ?? 0) / 2 ** 32;

/** Without telemetry options nothing is masked, stored or sent. */
export const silentPipe: Pipe = { granted: () => false, record: () => undefined, close: () => undefined };

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
    epsilon,
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
  return {
    granted: () => batch.consent === 'granted',
    record(record) {
      // Before the draw: its chance travels too, and must not tell what the noise hides.
      const told = epsilon === undefined ? record : withLocalPrivacy(record, epsilon, unforeseen);
      const { probability, kept } = batch.decide(told);
      if (probability === 0) return batch.refuse('sampling_budget');
      const { masked } = maskRecord({ ...told, inclusionProbability: probability });
      if (masked === undefined) return batch.refuse('masked');
      onRecord(record, masked);
      if (kept) batch.add(masked);
      else batch.refuse('not_sampled');
    },
    close: () => batch.close(),
  };
}
