/** Text of tokens as they come: a character that several tokens make comes with the last of them. */
export interface TextStream {
  /** What the last tokens add is not known yet: they end inside a character, or add nothing. */
  readonly isOpen: boolean;
  /** @returns what this token adds; empty while a character is incomplete */
  push(id: number): string;
}

/** Enough for any character and any rule about spaces. */
const looksBack = 6;
/** Of so many tokens without a whole character, bytes that make none are given as what stands for them. */
const longest = 4 * looksBack;
/** What stands for bytes that make no character; at the end of a text, for those that make none yet. */
const replacement = '\uFFFD';

/**
 * A token alone may decode to something else than it does behind others (spaces, bytes), so each piece is what the
 * text of the last few tokens has more than was given of it.
 * @param decode a prefix of a text stays what it is, except for a replacement character at its end
 * @param before tokens that the text goes on from
 */
export function createTextStream(
  decode: (ids: readonly number[]) => string,
  before: readonly number[] = [],
): TextStream {
  let ids = before.slice(-looksBack);
  /** Characters of their text that were given. */
  let given = decode(ids).length;
  let isOpen = false;
  return {
    get isOpen() {
      return isOpen;
    },
    push(id) {
      ids.push(id);
      const text = decode(ids);
      const whole = text.endsWith(replacement) ? text.length - 1 : text.length;
      isOpen = whole < text.length || whole <= given;
      if (isOpen && ids.length < longest) return '';
      const piece = text.slice(given, whole);
      const kept = text.length - given - piece.length;
      ids = ids.slice(-looksBack);
      given = decode(ids).length - kept;
      return piece;
    },
  };
}
