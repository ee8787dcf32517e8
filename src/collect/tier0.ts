import { MergingHistogram } from '../schema/exponential.ts';
import {
  type AttributeKey,
  type Attributes,
  type MetricField,
  type MetricKey,
  type MetricPoint,
  metricFields,
  natsEdges,
  probabilityEdges,
  secondsEdges,
} from '../schema/metrics.ts';
import { metricNotes } from '../schema/notes.ts';
import { DriftGauges } from './drift-gauges.ts';
import { type Counted, heading, lines, noCounts } from './exposition.ts';

/** The tolerances of src/prove/compare.ts are edges. */
const deviationEdges = [1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 2e-2, 5e-2, 0.1, 1];

/** Prometheus' classic histograms have edges; exponential ones on the wire have none. */
const edgesOf = ({ unit, name }: MetricField): readonly number[] =>
  unit === 's'
    ? secondsEdges
    : unit === '{nat}'
      ? natsEdges
      : name === metricFields.deviation.name
        ? deviationEdges
        : probabilityEdges;

/** Series of one metric; what comes beyond them is counted with every open label at `other`. */
const mostSeries = 400;

const labelNames: Readonly<Record<AttributeKey, string>> = {
  modelId: 'model',
  outcome: 'outcome',
  flow: 'flow',
  critical: 'critical',
  device: 'device',
  dtype: 'dtype',
  adapterVendor: 'adapter_vendor',
  adapterArchitecture: 'adapter_architecture',
};
/** Their values are words that a forged export can make up. */
const open: ReadonlySet<AttributeKey> = new Set([
  'modelId',
  'flow',
  'dtype',
  'adapterVendor',
  'adapterArchitecture',
]);

const labelled = (attributes: Attributes): string =>
  (Object.keys(labelNames) as AttributeKey[])
    .flatMap((key) => (attributes[key] === undefined ? [] : [`${labelNames[key]}="${attributes[key]}"`]))
    .join();

const promName = ({ name, unit, instrument }: MetricField): string => {
  const base = `sonde_tier0_${name.replace(/^(?:sonde|gen_ai)\./, '').replaceAll('.', '_')}`;
  if (instrument.kind === 'counter') return `${base}_total`;
  return unit === 's' ? `${base}_seconds` : unit === '{nat}' ? `${base}_nats` : base;
};

/** What tier 0 told since this collector started, by attributes. Counters of Prometheus begin at 0 too. */
export class Tier0 {
  readonly #models: ReadonlySet<string>;
  readonly #drift: DriftGauges;
  readonly #series = new Map<MetricKey, Map<string, Counted>>();

  /** @param models ids that may be a label; every other model is `other` */
  constructor(models: ReadonlySet<string>) {
    this.#models = models;
    this.#drift = new DriftGauges(models);
  }

  add(points: readonly MetricPoint[]): void {
    this.#drift.add(points, Date.now());
    for (const { metric, attributes, amount } of points) {
      const counted = this.#countedIn(metric, attributes);
      if (amount.kind === 'counter' && counted.kind === 'counter') counted.value += amount.value;
      else if (amount.kind === 'exponential' && counted.kind === 'exponential')
        counted.histogram.merge(amount);
      else if (amount.kind === 'explicit' && counted.kind === 'explicit') {
        counted.sum += amount.sum;
        for (const [i, count] of amount.counts.entries())
          counted.counts[i] = (counted.counts[i] ?? 0) + count;
      }
    }
  }

  #countedIn(metric: MetricKey, attributes: Attributes): Counted {
    const series = this.#series.get(metric) ?? new Map<string, Counted>();
    this.#series.set(metric, series);
    const { modelId } = attributes;
    const isListed = modelId === undefined || this.#models.has(modelId);
    const labels = labelled(isListed ? attributes : { ...attributes, modelId: 'other' });
    const name = series.has(labels) || series.size < mostSeries ? labels : labelled(lumped(attributes));
    const counted = series.get(name) ?? nothingCounted(metricFields[metric]);
    series.set(name, counted);
    return counted;
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
      text += heading(
        name,
        `${metricNotes[key as MetricKey]} Counted in full, not sampled.${rounding}`,
        type,
      );
      for (const [labels, counted] of this.#series.get(key as MetricKey) ?? [])
        text += lines(name, labels, counted);
    }
    return text + this.#drift.text(Date.now());
  }
}

const lumped = (attributes: Attributes): Attributes =>
  Object.fromEntries(
    Object.entries(attributes).map(([key, value]) => [key, open.has(key as AttributeKey) ? 'other' : value]),
  );

function nothingCounted(field: MetricField): Counted {
  const { instrument } = field;
  switch (instrument.kind) {
    case 'counter':
      return { kind: 'counter', value: 0 };
    case 'exponential':
      return { kind: 'exponential', edges: edgesOf(field), histogram: new MergingHistogram() };
    case 'explicit':
      return noCounts(instrument.edges);
  }
}
