import type { Candidates } from '../kernels/token-statistics.ts';
import { SondeError } from '../shared/errors.ts';
import { mulberry32 } from '../shared/random.ts';

/** How the next token is chosen from a row of logits. Without a temperature: the likeliest. */
export interface Sampling {
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly minP?: number;
  readonly repetitionPenalty?: number;
  readonly seed?: number;
}

/**
 * Chooses from the likeliest tokens, which a GPU can hand over in a few bytes.
 * Same seed, same logits, same tokens, wherever they were computed.
 */
export interface Sampler {
  /** Candidates that decide nearly always. */
  readonly k: number;
  /** 1 where the likeliest is taken. */
  readonly temperature: number;
  /** Of tokens that were there before; 1 = none. */
  readonly penalty: number;
  /** A top-k cuts off all but the candidates: what the others weigh does not matter. */
  readonly isCutByK: boolean;
  /** One number in [0, 1) for each token. */
  random(): number;
  /** @returns undefined where these candidates do not decide and more of the row has to be seen */
  choose(candidates: Candidates, at: number): number | undefined;
}

/** A distribution that is cut by no top-k is seldom wider than this where a token is drawn. */
const usuallyEnough = 50;

/** @throws SondeError `invalid_argument` */
export function createSampler(sampling: Sampling): Sampler {
  check(sampling);
  const {
    temperature = 0,
    topK = 0,
    topP = 1,
    minP = 0,
    repetitionPenalty: penalty = 1,
    seed = 0,
  } = sampling;
  const random = mulberry32(seed);
  if (temperature === 0) {
    return {
      k: 1,
      temperature: 1,
      penalty,
      isCutByK: true,
      random,
      choose: ({ top: [first] }) => first?.id,
    };
  }
  return {
    k: topK > 0 ? topK : usuallyEnough,
    temperature,
    penalty,
    isCutByK: topK > 0,
    random,
    choose: (candidates, at) => draw(candidates, { temperature, topK, topP, minP }, at),
  };
}

type Cuts = Required<Pick<Sampling, 'temperature' | 'topK' | 'topP' | 'minP'>>;

/**
 * The filters in the order of transformers: top-k, then top-p of what is left, then min-p.
 * Weights are probabilities over the full vocabulary, so a tail that was never seen counts.
 */
function draw(
  { top, logSumExp, isWhole }: Candidates,
  { temperature, topK, topP, minP }: Cuts,
  at: number,
): number | undefined {
  const pool = topK > 0 ? top.slice(0, topK) : top;
  const weights = pool.map(({ logit }) => Math.exp(logit / temperature - logSumExp));
  const listed = weights.reduce((sum, weight) => sum + weight, 0);
  const isPoolWhole = isWhole || (topK > 0 && top.length >= topK);
  const nucleus = topP < 1 ? topP * (topK > 0 ? listed : 1) : Number.POSITIVE_INFINITY;
  const floor = minP * (weights[0] ?? 0);
  let mass = 0;
  let count = 0;
  while (count < weights.length && mass < nucleus && (weights[count] ?? 0) >= floor)
    mass += weights[count++] ?? 0;
  const isCut = count < weights.length || mass >= nucleus;
  const target = at * (isCut || isPoolWhole ? mass : 1);
  // The cut lies beyond the list, or the token does.
  if (!isCut && !isPoolWhole && (topK > 0 || topP < 1 || minP > 0 || target > listed)) return undefined;
  let sum = 0;
  for (let index = 0; index < count; index++) {
    sum += weights[index] ?? 0;
    if (sum >= target) return pool[index]?.id;
  }
  return pool[Math.max(0, count - 1)]?.id;
}

function check({ temperature, topK, topP, minP, repetitionPenalty, seed }: Sampling): void {
  const rules: readonly (readonly [string, number | undefined, (value: number) => boolean, string])[] = [
    ['temperature', temperature, (value) => value >= 0 && Number.isFinite(value), 'a number of 0 or more'],
    ['topK', topK, (value) => Number.isInteger(value) && value >= 0, 'a whole number of 0 or more'],
    ['topP', topP, (value) => value > 0 && value <= 1, 'a number above 0 and up to 1'],
    ['minP', minP, (value) => value >= 0 && value <= 1, 'a number from 0 to 1'],
    [
      'repetitionPenalty',
      repetitionPenalty,
      (value) => value > 0 && Number.isFinite(value),
      'a number above 0',
    ],
    ['seed', seed, Number.isInteger, 'a whole number'],
  ];
  for (const [name, value, isGood, wanted] of rules)
    if (value !== undefined && !isGood(value))
      throw new SondeError('invalid_argument', `${name} is ${value}.`, `Pass ${wanted}.`);
}
