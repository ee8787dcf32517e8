import type { Baseline } from '../observe/drift/baseline.ts';
import { decileCounts } from '../observe/drift/deciles.ts';
import { DriftMonitor, seasonOf } from '../observe/drift/monitor.ts';
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

/** A part of the baseline's cycle, and the window of requests that fills in it. */
interface Season {
  readonly baseline: Baseline;
  window: Seen[];
}

/** A feature of a request; NaN where it has none. */
const featureOf = (name: string, { record, features: own }: Seen): number =>
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
  /** By season: each fills a window of its own. */
  readonly #seasons: ReadonlyMap<number, Season>;
  #season = 0;
  #latest: DriftEvent | undefined;

  /** @param preparation how inputs are made ready here, where that is known */
  constructor(baseline: Baseline, tell: DriftListener, preparation?: Preparation) {
    this.#baseline = baseline;
    const { [templateVersion]: _ofRequests, ...training } = baseline.preparation ?? {};
    this.#parity = baseline.preparation && preparation && parityGaps(training, preparation);
    const all = [baseline, ...(baseline.others ?? [])];
    this.#seasons = new Map(all.map((each, part) => [part, { baseline: each, window: [] }]));
    this.#monitor = new DriftMonitor(new Map(all.entries()), baseline.smoothing);
    this.#tell = tell;
  }

  /** What has to be tapped for a judgement of embeddings. */
  get embedding(): string | undefined {
    return this.#baseline.embedding;
  }

  get state(): DriftState {
    const { baseline = this.#baseline, window: filled = [] } = this.#seasons.get(this.#season) ?? {};
    const { window, falseAlarms } = baseline;
    const latest = this.#latest;
    const [known, ofTemplate] = [this.#parity, this.#templateParity];
    const parity =
      known === undefined && ofTemplate.length === 0 ? undefined : [...(known ?? []), ...ofTemplate];
    return {
      window,
      seen: filled.length,
      falseAlarms,
      ...(parity === undefined ? {} : { parity }),
      ...(latest === undefined ? {} : { latest }),
    };
  }

  /**
   * @returns whether an alarm stands: the last full window raised one, or inputs are made ready otherwise
   */
  see(record: RequestRecord, beside: Beside = {}): boolean {
    const { seasons } = this.#baseline;
    this.#season = seasons === undefined ? 0 : seasonOf(seasons, record.endedAt);
    const season = this.#seasons.get(this.#season);
    if (season !== undefined && record.outcome === 'ok' && record.confidenceMean !== undefined) {
      season.window.push({ record, ...beside });
      if (season.window.length === season.baseline.window) this.#judge(season, record);
    }
    const trained = this.#baseline.preparation?.[templateVersion];
    const served = record.templateVersion;
    this.#templateParity = parityGaps(
      trained === undefined ? {} : { [templateVersion]: trained },
      served === undefined ? {} : { [templateVersion]: served },
    );
    const gaps = (this.#parity?.length ?? 0) + this.#templateParity.length;
    return gaps + (this.#latest?.alarms.length ?? 0) > 0;
  }

  #judge(season: Season, { modelId, modelDigest, endedAt }: RequestRecord): void {
    const { baseline, window } = season;
    season.window = [];
    const from = window[0]?.record.endedAt ?? endedAt;
    const columns = Object.entries(baseline.reference.features).flatMap(([name, reference]) => {
      const values = window.map((seen) => featureOf(name, seen));
      // What some requests lack says nothing of the window.
      return values.every(Number.isFinite)
        ? [{ name, values, deciles: decileCounts(reference, values, Math.random) }]
        : [];
    });
    // Requests of other kinds have no such hook: a window of both is not judged by it.
    const embeddings = window.flatMap(({ embedding }) => (embedding === undefined ? [] : [embedding]));
    const seen = {
      features: Object.fromEntries(columns.map(({ name, values }) => [name, values])),
      embeddings: embeddings.length === window.length ? embeddings : [],
      attributions: [],
    };
    const judged = this.#monitor.judge(seen, this.#season);
    const deciles = Object.fromEntries(columns.map(({ name, deciles }) => [name, deciles]));
    const at = epochMilliseconds(Date.now());
    this.#latest = { kind: 'drift', from, at, modelId, modelDigest, deciles, ...judged };
    this.#tell(this.#latest);
  }
}
