import { openPipe, type Pipe } from '../inspect/telemetry.ts';
import type { HelloOptions } from '../protocol/inspector.ts';
import { requireSameBuild } from '../protocol/version.ts';
import type { Masked } from '../schema/masked.ts';
import type { RequestRecord } from '../schema/record.ts';
import { toWireError, type WireError } from '../shared/errors.ts';

/** The tag of the one message that crosses the application's own channel; all others have ports of their own. */
export const seatTag = 'sonde.seat';

/** Page to worker, with `ports`: that of the telemetry pipe and that of the answers. */
export interface SeatMessage {
  readonly [seatTag]: string;
  readonly hello: NonNullable<HelloOptions['telemetry']>;
}

/** Worker to page. */
export type SeatAnswer =
  | { readonly kind: 'taken' }
  | { readonly kind: 'refused'; readonly error: WireError }
  | { readonly kind: 'record'; readonly raw: RequestRecord; readonly masked: Masked<RequestRecord> };

/** A page asks again when a worker says here that it has attached: messages before that were nobody's. */
export const attachedChannel = 'sonde.attached';

const isSeat = (data: unknown): data is SeatMessage =>
  typeof data === 'object' && data !== null && seatTag in data;

/** A message that was under way when the worker attached has come by then. */
const underWay = 200;

/**
 * Waits in a worker for the seat that `connectSonde` on the page hands over. Listeners are called in the order in
 * which they were added, so those that the application adds after this never see the message.
 * @returns how to stop waiting
 */
export function awaitSeat(onPipe: (pipe: Pipe) => void): () => void {
  const stopping = new AbortController();
  const take = (event: MessageEvent<unknown>): void => {
    if (!isSeat(event.data)) return;
    event.stopImmediatePropagation();
    clearTimeout(asking);
    const [port, answers] = event.ports;
    if (port === undefined || answers === undefined) return;
    const say = (answer: SeatAnswer): void => answers.postMessage(answer);
    try {
      requireSameBuild(event.data[seatTag]);
      const pipe = openPipe(port, event.data.hello, (raw, masked) => say({ kind: 'record', raw, masked }));
      onPipe(pipe);
      say({ kind: 'taken' });
    } catch (error) {
      say({ kind: 'refused', error: toWireError(error) });
    }
  };
  addEventListener('message', take, { signal: stopping.signal });
  const asking = setTimeout(() => {
    const channel = new BroadcastChannel(attachedChannel);
    channel.postMessage('attached');
    channel.close();
  }, underWay);
  stopping.signal.addEventListener('abort', () => clearTimeout(asking));
  return () => stopping.abort();
}
