/** Watches a growing text for the strings that end it. */
export interface StopWatch {
  /** The text so far, without the stop string and what follows it. */
  readonly text: string;
  /** Characters from the start that can no longer turn out to be the beginning of a stop string. */
  readonly certain: number;
  /** A stop string was met; `text` ends before it. */
  readonly isStopped: boolean;
  push(piece: string): void;
}

export function createStopWatch(stops: readonly string[]): StopWatch {
  const wanted = stops.filter((stop) => stop !== '');
  const longest = Math.max(0, ...wanted.map(({ length }) => length));
  let text = '';
  let isStopped = false;
  const isBeginning = (tail: string): boolean => wanted.some((stop) => stop.startsWith(tail));
  return {
    get text() {
      return text;
    },
    get isStopped() {
      return isStopped;
    },
    get certain() {
      if (isStopped) return text.length;
      for (let length = Math.min(longest - 1, text.length); length > 0; length--)
        if (isBeginning(text.slice(-length))) return text.length - length;
      return text.length;
    },
    push(piece) {
      if (isStopped) return;
      // What was there before holds no stop string, so a new one ends in the new piece.
      const from = Math.max(0, text.length - longest + 1);
      text += piece;
      const found = wanted.map((stop) => text.indexOf(stop, from)).filter((at) => at >= 0);
      if (found.length === 0) return;
      isStopped = true;
      text = text.slice(0, Math.min(...found));
    },
  };
}
