import { SondeError } from '../../shared/errors.ts';
import type { FloatTensor } from '../../shared/tensor.ts';

/** Attention of one head: weights [queries, keys] row-major, each row sums to 1. */
export interface Pattern {
  readonly weights: Float32Array | Float64Array;
  readonly queries: number;
  readonly keys: number;
}

/**
 * One head of a captured `hook_pattern`, without copying.
 * @param tensor [batch, heads, queries, keys]
 * @throws SondeError `invalid_argument` for another shape or a head that is not there
 */
export function headPattern(tensor: FloatTensor, head: number, batch = 0): Pattern {
  const [batches = 0, heads = 0, queries = 0, keys = 0] = tensor.dims;
  if (tensor.dims.length !== 4 || head >= heads || batch >= batches)
    throw new SondeError(
      'invalid_argument',
      `Head ${head} of a pattern with dims [${tensor.dims.join(', ')}] does not exist.`,
      'Pass a hook_pattern, with dims [batch, heads, queries, keys].',
    );
  const start = (batch * heads + head) * queries * keys;
  return { weights: tensor.data.subarray(start, start + queries * keys), queries, keys };
}

export const weightAt = (pattern: Pattern, query: number, key: number): number =>
  pattern.weights[query * pattern.keys + key] ?? 0;
