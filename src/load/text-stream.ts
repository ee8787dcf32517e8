/** Text of tokens as they come: a character that several tokens make comes with the last of them. */
export interface TextStream {
  /** @returns what this token adds; empty while a character is incomplete */
  push(id: number): string;
}

/**
 * A token alone may decode to something else than it does behind others (spaces, bytes), so each piece is the
 * difference of two decodings of the last few tokens.
 */
export function createTextStream(decode: (ids: readonly number[]) => string): TextStream {
  const ids: number[] = [];
  let start = 0;
  let read = 0;
  return {
    push(id) {
      ids.push(id);
      const before = decode(ids.slice(start, read));
      const after = decode(ids.slice(start));
      if (after.endsWith('\uFFFD') || after.length <= before.length) return '';
      start = read;
      read = ids.length;
      return after.slice(before.length);
    },
  };
}
