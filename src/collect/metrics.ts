import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { natsEdges, probabilityEdges, secondsEdges } from '../schema/metrics.ts';
import type { Read } from '../schema/receive.ts';

/** Everything `/metrics` tells. Label values come from closed sets only: a client cannot add a series. */
export interface CollectorMetrics {
  readonly registry: Registry;
  accepted(records: readonly Read['measured'][]): void;
  rejected(reasons: Readonly<Record<string, number>>): void;
  duplicates(records: number): void;
  received(bytes: number): void;
  answered(status: number, seconds: number): void;
  refused(code: string): void;
}

/** Records of a model, and the requests they stand for by their inclusion probabilities. */
interface Weight {
  kept: number;
  all: number;
  introspected: number;
}

/** Metrics that have a name and no data: what they are made from does not reach a collector yet. */
const awaited = [
  ['accuracy_ratio', 'M1. No data: labels are kept in the log, and not joined with their requests yet.'],
  [
    'calibration_error_ratio',
    'M2. No data: labels are kept in the log, and not joined with their requests yet.',
  ],
  ['embedding_drift_distance', 'M3. No data: records carry no sketch of embeddings yet.'],
  ['feature_drift_psi', 'M4. No data: records carry no sketch of features yet.'],
] as const;

/**
 * @param models ids that may appear as a label; every other model is counted as `other`
 * @param faults of the log, as far as it was read
 * @param missing how many records have not arrived although a later one has
 */
export function createMetrics(
  models: ReadonlySet<string>,
  missing: () => number,
  faults: () => number,
): CollectorMetrics {
  const registry = new Registry();
  const registers = [registry];
  const name = (rest: string) => `sonde_${rest}`;
  const accepted = new Counter({
    name: name('collector_records_accepted_total'),
    help: 'Records on disk.',
    registers,
  });
  const rejected = new Counter({
    name: name('collector_records_rejected_total'),
    help: 'Records outside the schema, refused one by one.',
    labelNames: ['reason'],
    registers,
  });
  const duplicates = new Counter({
    name: name('collector_records_duplicate_total'),
    help: 'Records that had been stored before.',
    registers,
  });
  const bytes = new Counter({
    name: name('collector_received_bytes_total'),
    help: 'Bytes of bodies as they arrived.',
    registers,
  });
  const refused = new Counter({
    name: name('collector_requests_refused_total'),
    help: 'Requests refused as a whole.',
    labelNames: ['code'],
    registers,
  });
  const durations = new Histogram({
    name: name('collector_request_duration_seconds'),
    help: 'From the request to its answer, fdatasync included.',
    labelNames: ['status'],
    buckets: [...secondsEdges],
    registers,
  });
  new Gauge({
    name: name('collector_records_missing'),
    help: 'Records that have not arrived although a later one of their page life has.',
    registers,
    collect() {
      this.set(missing());
    },
  });
  new Gauge({
    name: name('collector_log_faults'),
    help: 'Faults found in the log since the collector started.',
    registers,
    collect() {
      this.set(faults());
    },
  });
  const signal = (rest: string, help: string, buckets: readonly number[]) =>
    new Histogram({
      name: name(rest),
      help,
      labelNames: ['model', 'outcome'],
      buckets: [...buckets],
      registers,
    });
  const confidence = signal('request_confidence', 'Mean confidence of a request.', probabilityEdges);
  const entropy = signal(
    'request_entropy_nats',
    'M5 of sampled requests. Mean entropy of a request; sonde_tier0_token_entropy_nats has every token.',
    natsEdges,
  );
  const duration = signal('request_duration_seconds', 'Duration of a request in the browser.', secondsEdges);
  const introspection = signal(
    'request_introspection_seconds',
    'M7. Part of a request spent on looking inside.',
    secondsEdges,
  );

  const weights = new Map<string, Weight>();
  const latency = new Histogram({
    name: name('ingestion_latency_seconds'),
    help: "M8. From the end of a request by the client's clock to its record on disk; a clock ahead counts as 0.",
    buckets: [0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600],
    registers,
  });
  const ratio = (rest: string, help: string, of: (weight: Weight) => number) =>
    new Gauge({
      name: name(rest),
      help,
      labelNames: ['model'],
      registers,
      collect() {
        for (const [model, weight] of weights) this.set({ model }, of(weight));
      },
    });
  ratio(
    'introspection_coverage_ratio',
    'M6. Part of the requests inside which something was captured, each record weighted by 1 / inclusion probability.',
    ({ introspected, all }) => introspected / all,
  );
  ratio(
    'sampling_ratio',
    'M9. Records received for each request they stand for, by their inclusion probabilities.',
    ({ kept, all }) => kept / all,
  );
  for (const [rest, help] of awaited) new Gauge({ name: name(rest), help, labelNames: ['model'], registers });

  /** Finding a series by its labels takes longer than counting in it. */
  const series = new Map<string, ReturnType<typeof seriesOf>>();
  const seriesOf = (labels: { model: string; outcome: string }) => ({
    duration: duration.labels(labels),
    confidence: confidence.labels(labels),
    entropy: entropy.labels(labels),
    introspection: introspection.labels(labels),
  });

  function observe(record: Read['measured']): void {
    const { outcome } = record;
    const model = models.has(record.modelId) ? record.modelId : 'other';
    const name = `${model} ${outcome}`;
    const found = series.get(name) ?? seriesOf({ model, outcome });
    series.set(name, found);
    found.duration.observe(record.duration / 1000);
    latency.observe(Math.max(0, Date.now() - record.endedAt) / 1000);
    const weight = weights.get(model) ?? { all: 0, introspected: 0, kept: 0 };
    weights.set(model, weight);
    weight.kept += 1;
    weight.all += 1 / record.inclusionProbability;
    if (record.introspectionDuration !== undefined) weight.introspected += 1 / record.inclusionProbability;
    if (record.confidenceMean !== undefined) found.confidence.observe(record.confidenceMean);
    if (record.entropyMean !== undefined) found.entropy.observe(record.entropyMean);
    if (record.introspectionDuration !== undefined)
      found.introspection.observe(record.introspectionDuration / 1000);
  }

  return {
    registry,
    accepted: (records) => {
      accepted.inc(records.length);
      records.forEach(observe);
    },
    rejected: (reasons) => {
      for (const [reason, count] of Object.entries(reasons)) rejected.inc({ reason }, count);
    },
    duplicates: (records) => duplicates.inc(records),
    received: (count) => bytes.inc(count),
    answered: (status, seconds) => durations.observe({ status: String(status) }, seconds),
    refused: (code) => refused.inc({ code }),
  };
}
