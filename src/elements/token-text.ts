/** Text of a token with its white space made visible, for labels and lists where a bare space would vanish. */
export function visibleText(text: string): string {
  if (text === '') return '∅';
  return text
    .replace(/\n/g, '↵')
    .replace(/\t/g, '⇥')
    .replace(/\r/g, '␍')
    .replace(/^ +| +$/g, (spaces) => '·'.repeat(spaces.length));
}

/** The same, cut to `length` characters for an axis. */
export function axisText(text: string, length: number): string {
  const visible = visibleText(text);
  return visible.length <= length ? visible : `${visible.slice(0, length - 1)}…`;
}
