import { type CreditMessage, creditWindow, type StepMessage } from '../protocol/inspector.ts';
import type { Step } from '../protocol/request.ts';
import { packSteps } from '../protocol/steps.ts';
import { milliseconds } from '../shared/units.ts';
import type { StepSender } from './generate.ts';
import { turn } from './turn.ts';

/** Steps wait this long for others at most: less than a frame, so nobody sees it. */
const longestWait = milliseconds(8);

/**
 * Sends steps no faster than the page takes them, so a slow page slows the loop and not the heap; and between two
 * messages lets in what the page has to say: on the CPU a forward comes back without a turn of the event loop.
 */
export function createStepSender(port: MessagePort, signal: AbortSignal): StepSender & { close(): void } {
  let credits = creditWindow;
  let sent = 0;
  let waiting: Step[] = [];
  let flushed = Number.NEGATIVE_INFINITY;
  let wake: (() => void) | undefined;
  const waken = (): void => wake?.();
  port.onmessage = ({ data }: MessageEvent<CreditMessage>) => {
    credits += data.steps;
    waken();
  };
  signal.addEventListener('abort', waken);
  const flush = (): void => {
    if (waiting.length > 0) {
      const packed = packSteps(waiting);
      const handed = [packed.statistics.buffer, ...waiting.flatMap(buffersOf)];
      port.postMessage({ kind: 'steps', ...packed } satisfies StepMessage, handed);
      waiting = [];
    }
    flushed = performance.now();
  };
  return {
    get sent() {
      return sent;
    },
    async send(step) {
      credits--;
      sent++;
      waiting.push(step);
      if (credits > 0 && performance.now() - flushed < longestWait) return;
      flush();
      await turn();
      while (credits <= 0 && !signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    close() {
      signal.removeEventListener('abort', waken);
      flush();
      port.postMessage({ kind: 'end' } satisfies StepMessage);
      port.close();
    },
  };
}

/** Rows of attention are handed over; the rest of a step is small. */
const buffersOf = ({ attention = [] }: Step): Transferable[] =>
  attention.flatMap((rows) => Object.values(rows).map(({ data }) => data.buffer as ArrayBuffer));
