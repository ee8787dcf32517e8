/** A stretch of tokens that comes twice in a row. */
export interface Repetition {
  readonly start: number;
  /** Tokens in one copy; the second begins at `start + length`. */
  readonly length: number;
}

/** Shorter repetitions are too common in ordinary text to say anything about a head. */
const shortest = 8;

/** The longest stretch of at least 8 tokens that is followed by its own copy; the earliest of equals. */
export function findRepetition(ids: readonly number[]): Repetition | undefined {
  for (let length = Math.floor(ids.length / 2); length >= shortest; length--) {
    let run = 0;
    for (let at = 0; at + length < ids.length; at++) {
      run = ids[at] === ids[at + length] ? run + 1 : 0;
      if (run === length) return { start: at - length + 1, length };
    }
  }
  return undefined;
}
