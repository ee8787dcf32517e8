import { type CreditMessage, creditWindow, type StepMessage } from '../protocol/inspector.ts';
import type { Step } from '../protocol/request.ts';

/** Sends steps no faster than the page takes them, so a slow page slows the loop and not the heap. */
export interface StepSender {
  /** Resolves when the next step may be computed, or the call was stopped. */
  send(step: Step): Promise<void>;
  close(): void;
}

export function createStepSender(port: MessagePort, signal: AbortSignal): StepSender {
  let credits = creditWindow;
  let wake: (() => void) | undefined;
  const waken = (): void => wake?.();
  port.onmessage = (_message: MessageEvent<CreditMessage>) => {
    credits++;
    waken();
  };
  signal.addEventListener('abort', waken);
  return {
    async send(step) {
      credits--;
      port.postMessage({ kind: 'step', step } satisfies StepMessage);
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
