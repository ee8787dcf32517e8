const bins = 10;

/** How many values of an ascending list come before the first for which this is false. */
function countWhile(ascending: ArrayLike<number>, isBefore: (value: number) => boolean): number {
  let [from, to] = [0, ascending.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if (isBefore(ascending[middle] as number)) from = middle + 1;
    else to = middle;
  }
  return from;
}

/**
 * How many values lie in each tenth of a reference's distribution (probability integral transform): even where nothing
 * drifts, whatever the distribution is, so the counts of many devices add up and are compared with even ones. Among
 * equal values of the reference the place is drawn, or ties would look like drift (Rosenblatt 1952; Brockwell 2007).
 * @param reference [n], in any order
 * @param values [m]; those that are no numbers count nowhere
 * @param random in [0, 1)
 * @returns [10]
 */
export function decileCounts(
  reference: ArrayLike<number>,
  values: readonly number[],
  random: () => number,
): readonly number[] {
  const ascending = Float64Array.from(reference).sort();
  const counts = Array<number>(bins).fill(0);
  for (const value of values) {
    if (Number.isNaN(value)) continue;
    const below = countWhile(ascending, (other) => other < value);
    const equal = countWhile(ascending, (other) => other <= value) - below;
    const place = Math.floor(((below + equal * random()) / ascending.length) * bins);
    const bin = Math.min(place, bins - 1);
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return counts;
}
