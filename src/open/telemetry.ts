import { startDelivery } from '../deliver/delivery.ts';
import type { HelloOptions, RecordListener } from '../protocol/inspector.ts';
import type { TelemetryEvent } from '../protocol/telemetry.ts';
import type { ServiceIdentity } from '../schema/record.ts';
import { SondeError } from '../shared/errors.ts';
import type { Telemetry, TelemetryOptions } from './api.ts';
import { createListeners } from './listeners.ts';

/** What a starting worker is told about telemetry, and the port it gets. */
export interface Seat {
  readonly port: MessagePort;
  readonly hello: NonNullable<HelloOptions['telemetry']>;
}

/** The page's end of the telemetry pipe; it outlives its workers. */
export interface TelemetryPipe extends Telemetry {
  connect(): Seat;
  readonly onRecord: RecordListener;
  close(): void;
}

/** @throws SondeError `invalid_argument` when text is to leave beside an epsilon */
export function openTelemetry(
  options: TelemetryOptions,
  service: ServiceIdentity | undefined,
): TelemetryPipe {
  if (options.text !== undefined && options.epsilon !== undefined)
    throw new SondeError(
      'invalid_argument',
      'A text tells more than any epsilon allows.',
      'Give telemetry either `epsilon` or `text`.',
    );
  const { announce, subscribe } = createListeners<TelemetryEvent>();
  const delivery = startDelivery({ ...options, onEvent: announce });
  return {
    get consent() {
      return delivery.consent;
    },
    async setConsent(consent) {
      await delivery.setConsent(consent);
      announce({ kind: 'consent', consent: delivery.consent });
    },
    ledger: async () => delivery.ledger,
    flush: () => delivery.flush(),
    kill: () => delivery.kill(),
    subscribe,
    connect() {
      const { port, life, consent } = delivery.connect();
      const { sampling, records, epsilon, text } = options;
      return {
        port,
        hello: {
          life,
          consent,
          ...(service === undefined ? {} : { service }),
          ...(sampling === undefined ? {} : { sampling }),
          ...(records === undefined ? {} : { records }),
          ...(epsilon === undefined ? {} : { epsilon }),
          ...(text === undefined ? {} : { text }),
        },
      };
    },
    onRecord: (raw, masked) => announce({ kind: 'record', raw, masked }),
    close: () => delivery.close(),
  };
}
