import { driftMetrics, type MetricKey, type MetricPoint } from '../schema/metrics.ts';
import { populationStabilityIndex } from '../shared/divergences.ts';
import { heading } from './exposition.ts';

/** What a model's windows told within an hour. */
interface Told {
  readonly hour: number;
  readonly model: string;
  readonly metric: MetricKey;
  counts: readonly number[];
  sum: number;
}

const hourLength = 3_600_000;
/** Windows of a page fill slowly: a day of all pages is looked at, in steps of an hour. */
const hours = 24;
const features = Object.entries(driftMetrics);
const told: ReadonlySet<MetricKey> = new Set([...Object.values(driftMetrics), 'driftEmbedding']);

const total = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);

const plus = (a: readonly number[], b: readonly number[]): readonly number[] =>
  a.map((count, i) => count + (b[i] ?? 0));

/** Against the even counts that the baseline itself has; half a count a bin, so that none is empty. */
function psiOf(counts: readonly number[]): number {
  const shares = counts.map((count) => (count + 0.5) / (total(counts) + counts.length / 2));
  return populationStabilityIndex(
    counts.map(() => 1 / counts.length),
    shares,
  );
}

/** M3 and M4 of the last day: what windows on all devices told adds up here, so no device is judged by itself. */
export class DriftGauges {
  readonly #models: ReadonlySet<string>;
  readonly #told = new Map<string, Told>();

  /** @param models of the others nothing is told: baselines of several models do not add up */
  constructor(models: ReadonlySet<string>) {
    this.#models = models;
  }

  /** @param now milliseconds since the epoch */
  add(points: readonly MetricPoint[], now: number): void {
    const hour = Math.floor(now / hourLength);
    for (const { metric, attributes, amount } of points) {
      const model = attributes.modelId ?? '';
      if (!told.has(metric) || amount.kind !== 'explicit' || !this.#models.has(model)) continue;
      const key = `${hour} ${metric} ${model}`;
      const found = this.#told.get(key);
      if (found === undefined) {
        this.#told.set(key, { hour, model, metric, counts: amount.counts, sum: amount.sum });
      } else {
        found.counts = plus(found.counts, amount.counts);
        found.sum += amount.sum;
      }
    }
  }

  /** Prometheus text format. */
  text(now: number): string {
    const oldest = Math.floor(now / hourLength) - hours;
    for (const [key, { hour }] of this.#told) if (hour < oldest) this.#told.delete(key);
    let [psi, requests, distance, windows] = ['', '', '', ''];
    for (const model of this.#models) {
      for (const [feature, metric] of features) {
        const { counts } = this.#sum(model, metric);
        if (total(counts) === 0) continue;
        psi += `sonde_feature_drift_psi{model="${model}",feature="${feature}"} ${psiOf(counts)}\n`;
        requests += `sonde_feature_drift_requests{model="${model}",feature="${feature}"} ${total(counts)}\n`;
      }
      const { counts, sum } = this.#sum(model, 'driftEmbedding');
      if (total(counts) === 0) continue;
      distance += `sonde_embedding_drift_distance{model="${model}"} ${sum / total(counts)}\n`;
      windows += `sonde_embedding_drift_windows{model="${model}"} ${total(counts)}\n`;
    }
    const gauge = (name: string, help: string, lines: string): string => heading(name, help, 'gauge') + lines;
    return (
      gauge(
        'sonde_embedding_drift_distance',
        "M3. Mean distance of windows' embeddings from the baseline's, 1 is the model's threshold; last 24 h, since start.",
        distance,
      ) +
      gauge('sonde_embedding_drift_windows', 'Windows that M3 is the mean of.', windows) +
      gauge(
        'sonde_feature_drift_psi',
        "M4. Population stability index of windows' requests against the tenths of the baseline; 9 / requests by chance; last 24 h, since start.",
        psi,
      ) +
      gauge('sonde_feature_drift_requests', 'Requests that M4 is made of.', requests)
    );
  }

  #sum(model: string, metric: MetricKey): Pick<Told, 'counts' | 'sum'> {
    let [counts, sum]: [readonly number[], number] = [[], 0];
    for (const each of this.#told.values()) {
      if (each.model !== model || each.metric !== metric) continue;
      counts = counts.length === 0 ? each.counts : plus(counts, each.counts);
      sum += each.sum;
    }
    return { counts, sum };
  }
}
