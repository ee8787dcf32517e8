/** Bits of a hash. */
export const simHashBits = 64;

/**
 * SimHash (Charikar 2002): on which side of 64 random planes a vector lies. Two hashes under the same planes differ in
 * a bit with chance angle / pi (Goemans & Williamson 1995), so near vectors have near hashes; under other planes a hash
 * says nothing.
 * @param vector [d]
 * @param normals [64 * d] of the planes, standard normal
 * @returns 16 hex digits
 */
export function simHash(vector: ArrayLike<number>, normals: Float32Array): string {
  const d = vector.length;
  let hex = '';
  for (let plane = 0; plane < simHashBits; plane += 4) {
    let digit = 0;
    for (let bit = 0; bit < 4; bit++) {
      let side = 0;
      for (let i = 0; i < d; i++) side += (vector[i] as number) * (normals[(plane + bit) * d + i] as number);
      digit = 2 * digit + (side > 0 ? 1 : 0);
    }
    hex += digit.toString(16);
  }
  return hex;
}

/** @returns bits in which two hashes differ, 0 to 64 */
export function simHashDistance(a: string, b: string): number {
  let apart = 0;
  for (let at = 0; at < a.length; at++) {
    let bits = Number.parseInt(a.charAt(at), 16) ^ Number.parseInt(b.charAt(at), 16);
    for (; bits > 0; bits &= bits - 1) apart++;
  }
  return apart;
}

/**
 * The angle between the vectors, as their hashes tell it.
 * @returns radians in [0, pi]; standard error at a right angle pi / 16
 */
export const simHashAngle = (a: string, b: string): number => (Math.PI * simHashDistance(a, b)) / simHashBits;

/** Mean of the rows. @param values [..., d] @returns [d] */
export function meanRow(values: ArrayLike<number>, d: number): Float64Array {
  const mean = new Float64Array(d);
  for (let i = 0; i < values.length; i++) mean[i % d] = (mean[i % d] as number) + (values[i] as number);
  return mean.map((sum) => (sum * d) / values.length);
}
