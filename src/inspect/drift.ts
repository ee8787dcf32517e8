import type { Baseline } from '../observe/drift/baseline.ts';
import { DriftMonitor } from '../observe/drift/monitor.ts';
import type { DriftEvent, DriftListener, DriftState } from '../protocol/drift.ts';
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

/**
 * Fills one window after the other with a model's requests and judges each when it is full. A request costs a few
 * numbers; a window one judgement. Embeddings are not taken: they would need a tap in a request that looks inside
 * nothing.
 */
export class DriftWatch {
  readonly #baseline: Baseline;
  readonly #monitor: DriftMonitor;
  readonly #tell: DriftListener;
  readonly #parity: readonly ParityGap[] | undefined;
  /** Of the last request; empty before the first one, and where the baseline was made with no template. */
  #templateParity: readonly ParityGap[] = [];
  #window: RequestRecord[] = [];
  #latest: DriftEvent | undefined;

  /** @param preparation how inputs are made ready here, where that is known */
  constructor(baseline: Baseline, tell: DriftListener, preparation?: Preparation) {
    this.#baseline = baseline;
    const { [templateVersion]: _ofRequests, ...training } = baseline.preparation ?? {};
    this.#parity = baseline.preparation && preparation && parityGaps(training, preparation);
    this.#monitor = new DriftMonitor(new Map([[0, baseline]]));
    this.#tell = tell;
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

  /** @returns whether an alarm stands: the last full window raised one, or inputs are made ready otherwise */
  see(record: RequestRecord): boolean {
    if (record.outcome === 'ok' && record.confidenceMean !== undefined) this.#window.push(record);
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

  #judge({ modelId, modelDigest }: RequestRecord): void {
    const columns = Object.keys(this.#baseline.reference.features).flatMap((name) => {
      const read = features[name];
      return read === undefined ? [] : [[name, this.#window.map((record) => read(record) ?? Number.NaN)]];
    });
    this.#window = [];
    const judged = this.#monitor.judge({
      features: Object.fromEntries(columns),
      embeddings: [],
      attributions: [],
    });
    const at = epochMilliseconds(Date.now());
    this.#latest = { kind: 'drift', at, modelId, modelDigest, ...judged };
    this.#tell(this.#latest);
  }
}
