import type { Baseline } from '../observe/drift/baseline.ts';
import { decileCounts } from '../observe/drift/deciles.ts';
import { DriftMonitor } from '../observe/drift/monitor.ts';
import type { DriftEvent, DriftListener, DriftState } from '../protocol/drift.ts';
import type { RequestContext } from '../protocol/request.ts';
import type { RequestRecord } from '../schema/record.ts';
import { type ParityGap, type Preparation, parityGaps, templateVersion } from '../shared/parity.ts';
import { epochMilliseconds } from '../shared/units.ts';

/** What a baseline may name of a request; of a generation the means over its tokens. */
const features: Readonly<Record<string, (record: RequestRecord) => number | undefined>> = {
  confidence: ({ confidenceMean }) => confidenceMean,
  entropy: ({ entropyMean }) => entropyMean,
  margin: ({ marginMean }) => marginMean,
  length: ({ inputTokens }) => inputTokens,
};

/** What of a request no record tells. */
export interface Beside {
  /** Sketch of the tapped hook, [16]. */
  readonly embedding?: readonly number[] | undefined;
  /** The application's own, by the baseline's names. */
  readonly features?: RequestContext['features'];
}

interface Seen extends Beside {
  readonly record: RequestRecord;
}

/** A feature of a request; NaN where it has none. */
const valueOf = (name: string, { record, features: own }: Seen): number =>
  (Object.hasOwn(features, name) ? features[name]?.(record) : own?.[name]) ?? Number.NaN;

/**
 * Fills one window after the other with a model's requests and judges each when it is full. A request costs a few
 * numbers, and one tap where the baseline holds embeddings of a hook; a window one judgement.
 */
export class DriftWatch {
  readonly #baseline: Baseline;
  readonly #monitor: DriftMonitor;
  readonly #tell: DriftListener;
  readonly #parity: readonly ParityGap[] | undefined;
  /** Of the last request; empty before the first one, and where the baseline was made with no template. */
  #templateParity: readonly ParityGap[] = [];
  #window: Seen[] = [];
  #latest: DriftEvent | undefined;

  /** @param preparation how inputs are made ready here, where that is known */
  constructor(baseline: Baseline, tell: DriftListener, preparation?: Preparation) {
    this.#baseline = baseline;
    const { [templateVersion]: _ofRequests, ...training } = baseline.preparation ?? {};
    this.#parity = baseline.preparation && preparation && parityGaps(training, preparation);
    this.#monitor = new DriftMonitor(new Map([[0, baseline]]));
    this.#tell = tell;
  }

  /** What has to be tapped for a judgement of embeddings. */
  get embedding(): string | undefined {
    return this.#baseline.embedding;
  }

  get state(): DriftState {
    const { window, falseAlarms } = this.#baseline;
    const latest = this.#latest;
    const [known, ofTemplate] = [this.#parity, this.#templateParity];
    const parity =
      known === undefined && ofTemplate.length === 0 ? undefined : [...(known ?? []), ...ofTemplate];
    return {
      window,
      seen: this.#window.length,
      falseAlarms,
      ...(parity === undefined ? {} : { parity }),
      ...(latest === undefined ? {} : { latest }),
    };
  }

  /**
   * @returns whether an alarm stands: the last full window raised one, or inputs are made ready otherwise
   */
  see(record: RequestRecord, beside: Beside = {}): boolean {
    if (record.outcome === 'ok' && record.confidenceMean !== undefined)
      this.#window.push({ record, ...beside });
    if (this.#window.length === this.#baseline.window) this.#judge(record);
    const trained = this.#baseline.preparation?.[templateVersion];
    const served = record.templateVersion;
    this.#templateParity = parityGaps(
      trained === undefined ? {} : { [templateVersion]: trained },
      served === undefined ? {} : { [templateVersion]: served },
    );
    const gaps = (this.#parity?.length ?? 0) + this.#templateParity.length;
    return gaps + (this.#latest?.alarms.length ?? 0) > 0;
  }

  #judge({ modelId, modelDigest, endedAt }: RequestRecord): void {
    const from = this.#window[0]?.record.endedAt ?? endedAt;
    const columns = Object.entries(this.#baseline.reference.features).flatMap(([name, reference]) => {
      const values = this.#window.map((seen) => valueOf(name, seen));
      // What some requests lack says nothing of the window.
      return values.every(Number.isFinite)
        ? [{ name, values, deciles: decileCounts(reference, values, Math.random) }]
        : [];
    });
    // Requests of other kinds have no such hook: a window of both is not judged by it.
    const embeddings = this.#window.flatMap(({ embedding }) => (embedding === undefined ? [] : [embedding]));
    const isWhole = embeddings.length === this.#window.length;
    this.#window = [];
    const judged = this.#monitor.judge({
      features: Object.fromEntries(columns.map(({ name, values }) => [name, values])),
      embeddings: isWhole ? embeddings : [],
      attributions: [],
    });
    const deciles = Object.fromEntries(columns.map(({ name, deciles }) => [name, deciles]));
    const at = epochMilliseconds(Date.now());
    this.#latest = { kind: 'drift', from, at, modelId, modelDigest, deciles, ...judged };
    this.#tell(this.#latest);
  }
}
