import type { Telemetry, TelemetryOptions } from '../open/api.ts';
import { openTelemetry } from '../open/telemetry.ts';
import { sondeVersion } from '../protocol/version.ts';
import type { ServiceIdentity } from '../schema/record.ts';
import { fromWireError } from '../shared/errors.ts';
import { attachedChannel, type SeatAnswer, type SeatMessage, seatTag } from './seat.ts';

export interface ConnectOptions {
  readonly telemetry: TelemetryOptions;
  readonly service?: ServiceIdentity;
}

/** The page half of a worker in which `attach()` was called. */
export interface Connection {
  readonly telemetry: Telemetry;
  /**
   * Resolves when the worker's records flow here.
   * Rejects with SondeError `version_mismatch` when page and worker are different builds.
   */
  readonly connected: Promise<void>;
  /** Beacons what is unsent; the journal stays for the next visit. */
  close(): void;
}

/**
 * Carries the telemetry of a worker's pipelines: a worker has no beacons, so what its last second gave would be lost
 * with the page. Call it as soon as the worker is made, and `attach()` there before the first `await` and before the
 * application adds listeners of its own: then those never see the one message that this sends.
 * @throws SondeError `invalid_argument` when the endpoint is no URL
 */
export function connectSonde(worker: Worker, { telemetry, service }: ConnectOptions): Connection {
  const pipe = openTelemetry(telemetry, service);
  const attached = new BroadcastChannel(attachedChannel);
  let answers: MessagePort | undefined;
  let isTaken = false;
  const connected = new Promise<void>((resolve, reject) => {
    const receive = ({ data }: MessageEvent<SeatAnswer>): void => {
      if (data.kind === 'record') {
        pipe.onRecord(data.raw, data.masked);
        return;
      }
      isTaken = true;
      attached.close();
      if (data.kind === 'taken') resolve();
      else reject(fromWireError(data.error));
    };
    const ask = (): void => {
      if (isTaken) return;
      answers?.close();
      const { port, hello } = pipe.connect();
      const { port1, port2 } = new MessageChannel();
      answers = port1;
      port1.onmessage = receive;
      const message: SeatMessage = { [seatTag]: sondeVersion, hello };
      worker.postMessage(message, [port, port2]);
    };
    // A worker that attaches later than the message came says so, and is asked again.
    attached.onmessage = ask;
    ask();
  });
  connected.catch(() => undefined);
  return {
    telemetry: pipe,
    connected,
    close() {
      attached.close();
      answers?.close();
      pipe.close();
    },
  };
}
