import type { Ranges } from '../shared/control.ts';

/** Sets of whole numbers as sorted, disjoint, joined [first, last] pairs. */

export const sizeOf = (ranges: Ranges): number =>
  ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);

export const includes = (ranges: Ranges, value: number): boolean =>
  ranges.some(([first, last]) => first <= value && value <= last);

export function union(a: Ranges, b: Ranges): Ranges {
  const sorted = [...a, ...b].sort(([x], [y]) => x - y);
  const joined: [number, number][] = [];
  for (const [first, last] of sorted) {
    const previous = joined.at(-1);
    if (previous !== undefined && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
    else joined.push([first, last]);
  }
  return joined;
}

export function intersect(a: Ranges, b: Ranges): Ranges {
  return a.flatMap(([first, last]) =>
    b
      .map(([from, to]) => [Math.max(first, from), Math.min(last, to)] as const)
      .filter(([from, to]) => from <= to),
  );
}

export function subtract(a: Ranges, b: Ranges): Ranges {
  let left: Ranges = a;
  for (const [from, to] of b) {
    left = left.flatMap(([first, last]) =>
      [[first, Math.min(last, from - 1)] as const, [Math.max(first, to + 1), last] as const].filter(
        ([start, end]) => start <= end,
      ),
    );
  }
  return left;
}

export const rangesOf = (values: readonly number[]): Ranges =>
  union(
    [],
    values.map((value) => [value, value] as const),
  );
