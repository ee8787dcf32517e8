import type { CreditMessage, Generated, StepMessage } from '../protocol/inspector.ts';
import type { GenerationEnd, Step } from '../protocol/request.ts';
import { SondeError } from '../shared/errors.ts';
import type { Capture, Generation } from './api.ts';

export interface GenerationSource {
  /** Asks the worker; the port is its end of the step channel. */
  start(steps: MessagePort): Promise<Generated>;
  stop(): void;
  openCapture(generated: Generated): Capture | undefined;
}

/**
 * Pulls steps from the worker, which computes at most two ahead. Nobody iterating but waiting for `end` or
 * `capture` lets the steps run through.
 */
export function startGeneration(source: GenerationSource): Generation {
  const { port1: port, port2: workerPort } = new MessageChannel();
  const queue: Step[] = [];
  let ended = false;
  let iterated = false;
  let drain = false;
  let wake: () => void = () => undefined;

  const take = (): Step | undefined => {
    const step = queue.shift();
    if (step !== undefined) port.postMessage({ kind: 'credit' } satisfies CreditMessage);
    return step;
  };
  const runThrough = (): void => {
    if (iterated) return;
    drain = true;
    while (take() !== undefined);
  };
  const finish = (): void => {
    ended = true;
    port.close();
  };
  port.onmessage = ({ data }: MessageEvent<StepMessage>) => {
    if (data.kind === 'step') queue.push(data.step);
    else finish();
    if (drain) while (take() !== undefined);
    wake();
  };

  // Steps and answer come over two ports, in no common order: only the last message ends the steps.
  const generated = source.start(workerPort);
  generated.catch(() => {
    finish();
    wake();
  });
  const end: Promise<GenerationEnd> = generated.then((value) => value.end);
  const capture: Promise<Capture> = generated.then((value) => {
    const opened = source.openCapture(value);
    if (opened !== undefined) return opened;
    throw new SondeError(
      'hook_unknown',
      'This generation captured nothing.',
      'Pass capture patterns to generate().',
    );
  });
  // Whoever iterates sees the error there; these two must not also raise it unheard.
  end.catch(() => undefined);
  capture.catch(() => undefined);

  return {
    get end() {
      runThrough();
      return end;
    },
    get capture() {
      runThrough();
      return capture;
    },
    [Symbol.asyncIterator]() {
      iterated = true;
      return {
        async next() {
          for (;;) {
            const step = take();
            if (step !== undefined) return { done: false, value: step };
            if (ended) {
              await generated;
              return { done: true, value: undefined };
            }
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
        },
        async return() {
          source.stop();
          drain = true;
          while (take() !== undefined);
          await generated.catch(() => undefined);
          return { done: true, value: undefined };
        },
      };
    },
  };
}
