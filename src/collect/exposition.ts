import { atMost, type MergingHistogram } from '../schema/exponential.ts';

/** What a series of `/metrics` has counted. */
export type Counted =
  | { readonly kind: 'counter'; value: number }
  | {
      readonly kind: 'exponential';
      readonly edges: readonly number[];
      readonly histogram: MergingHistogram;
    }
  | Buckets;

/** `counts[i]` is of values up to `edges[i]` and over the edge before; the last of what is over all. */
export interface Buckets {
  readonly kind: 'explicit';
  readonly edges: readonly number[];
  readonly counts: number[];
  sum: number;
}

export const noCounts = (edges: readonly number[]): Buckets => ({
  kind: 'explicit',
  edges,
  counts: Array.from({ length: edges.length + 1 }, () => 0),
  sum: 0,
});

/** Takes a tenth of the time of prom-client's, which is told the labels and finds the bucket by its name. */
export function observe(buckets: Buckets, value: number): void {
  const { edges, counts } = buckets;
  let at = 0;
  while (value > (edges[at] ?? Number.POSITIVE_INFINITY)) at++;
  counts[at] = (counts[at] ?? 0) + 1;
  buckets.sum += value;
}

export const heading = (name: string, help: string, type: string): string =>
  `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;

/** Prometheus text format. @param labels as `a="b"`, with commas */
export function lines(name: string, labels: string, counted: Counted): string {
  if (counted.kind === 'counter') return `${name}{${labels}} ${counted.value}\n`;
  const before = labels === '' ? '' : `${labels},`;
  let [count, sum] = [0, 0];
  let text = '';
  for (const [i, edge] of counted.edges.entries()) {
    if (counted.kind === 'explicit') count += counted.counts[i] ?? 0;
    else count = atMost(counted.histogram.read(), edge);
    text += `${name}_bucket{${before}le="${edge}"} ${count}\n`;
  }
  if (counted.kind === 'explicit') {
    count += counted.counts.at(-1) ?? 0;
    sum = counted.sum;
  } else ({ count, sum } = counted.histogram);
  return `${text}${name}_bucket{${before}le="+Inf"} ${count}\n${name}_sum{${labels}} ${sum}\n${name}_count{${labels}} ${count}\n`;
}
