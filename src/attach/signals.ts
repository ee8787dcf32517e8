import { tokenStatisticsBySimd } from '../kernels/token-statistics.simd.ts';
import type { TokenStatistics } from '../kernels/token-statistics.ts';
import { observeStatistics } from '../observe/token.ts';
import { toFloatTensor } from '../run/float.ts';
import type { OrtTensor } from '../run/runtime.ts';
import type { Feeds, Fetches } from '../run/sessions.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import type { ObservedRow, ObservedSignals } from './api.ts';

const shown = 10;

/** Copied out of the application's tensors in time, reduced when there is time. */
class Row {
  #logits: Float32Array | undefined;
  #statistics: TokenStatistics | undefined;
  #chosen: { readonly id: number; readonly logit: number } | undefined;

  constructor(logits: Float32Array) {
    this.#logits = logits;
  }

  /** @throws SondeError `run_failed` for a row that is no distribution */
  reduce(): TokenStatistics {
    this.#statistics ??= tokenStatisticsBySimd(this.#logits ?? new Float32Array(), shown);
    return this.#statistics;
  }

  choose(id: number): void {
    const logit = this.#logits?.[id];
    if (logit !== undefined) this.#chosen = { id, logit };
    this.reduce();
    this.#logits = undefined;
  }

  observed(): ObservedRow {
    const statistics = this.reduce();
    const chosen = this.#chosen;
    const { topK, entropy, margin, confidence, logProbability } = observeStatistics(
      statistics,
      chosen?.logit ?? Number.NaN,
      shown,
    );
    return {
      ...(chosen === undefined ? {} : { chosen: { id: chosen.id, confidence, logProbability } }),
      entropy,
      margin,
      topK,
    };
  }

  /** A classifier's choice is its likeliest class. */
  observedBest(): ObservedRow {
    const [best] = this.reduce().top;
    if (best !== undefined) this.#chosen = best;
    return this.observed();
  }
}

/** What one request's logits say, gathered run by run. */
export class Signals {
  /** [sequence][step] */
  readonly #tokens: Row[][] = [];
  /** By output, [row][position]. */
  readonly #classes = new Map<string, Row[][]>();
  readonly #waiting: Row[] = [];
  #why = 'No output of the model holds logits.';
  /** A row was no distribution: rows that came after it would stand for earlier steps. */
  #isBroken = false;

  /** The ids that a run reads are what was chosen from the rows before it. */
  chosen(feeds: Feeds): void {
    const ids = feeds.input_ids ?? feeds.decoder_input_ids;
    if (ids === undefined || ids.location !== 'cpu') return;
    const length = ids.dims[1] ?? 0;
    for (const [sequence, steps] of this.#tokens.entries()) {
      const id = (ids.data as BigInt64Array | Int32Array)[(sequence + 1) * length - 1];
      if (id !== undefined) this.#guarded(() => steps.at(-1)?.choose(Number(id)));
    }
  }

  /** Synchronous: behind it the application may do with its tensors what it likes. */
  take(outputs: Fetches, feeds: Feeds, generates: boolean): void {
    if (this.#isBroken) return;
    for (const [name, tensor] of Object.entries(outputs)) {
      if (!/(^|_)logits$/.test(name) && name !== 'logits_per_image') continue;
      if (tensor.location !== 'cpu') {
        this.#why = 'The application keeps the logits on the GPU.';
        continue;
      }
      const logits = toFloatTensor(tensor);
      if (generates && name === 'logits') this.#takeLast(logits);
      else this.#takeAll(name, logits, feeds.attention_mask);
    }
  }

  /** Of logits [b, t, V] the last of t, which is what the next token is chosen from. */
  #takeLast({ dims, data }: FloatTensor): void {
    const width = dims.at(-1) ?? 0;
    const [batch = 0, length = 0] = dims;
    for (let sequence = 0; sequence < batch; sequence++) {
      const end = (sequence + 1) * length * width;
      const steps = this.#tokens[sequence] ?? [];
      this.#tokens[sequence] = steps;
      steps.push(this.#row(data.slice(end - width, end)));
    }
  }

  #takeAll(name: string, { dims, data }: FloatTensor, mask: OrtTensor | undefined): void {
    const width = dims.at(-1) ?? 0;
    const [batch = 0, second = 0] = dims;
    if (width < 2 || dims.length < 2 || dims.length > 3) {
      this.#why = `${name} has dims [${dims}], which are no classes.`;
      return;
    }
    const length = dims.length === 3 ? second : 1;
    const masks =
      dims.length === 3 && mask?.location === 'cpu' && String(mask.dims) === String([batch, length]);
    const kept = (at: number): boolean => !masks || Number((mask.data as BigInt64Array)[at]) !== 0;
    const rows = this.#classes.get(name) ?? [];
    this.#classes.set(name, rows);
    for (let row = 0; row < batch; row++) {
      const positions = Array.from({ length }, (_, position) => row * length + position).filter(kept);
      rows.push(positions.map((at) => this.#row(data.slice(at * width, (at + 1) * width))));
    }
  }

  #row(logits: Float32Array): Row {
    const row = new Row(logits);
    this.#waiting.push(row);
    return row;
  }

  /** Reduces rows until the time is up. @returns whether some are left */
  reduce(milliseconds: number): boolean {
    const until = performance.now() + milliseconds;
    while (performance.now() < until) {
      const row = this.#waiting.shift();
      if (row === undefined) return false;
      this.#guarded(() => row.reduce());
    }
    return this.#waiting.length > 0;
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#why = error instanceof Error ? error.message : String(error);
      this.#isBroken = true;
      this.#tokens.length = 0;
      this.#classes.clear();
      this.#waiting.length = 0;
    }
  }

  observed(): ObservedSignals {
    try {
      if (this.#tokens.length > 0) {
        return { kind: 'tokens', rows: this.#tokens.map((steps) => steps.map((row) => row.observed())) };
      }
      if (this.#classes.size === 0) return { kind: 'none', why: this.#why };
      const outputs = [...this.#classes].map(
        ([name, rows]) => [name, rows.map((row) => row.map((each) => each.observedBest()))] as const,
      );
      return { kind: 'classes', outputs: Object.fromEntries(outputs) };
    } catch (error) {
      return { kind: 'none', why: error instanceof Error ? error.message : String(error) };
    }
  }
}
