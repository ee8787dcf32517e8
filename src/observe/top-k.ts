/**
 * Indices of the k largest values, largest first; of equal values the lower index first. One pass and an
 * insertion into k places, because a vocabulary is 50,000 times longer than what is wanted. NaN is never chosen.
 * @returns min(k, n) indices
 */
export function topK(values: ArrayLike<number>, k: number): number[] {
  const best: number[] = [];
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as number;
    if (Number.isNaN(value)) continue;
    if (best.length === k && !(value > (values[best[k - 1] as number] as number))) continue;
    let place = best.length;
    while (place > 0 && value > (values[best[place - 1] as number] as number)) place -= 1;
    best.splice(place, 0, i);
    if (best.length > k) best.pop();
  }
  return best;
}
