import { type CreditMessage, creditWindow, type StepMessage } from '../protocol/inspector.ts';
import type { Step } from '../protocol/request.ts';
import type { StepSender } from './generate.ts';

/** Sends steps no faster than the page takes them, so a slow page slows the loop and not the heap. */
export function createStepSender(port: MessagePort, signal: AbortSignal): StepSender & { close(): void } {
  let credits = creditWindow;
  let sent = 0;
  let wake: (() => void) | undefined;
  const waken = (): void => wake?.();
  port.onmessage = (_message: MessageEvent<CreditMessage>) => {
    credits++;
    waken();
  };
  signal.addEventListener('abort', waken);
  return {
    get sent() {
      return sent;
    },
    async send(step) {
      credits--;
      sent++;
      port.postMessage({ kind: 'step', step } satisfies StepMessage, buffersOf(step));
      while (credits <= 0 && !signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    close() {
      signal.removeEventListener('abort', waken);
      port.postMessage({ kind: 'end' } satisfies StepMessage);
      port.close();
    },
  };
}

/** Rows of attention are handed over; the rest of a step is small. */
const buffersOf = ({ attention = [] }: Step): Transferable[] =>
  attention.flatMap((rows) => Object.values(rows).map(({ data }) => data.buffer as ArrayBuffer));
