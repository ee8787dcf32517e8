import { createTextStream } from '../load/text-stream.ts';
import type { Step } from '../protocol/request.ts';
import { createStopWatch } from '../run/stop.ts';

/** Holds steps back while their text may still turn out to be a stop string. */
export interface Hold {
  /** The text so far, up to a stop string. */
  readonly text: string;
  readonly isStopped: boolean;
  /** @param isEnd the token only ends the text, and is no part of it */
  add(step: Step, isEnd: boolean): void;
  /** Steps that may be shown; with `all`, every one that is left. */
  take(all?: boolean): readonly Step[];
}

/** @param before tokens that the text goes on from */
export function createHold(
  stops: readonly string[],
  decode: (ids: readonly number[]) => string,
  before: readonly number[],
): Hold {
  const watch = createStopWatch(stops);
  const stream = createTextStream(decode, before);
  let held: { readonly step: Step; readonly starts: number }[] = [];
  return {
    get text() {
      return watch.text;
    },
    get isStopped() {
      return watch.isStopped;
    },
    add(step, isEnd) {
      held.push({ step, starts: watch.text.length });
      if (isEnd) return;
      watch.push(stream.push(step.token.id));
      // A token that carries text before the stop string stays, whole.
      if (watch.isStopped) held = held.filter(({ starts }) => starts < watch.text.length);
    },
    take(all = false) {
      const ends = (at: number): number => held[at + 1]?.starts ?? watch.text.length;
      // Where the last token ends inside a character, that may be a stop string's first.
      const isOpen = stream.isOpen && stops.length > 0;
      const isFree = (at: number): boolean =>
        ends(at) <= watch.certain && !(isOpen && at === held.length - 1);
      let count = 0;
      while (count < held.length && (all || watch.isStopped || isFree(count))) count++;
      const free = held.slice(0, count).map(({ step }) => step);
      held = held.slice(count);
      return free;
    },
  };
}
