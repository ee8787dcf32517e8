import type { Nats } from '../../shared/units.ts';
import { entropy } from '../entropy.ts';
import { type Interval, wilson } from '../interval.ts';

/** How an answer holds when the question is put a little differently: all that a black box lets one see. */
export interface Stability {
  /** Share of the probes that gave the same answer. */
  readonly agreement: Interval;
  /** Discrete semantic entropy over all answers, the first included (Farquhar et al. 2024): 0 = one meaning. */
  readonly entropy: Nats;
  /** Number of different answers. */
  readonly answers: number;
}

/** Case, punctuation and white space make no other answer. */
const sameWords = (answer: string): string =>
  answer
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();

/**
 * @param answer to the question as it was put
 * @param probes answers to the question put differently, [n]
 * @param meaningOf answers with the same meaning are the same; by default those with the same words
 */
export function answerStability(
  answer: string,
  probes: readonly string[],
  meaningOf: (answer: string) => string = sameWords,
): Stability {
  const meaning = meaningOf(answer);
  const counts = new Map<string, number>();
  for (const other of [meaning, ...probes.map(meaningOf)]) counts.set(other, (counts.get(other) ?? 0) + 1);
  const shares = [...counts.values()].map((count) => count / (probes.length + 1));
  return {
    agreement: wilson((counts.get(meaning) ?? 1) - 1, probes.length),
    entropy: entropy(shares),
    answers: counts.size,
  };
}
