import type { Hook, HookProof } from '../shared/hook.ts';

/** How a hook's value is had, in a word and in full. */
export function sourceWords({ source }: Hook): { readonly how: string; readonly full: string } {
  switch (source.kind) {
    case 'tap':
      return { how: 'tap', full: source.tensor };
    case 'derived':
      return { how: 'derived', full: source.how };
    case 'unavailable':
      return { how: 'unavailable', full: source.reason };
  }
}

/** The tensors of the graph that a hook's value is read or computed from. */
export function tensorsOf({ source }: Hook): readonly string[] {
  if (source.kind === 'tap') return [source.tensor];
  return source.kind === 'derived' ? source.from : [];
}

export const dimsText = (dims: readonly (string | number)[]): string => `[${dims.join(', ')}]`;

/** What each word of a proof means; said beside the badge. */
export const proofWords: Readonly<Record<HookProof, string>> = {
  proved: 'It takes part in an identity that holds and in none that fails.',
  inferred: 'It was found by its place in the graph; no identity decides whether that is right.',
  unavailable: 'The model does not give it.',
};

/** A long name cut in the middle: both its ends tell more than its middle. */
export function middleCut(text: string, length: number): string {
  if (text.length <= length) return text;
  const head = Math.ceil((length - 1) * 0.45);
  return `${text.slice(0, head)}…${text.slice(text.length - (length - 1 - head))}`;
}
