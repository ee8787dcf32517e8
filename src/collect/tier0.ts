import { ExponentialHistogram } from '../schema/exponential.ts';
import { type MetricField, type MetricKey, metricFields } from '../schema/metrics.ts';
import type { ReceivedMetric } from '../schema/receive-metrics.ts';

/** What a series has counted. */
type Counted =
  | { readonly kind: 'counter'; value: number }
  | {
      readonly kind: 'exponential';
      readonly edges: readonly number[];
      readonly histogram: ExponentialHistogram;
    }
  | { readonly kind: 'explicit'; readonly edges: readonly number[]; readonly counts: number[]; sum: number };

/** One series of `/metrics`. */
interface Series {
  readonly metric: MetricKey;
  readonly labels: string;
  readonly counted: Counted;
}

/** Series of all metrics together; what comes beyond them is counted under `model="other"`. */
const mostSeries = 2000;

const promName = ({ name, unit, instrument }: MetricField): string => {
  const base = `sonde_tier0_${name.replace(/^(?:sonde|gen_ai)\./, '').replaceAll('.', '_')}`;
  if (instrument.kind === 'counter') return `${base}_total`;
  return unit === 's' ? `${base}_seconds` : unit === '{nat}' ? `${base}_nats` : base;
};

/** What tier 0 told since this collector started, by model and outcome. Counters of Prometheus begin at 0 too. */
export class Tier0 {
  readonly #models: ReadonlySet<string>;
  readonly #series = new Map<string, Series>();

  /** @param models ids that may be a label; every other model is `other` */
  constructor(models: ReadonlySet<string>) {
    this.#models = models;
  }

  add(modelId: string, points: readonly ReceivedMetric[]): void {
    const model = this.#models.has(modelId) ? modelId : 'other';
    for (const { metric, point } of points) {
      const { counted } = this.#seriesOf(metric, model, point.outcome);
      if (point.kind === 'counter' && counted.kind === 'counter') counted.value += point.value;
      else if (point.kind === 'exponential' && counted.kind === 'exponential') counted.histogram.merge(point);
      else if (point.kind === 'explicit' && counted.kind === 'explicit') {
        counted.sum += point.sum;
        for (const [i, count] of point.counts.entries()) counted.counts[i] = (counted.counts[i] ?? 0) + count;
      }
    }
  }

  #seriesOf(metric: MetricKey, model: string, outcome: string): Series {
    const labels = `model="${model}",outcome="${outcome}"`;
    const name = `${metric} ${labels}`;
    const found = this.#series.get(name);
    if (found !== undefined) return found;
    if (this.#series.size >= mostSeries && model !== 'other') return this.#seriesOf(metric, 'other', outcome);
    const series: Series = { metric, labels, counted: nothingCounted(metricFields[metric]) };
    this.#series.set(name, series);
    return series;
  }

  /** Prometheus text format, of every metric that the table names; those without data have their HELP and TYPE. */
  text(): string {
    let text = '';
    for (const [key, field] of Object.entries<MetricField>(metricFields)) {
      const name = promName(field);
      const type = field.instrument.kind === 'counter' ? 'counter' : 'histogram';
      const rounding =
        field.instrument.kind === 'exponential'
          ? ' A bucket of the wire that an edge cuts counts above it, 9 % at the most.'
          : '';
      text += `# HELP ${name} ${field.description} Every request, not a sample.${rounding}\n# TYPE ${name} ${type}\n`;
      for (const { metric, labels, counted } of this.#series.values())
        if (metric === key) text += lines(name, labels, counted);
    }
    return text;
  }
}

function nothingCounted({ instrument }: MetricField): Counted {
  switch (instrument.kind) {
    case 'counter':
      return { kind: 'counter', value: 0 };
    case 'exponential':
      return { ...instrument, histogram: new ExponentialHistogram() };
    case 'explicit':
      return { ...instrument, counts: instrument.edges.map(() => 0).concat(0), sum: 0 };
  }
}

function lines(name: string, labels: string, counted: Counted): string {
  if (counted.kind === 'counter') return `${name}{${labels}} ${counted.value}\n`;
  let [count, sum] = [0, 0];
  let text = '';
  for (const [i, edge] of counted.edges.entries()) {
    if (counted.kind === 'explicit') count += counted.counts[i] ?? 0;
    else count = counted.histogram.atMost(edge);
    text += `${name}_bucket{${labels},le="${edge}"} ${count}\n`;
  }
  if (counted.kind === 'explicit') {
    count += counted.counts.at(-1) ?? 0;
    sum = counted.sum;
  } else ({ count, sum } = counted.histogram);
  return `${text}${name}_bucket{${labels},le="+Inf"} ${count}\n${name}_sum{${labels}} ${sum}\n${name}_count{${labels}} ${count}\n`;
}
