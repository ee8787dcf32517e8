import { type Check, farthest, largest, sameShape, shapesDiffer, skipped, verdict } from './identity.ts';

/** A part below this many tolerances could be anything without the sum showing it. */
const visible = 10;

/** The first tensor is the sum of the others. */
export const isSum: Check = (tensors, { rounding }) => {
  const [whole, ...parts] = tensors;
  if (whole === undefined || parts.length === 0) return skipped('there is nothing to add');
  if (!sameShape(...tensors)) return shapesDiffer(...tensors);
  const sizes = tensors.map(largest);
  const tolerance = rounding * Math.max(...sizes);
  const difference = farthest(whole.data, (at) =>
    parts.reduce((sum, { data }) => sum + (data[at] ?? Number.NaN), 0),
  );
  if (difference <= tolerance && Math.min(...sizes.slice(1)) < visible * tolerance)
    return skipped('one part is too small beside the others to be seen');
  return verdict(difference, tolerance);
};

/** Both are the same numbers. */
export const isSame: Check = ([left, right], { rounding }) => {
  if (left === undefined || right === undefined) return skipped('there is nothing to compare');
  if (!sameShape(left, right)) return shapesDiffer(left, right);
  return verdict(
    farthest(left.data, (at) => right.data[at] ?? Number.NaN),
    rounding * largest(left),
  );
};
