import type { FloatTensor } from '../../shared/tensor.ts';

/**
 * Euclidean norm of each position's vector in the residual stream (or of any hook): how large the stream is, which
 * in pre-norm models grows with depth.
 * @param tensor [batch, position, d]
 * @returns [batch * position]
 */
export function positionNorms(tensor: FloatTensor): Float64Array {
  const d = tensor.dims.at(-1) ?? 0;
  const norms = new Float64Array(d === 0 ? 0 : tensor.data.length / d);
  for (let p = 0; p < norms.length; p++) {
    let square = 0;
    for (let i = p * d; i < (p + 1) * d; i++) square += (tensor.data[i] as number) ** 2;
    norms[p] = Math.sqrt(square);
  }
  return norms;
}
