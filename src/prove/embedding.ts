import { type Check, fails, largest, skipped, verdict } from './identity.ts';

/** [ids, embed]: equal ids have equal rows wherever they stand, unequal ids unequal ones. */
export const followsIds: Check = ([ids, embed], { rounding }) => {
  if (ids === undefined || embed === undefined) return skipped('there is nothing to compare');
  const width = embed.dims.at(-1) ?? 1;
  if (ids.data.length * width !== embed.data.length) return fails('it has not one row for each token');
  const first = new Map<number, number>();
  let [difference, repeats] = [0, 0];
  const distance = (a: number, b: number): number => {
    let found = 0;
    for (let at = 0; at < width; at++) {
      const far = Math.abs(
        (embed.data[a * width + at] ?? Number.NaN) - (embed.data[b * width + at] ?? Number.NaN),
      );
      found = Math.max(found, far);
    }
    return found;
  };
  const limit = rounding * largest(embed);
  for (const [row, id] of ids.data.entries()) {
    const known = first.get(id);
    if (known === undefined) first.set(id, row);
    else {
      repeats++;
      difference = Math.max(difference, distance(known, row));
    }
  }
  if (repeats === 0) return skipped('no token of the probe stands in two places');
  const rows = [...first.values()];
  const alike = rows.slice(1).filter((row, at) => distance(row, rows[at] ?? 0) <= limit).length;
  if (alike * 2 > rows.length) return fails('different tokens have the same row');
  return verdict(difference, limit);
};

/** [positions]: the same rows for every input of the batch, and not one row for every position. */
export const followsPositions: Check = ([positions], { rounding }) => {
  if (positions === undefined) return skipped('there is nothing to compare');
  const [batch = 0, length = 0, width = 1] = positions.dims;
  if (batch < 2) return skipped('the probe has one input only');
  const limit = rounding * largest(positions);
  const input = length * width;
  let difference = 0;
  let change = 0;
  for (const [at, value] of positions.data.entries()) {
    const far = Math.abs(value - (positions.data[at % input] ?? Number.NaN));
    difference = Math.max(difference, far);
    change = Math.max(change, Math.abs(value - (positions.data[at % width] ?? Number.NaN)));
  }
  return change <= limit ? fails('every position has the same row') : verdict(difference, limit);
};
