import { ExponentialHistogram } from '../schema/exponential.ts';
import { type MetricField, type MetricKey, metricFields } from '../schema/metrics.ts';
import type { ReceivedMetric } from '../schema/receive-metrics.ts';

/** One series of `/metrics`. */
type Series =
  | { readonly kind: 'counter'; value: number }
  | { readonly kind: 'exponential'; readonly histogram: ExponentialHistogram }
  | { readonly kind: 'explicit'; readonly counts: number[]; sum: number };

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
      const series = this.#seriesOf(metric, model, point.outcome);
      if (point.kind === 'counter' && series.kind === 'counter') series.value += point.value;
      else if (point.kind === 'exponential' && series.kind === 'exponential') series.histogram.merge(point);
      else if (point.kind === 'explicit' && series.kind === 'explicit') {
        series.sum += point.sum;
        for (const [i, count] of point.counts.entries()) series.counts[i] = (series.counts[i] ?? 0) + count;
      }
    }
  }

  #seriesOf(metric: MetricKey, model: string, outcome: string): Series {
    const name = (label: string) => `${metric} model="${label}",outcome="${outcome}"`;
    const found = this.#series.get(name(model));
    if (found !== undefined) return found;
    if (this.#series.size >= mostSeries && model !== 'other') return this.#seriesOf(metric, 'other', outcome);
    const { instrument }: MetricField = metricFields[metric];
    const series: Series =
      instrument.kind === 'counter'
        ? { kind: 'counter', value: 0 }
        : instrument.kind === 'exponential'
          ? { kind: 'exponential', histogram: new ExponentialHistogram() }
          : { kind: 'explicit', counts: instrument.edges.map(() => 0).concat(0), sum: 0 };
    this.#series.set(name(model), series);
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
      for (const [series, value] of this.#series) {
        const [metric = '', labels = ''] = series.split(/ (.*)/s);
        if (metric === key) text += lines(name, labels, field, value);
      }
    }
    return text;
  }
}

function lines(name: string, labels: string, { instrument }: MetricField, series: Series): string {
  if (series.kind === 'counter' || instrument.kind === 'counter')
    return series.kind === 'counter' ? `${name}{${labels}} ${series.value}\n` : '';
  let [count, sum] = [0, 0];
  let text = '';
  for (const [i, edge] of instrument.edges.entries()) {
    if (series.kind === 'explicit') count += series.counts[i] ?? 0;
    else count = series.histogram.atMost(edge);
    text += `${name}_bucket{${labels},le="${edge}"} ${count}\n`;
  }
  if (series.kind === 'explicit') {
    count += series.counts.at(-1) ?? 0;
    sum = series.sum;
  } else ({ count, sum } = series.histogram);
  return `${text}${name}_bucket{${labels},le="+Inf"} ${count}\n${name}_sum{${labels}} ${sum}\n${name}_count{${labels}} ${count}\n`;
}
