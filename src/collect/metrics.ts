import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Measured } from '../schema/compact.ts';
import { natsEdges, probabilityEdges, secondsEdges } from '../schema/metrics.ts';
import type { OutcomeRecord } from '../schema/record.ts';
import { type Buckets, heading, lines, noCounts, observe } from './exposition.ts';
import { binOf, type Judged, judgedOf } from './judged.ts';

/** Everything `/metrics` tells. Label values come from closed sets only: a client cannot add a series. */
export interface CollectorMetrics {
  /** Prometheus text format. */
  text(): Promise<string>;
  accepted(records: readonly Measured[]): void;
  rejected(reasons: Readonly<Record<string, number>>): void;
  duplicates(records: number): void;
  received(bytes: number): void;
  answered(status: number, seconds: number): void;
  refused(code: string): void;
  /** A label came. */
  judged(outcome: OutcomeRecord): void;
}

/** Cohorts that are told apart; they are words that a forged outcome can make up. */
const mostCohorts = 50;

const latencyEdges = [0.1, 0.5, 1, 2, 5, 10, 30, 60, 300, 3600];

/** Records of a model, and the requests they stand for by their inclusion probabilities. */
interface Weight {
  kept: number;
  all: number;
}

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
  const signals: { name: string; help: string; series: Map<string, Buckets> }[] = [];
  /** A histogram of something that each record has: its series by labels. */
  const signal = (rest: string, help: string, edges: readonly number[]) => {
    const series = new Map<string, Buckets>();
    signals.push({ name: name(rest), help, series });
    return (labels: string): Buckets => {
      const found = series.get(labels) ?? noCounts(edges);
      series.set(labels, found);
      return found;
    };
  };
  const confidence = signal('request_confidence', 'Mean confidence of a request.', probabilityEdges);
  const entropy = signal(
    'request_entropy_nats',
    'M5 of sampled requests. Mean entropy of a request; sonde_tier0_token_entropy_nats has every token.',
    natsEdges,
  );
  const duration = signal('request_duration_seconds', 'Duration of a request in the browser.', secondsEdges);
  const introspection = signal(
    'request_introspection_seconds',
    'M7 of sampled requests. Part of a request spent on looking inside.',
    secondsEdges,
  );

  const weights = new Map<string, Weight>();
  const latency = signal(
    'ingestion_latency_seconds',
    "M8. From the end of a request by the client's clock to its record on disk; a clock ahead counts as 0.",
    latencyEdges,
  )('');
  new Gauge({
    name: name('sampling_ratio'),
    help: 'M9. Records received for each request they stand for, by their inclusion probabilities.',
    labelNames: ['model'],
    registers,
    collect() {
      for (const [model, { kept, all }] of weights) this.set({ model }, kept / all);
    },
  });
  const judgements = createJudgements(registers, name);
  const bucketsOf = (model: string, outcome: string) => {
    const labels = `model="${model}",outcome="${outcome}"`;
    return {
      duration: duration(labels),
      confidence: confidence(labels),
      entropy: entropy(labels),
      introspection: introspection(labels),
    };
  };
  /** By model and outcome, so that labels are put together once. */
  const known = new Map<string, ReturnType<typeof bucketsOf>>();

  function count(record: Measured, now: number): void {
    const { outcome } = record;
    const model = models.has(record.modelId) ? record.modelId : 'other';
    const name = `${model} ${outcome}`;
    const found = known.get(name) ?? bucketsOf(model, outcome);
    known.set(name, found);
    observe(found.duration, record.duration / 1000);
    observe(latency, Math.max(0, now - record.endedAt) / 1000);
    const weight = weights.get(model) ?? { all: 0, kept: 0 };
    weights.set(model, weight);
    weight.kept += 1;
    weight.all += 1 / record.inclusionProbability;
    if (record.confidenceMean !== undefined) observe(found.confidence, record.confidenceMean);
    if (record.entropyMean !== undefined) observe(found.entropy, record.entropyMean);
    if (record.introspectionDuration !== undefined)
      observe(found.introspection, record.introspectionDuration / 1000);
  }

  return {
    text: async () => {
      let text = await registry.metrics();
      for (const { name, help, series } of signals) {
        text += heading(name, help, 'histogram');
        for (const [labels, buckets] of series) text += lines(name, labels, buckets);
      }
      return text;
    },
    accepted: (records) => {
      accepted.inc(records.length);
      const now = Date.now();
      for (const record of records) count(record, now);
    },
    rejected: (reasons) => {
      for (const [reason, count] of Object.entries(reasons)) rejected.inc({ reason }, count);
    },
    duplicates: (records) => duplicates.inc(records),
    received: (count) => bytes.inc(count),
    answered: (status, seconds) => durations.observe({ status: String(status) }, seconds),
    refused: (code) => refused.inc({ code }),
    judged(outcome) {
      const judged = judgedOf(outcome);
      if (judged === undefined) return;
      const { modelId = 'other', cohort = 'none', critical = false } = outcome;
      judgements.add(models.has(modelId) ? modelId : 'other', cohort, critical, judged);
    },
  };
}

/** M1 and M2, from labels as they come: ratios of their rates are for Prometheus to make. */
function createJudgements(registers: Registry[], name: (rest: string) => string) {
  const about = ['model', 'cohort', 'critical'] as const;
  const counter = <Label extends string>(rest: string, help: string, labelNames: readonly Label[]) =>
    new Counter({ name: name(rest), help, labelNames: [...labelNames], registers });
  const judged = counter('outcomes_judged_total', 'M1. Requests that a label came for, weighted.', about);
  const right = counter('outcomes_right_total', 'M1. Those of them that were right, weighted.', about);
  const pairs = counter('calibration_pairs_total', 'M2. Labels whose request told a confidence.', ['model']);
  const bins = ['model', 'bin'] as const;
  const requests = counter('calibration_requests_total', 'M2. Requests they stand for, by bin.', bins);
  const confidence = counter('calibration_confidence_total', 'M2. Their confidences, summed.', bins);
  const hits = counter('calibration_right_total', 'M2. Those of them that were right.', bins);
  const cohorts = new Set<string>();
  return {
    add(
      model: string,
      cohort: string,
      critical: boolean,
      { isRight, weight, confidence: told }: Judged,
    ): void {
      if (cohorts.size < mostCohorts) cohorts.add(cohort);
      const labels = { model, cohort: cohorts.has(cohort) ? cohort : 'other', critical: String(critical) };
      judged.inc(labels, weight);
      right.inc(labels, isRight ? weight : 0);
      if (told === undefined) return;
      const bin = { model, bin: String(binOf(told.value)) };
      pairs.inc({ model });
      requests.inc(bin, told.weight);
      confidence.inc(bin, told.weight * told.value);
      hits.inc(bin, isRight ? told.weight : 0);
    },
  };
}
