/** Value of a set of players, given as a bit mask. */
type Game = (coalition: number) => number;

const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1));

/**
 * Exact Shapley values (1953): each player's mean marginal value over all orders. Costs 2^n values.
 * @param n players, at most 20
 * @returns [n]; they sum to value(all) - value(none)
 */
export function shapley(n: number, value: Game): Float64Array {
  const values = Float64Array.from({ length: 1 << n }, (_, coalition) => value(coalition));
  const size = (coalition: number): number => coalition.toString(2).replaceAll('0', '').length;
  const weights = Array.from({ length: n }, (_, s) => (factorial(s) * factorial(n - s - 1)) / factorial(n));
  const found = new Float64Array(n);
  for (let coalition = 0; coalition < values.length; coalition++)
    for (let player = 0; player < n; player++) {
      if ((coalition & (1 << player)) !== 0) continue;
      const gain = (values[coalition | (1 << player)] as number) - (values[coalition] as number);
      found[player] = (found[player] as number) + (weights[size(coalition)] as number) * gain;
    }
  return found;
}

/**
 * Occlusion: what is lost when one player alone leaves (Zeiler & Fergus 2014). Costs n + 1 values; blind to what
 * two players can do for each other.
 * @returns [n]
 */
export function occlusion(n: number, value: Game): Float64Array {
  const all = (1 << n) - 1;
  const whole = value(all);
  return Float64Array.from({ length: n }, (_, player) => whole - value(all & ~(1 << player)));
}
