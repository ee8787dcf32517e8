/** Text of tokens as they come: a character that several tokens make comes with the last of them. */
export interface TextStream {
  /** @returns what this token adds; empty while a character is incomplete */
  push(id: number): string;
}

/** Enough for any character and any rule about spaces. */
const looksBack = 6;

/**
 * A token alone may decode to something else than it does behind others (spaces, bytes), so each piece is the
 * difference of two decodings of the last few tokens.
 * @param before tokens that the text goes on from
 */
export function createTextStream(
  decode: (ids: readonly number[]) => string,
  before: readonly number[] = [],
): TextStream {
  const ids = before.slice(-looksBack);
  let start = 0;
  let read = ids.length;
  return {
    push(id) {
      ids.push(id);
      const known = decode(ids.slice(start, read));
      const after = decode(ids.slice(start));
      if (after.endsWith('\uFFFD') || after.length <= known.length) return '';
      start = read;
      read = ids.length;
      return after.slice(known.length);
    },
  };
}
