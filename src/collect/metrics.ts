import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Read } from '../schema/receive.ts';

/** An edge at 0.2 s exactly: the objective is the fraction at or below it, and quantiles interpolate. */
const secondsBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10, 30];
const probabilityBuckets = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1];
const natsBuckets = [0.25, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 12.75];

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

/**
 * @param models ids that may appear as a label; every other model is counted as `other`
 * @param missing how many records have not arrived although a later one has
 */
export function createMetrics(models: ReadonlySet<string>, missing: () => number): CollectorMetrics {
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
    buckets: secondsBuckets,
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
  const signal = (rest: string, help: string, buckets: number[]) =>
    new Histogram({ name: name(rest), help, labelNames: ['model', 'outcome'], buckets, registers });
  const confidence = signal('request_confidence', 'Mean confidence of a request.', probabilityBuckets);
  const entropy = signal('request_entropy_nats', 'Mean entropy of a request.', natsBuckets);
  const duration = signal(
    'request_duration_seconds',
    'Duration of a request in the browser.',
    secondsBuckets,
  );
  const introspection = signal(
    'request_introspection_seconds',
    'Part of a request spent on looking inside.',
    secondsBuckets,
  );

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
