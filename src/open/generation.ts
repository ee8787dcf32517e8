import type { Generated } from '../protocol/calls.ts';
import { type CreditMessage, creditWindow, type StepMessage } from '../protocol/inspector.ts';
import type { GenerationEnd, Step } from '../protocol/request.ts';
import { unpackSteps } from '../protocol/steps.ts';
import { SondeError } from '../shared/errors.ts';
import type { Capture, Generation } from './api.ts';

export interface GenerationSource {
  /**
   * Asks the worker, and where a fault ended it, the next one.
   * @param connect makes the worker's end of the step channel; the channel before it is closed
   */
  start(connect: () => MessagePort): Promise<Generated>;
  stop(): void;
  openCapture(generated: Generated): Capture | undefined;
}

/**
 * Pulls steps from the worker, which computes at most `creditWindow` ahead. Nobody iterating but waiting for `end` or
 * `capture` lets the steps run through. Of a generation that runs again, the steps known already are left out.
 */
export function startGeneration(source: GenerationSource): Generation {
  const queue: Step[] = [];
  /** Tokens of all steps that came. */
  const known: number[] = [];
  let port: MessagePort | undefined;
  let hasDiverged = false;
  let isClosed = false;
  let isAnswered = false;
  let iterated = false;
  let drain = false;
  let wake: () => void = () => undefined;

  /** Steps that were taken and not told of yet: the worker hears of several at once, and of the last one at once. */
  let owed = 0;

  const credit = (): void => {
    owed++;
    if (queue.length > 0 && owed < creditWindow / 2) return;
    port?.postMessage({ kind: 'credit', steps: owed } satisfies CreditMessage);
    owed = 0;
  };
  const take = (): Step | undefined => {
    const step = queue.shift();
    if (step !== undefined) credit();
    return step;
  };
  const runThrough = (): void => {
    if (iterated) return;
    drain = true;
    while (take() !== undefined);
  };
  const close = (): void => {
    isClosed = true;
    port?.close();
  };
  const receive = (step: Step): void => {
    const { id } = step.token;
    if (step.index >= known.length) {
      known.push(id);
      queue.push(step);
    } else if (known[step.index] === id) credit();
    else {
      hasDiverged = true;
      source.stop();
    }
  };
  const connect = (): MessagePort => {
    close();
    isClosed = false;
    owed = 0;
    const channel = new MessageChannel();
    port = channel.port1;
    port.onmessage = ({ data }: MessageEvent<StepMessage>) => {
      if (data.kind === 'steps') for (const step of unpackSteps(data)) receive(step);
      else close();
      if (drain) while (take() !== undefined);
      wake();
    };
    return channel.port2;
  };

  /** @throws SondeError where what ran again is not what was given before */
  const checked = (value: Generated): Generated => {
    const { provenance, reason } = value.end;
    const isShort = reason !== 'aborted' && provenance.outputTokens < known.length;
    const met = provenance.recoveries?.at(-1);
    if (met !== undefined && (hasDiverged || isShort)) throw diverged(met.code);
    return value;
  };
  const answered = async (): Promise<Generated> => {
    try {
      return checked(await source.start(connect));
    } catch (error) {
      close();
      throw error;
    } finally {
      isAnswered = true;
      wake();
    }
  };
  const generated = answered();
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
            // Steps and answer come over two ports, in no common order.
            if (isClosed && isAnswered) {
              checked(await generated);
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

const diverged = (code: 'device_lost' | 'out_of_memory'): SondeError =>
  new SondeError(
    code,
    'The generation was run again after a fault, and went on differently from the tokens already given.',
    'Generate again.',
  );
