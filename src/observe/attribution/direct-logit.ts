/** The last norm with its scale frozen at what it was for the whole residual stream. */
export interface FrozenNorm {
  readonly kind: 'layer' | 'rms';
  readonly epsilon: number;
}

function meanOf(vector: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < vector.length; i++) sum += vector[i] as number;
  return sum / vector.length;
}

/**
 * What the last norm divides by: sqrt(variance + epsilon) of a LayerNorm, sqrt(mean square + epsilon) of an RMSNorm.
 * @param residual [d]
 */
export function normScale(residual: ArrayLike<number>, { kind, epsilon }: FrozenNorm): number {
  const mean = kind === 'layer' ? meanOf(residual) : 0;
  return Math.sqrt(meanOf(Array.from(residual, (x) => (x - mean) ** 2)) + epsilon);
}

/**
 * Direct logit attribution (Elhage et al. 2021): what each part of the residual stream adds to each logit through
 * the frozen last norm. A direct effect, never a cause: parts also act through later layers. With gamma and beta
 * folded into the unembedding, sum over parts + b_U = logit.
 * @param components [parts][d], summing to the residual stream
 * @param unembed W_U [d][tokens]
 * @returns [parts][tokens]
 */
export function directLogitAttribution(
  components: readonly ArrayLike<number>[],
  unembed: readonly ArrayLike<number>[],
  norm: FrozenNorm,
): readonly Float64Array[] {
  const residual = Array.from(unembed, (_, i) =>
    components.reduce((sum, part) => sum + (part[i] as number), 0),
  );
  const scale = normScale(residual, norm);
  return components.map((part) => {
    const mean = norm.kind === 'layer' ? meanOf(part) : 0;
    return Float64Array.from({ length: unembed[0]?.length ?? 0 }, (_, token) =>
      unembed.reduce(
        (sum, row, i) => sum + (((part[i] as number) - mean) / scale) * (row[token] as number),
        0,
      ),
    );
  });
}
