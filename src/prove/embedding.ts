import { type Check, fails, largest, sameShape, shapesDiffer, skipped, verdict } from './identity.ts';
import { fewestRows, gainAndBias } from './norm.ts';
import { isSum } from './sum.ts';

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

/** Rows minus their mean, divided by their standard deviation. */
function normalized(rows: Float32Array, width: number): Float32Array {
  const out = new Float32Array(rows.length);
  for (let from = 0; from < rows.length; from += width) {
    const row = rows.subarray(from, from + width);
    const mean = row.reduce((sum, value) => sum + value, 0) / width;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / width;
    out.set(
      row.map((value) => (value - mean) / Math.sqrt(variance)),
      from,
    );
  }
  return out;
}

/** [full, embed, positions]: their sum, or its LayerNorm. Some models add more, such as segments: that is no fault. */
export const isMadeOfEmbeddings: Check = (tensors, tolerance) => {
  const [full, embed, positions] = tensors;
  if (full === undefined || embed === undefined || positions === undefined)
    return skipped('there is nothing to compare');
  if (!sameShape(full, embed, positions)) return shapesDiffer(full, embed, positions);
  const plain = isSum(tensors, tolerance);
  if (plain.kind !== 'fails') return plain;
  const width = full.dims.at(-1) ?? 1;
  if (full.data.length / width >= fewestRows) {
    const sum = embed.data.map((value, at) => value + (positions.data[at] ?? Number.NaN));
    const fit = gainAndBias(full.data, normalized(sum, width), width, tolerance);
    if (fit.difference <= fit.tolerance) return verdict(fit.difference, fit.tolerance, 'their LayerNorm');
  }
  return skipped('the model adds more than these two, or scales them');
};
