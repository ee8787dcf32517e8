import { type Nats, nats } from '../../shared/units.ts';
import { entropy } from '../entropy.ts';
import type { Pattern } from './pattern.ts';

/**
 * Entropy of each row of one head's attention: 0 = looks at one token, ln(i + 1) = spreads evenly over all it
 * may see. "Is attention focused" is this, not "is it right" (Jain & Wallace 2019).
 * @returns [queries] nats
 */
export const attentionEntropies = ({ weights, queries, keys }: Pattern): Nats[] =>
  Array.from({ length: queries }, (_, q) => entropy(weights.subarray(q * keys, (q + 1) * keys)));

/** Mean of the rows' entropies. @returns nats */
export const meanAttentionEntropy = (pattern: Pattern): Nats =>
  nats(attentionEntropies(pattern).reduce<number>((sum, value) => sum + value, 0) / pattern.queries);
