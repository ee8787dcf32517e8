import { aggregate, type Observation } from '../inspect/aggregate.ts';
import { beginRequest, type Request, type RequestEnd, undigested } from '../inspect/request.ts';
import type { RequestContext } from '../protocol/request.ts';
import { sondeVersion } from '../protocol/version.ts';
import type { Feeds, Fetches } from '../run/sessions.ts';
import type { ModelIdentity, Operation } from '../schema/record.ts';
import type { ErrorCode } from '../shared/errors.ts';
import type { ObservedRequest, ObservedRow, ObservedSignals } from './api.ts';
import { Signals } from './signals.ts';
import { digestOfAll, type Subject } from './subject.ts';

/** One request under way: the runs that give one answer. */
export class Exchange {
  readonly subjects: Subject[] = [];
  readonly #taps: string[] = [];
  readonly #signals: Signals | undefined;
  readonly #request: Request;
  #runs = 0;
  #inFlight = 0;
  #inputTokens = 0;
  #outputTokens = 0;
  #timeToFirstToken: number | undefined;
  #duration = 0;
  #introspection = 0;
  #errorCode: ErrorCode | undefined;

  /** @param isHeard somebody wants to know: without, nothing is copied and nothing is computed */
  constructor(context: RequestContext, isHeard: boolean) {
    this.#signals = isHeard ? new Signals() : undefined;
    const plan = { taps: this.#taps, edits: [] };
    // Only the tokenizer saw the text, so there is none to key.
    this.#request = beginRequest(() => this.#identity(), 'generate', undefined, plan, context, undigested);
  }

  get runs(): number {
    return this.#runs;
  }

  get isRunning(): boolean {
    return this.#inFlight > 0;
  }

  /** One run, once its outputs are there, is the whole answer. */
  get isComplete(): boolean {
    const last = this.subjects.at(-1);
    return last !== undefined && !last.generates && last.outputs.some((name) => name.endsWith('logits'));
  }

  get generates(): boolean {
    return this.subjects.some((subject) => subject.generates);
  }

  /** @param taps hooks of the subject that its run captures */
  begin(subject: Subject, feeds: Feeds, taps: readonly string[]): void {
    this.#inFlight += 1;
    if (!this.subjects.includes(subject)) {
      this.subjects.push(subject);
      this.#taps.push(...taps.map((hook) => `${subject.prefix}${hook}`));
    }
    if (this.#runs === 0 && this.#inFlight === 1) this.#inputTokens = countTokens(feeds);
    if (subject.generates) this.#timed(() => this.#signals?.chosen(feeds));
  }

  done(subject: Subject, feeds: Feeds, outputs: Fetches): void {
    this.#after();
    this.#runs += 1;
    if (subject.generates) {
      this.#timeToFirstToken ??= this.#duration;
      this.#outputTokens += Object.values(feeds)[0]?.dims[0] ?? 1;
    }
    this.#timed(() => this.#signals?.take(outputs, feeds, subject.generates));
  }

  failed(code: ErrorCode): void {
    this.#after();
    this.#errorCode = code;
  }

  #after(): void {
    this.#inFlight -= 1;
    this.#duration = this.#request.elapsed();
  }

  /** Looks at what was copied for a while. @returns whether there is more */
  reduce(milliseconds: number): boolean {
    return this.#timed(() => this.#signals?.reduce(milliseconds)) ?? false;
  }

  #timed<T>(work: () => T): T {
    const before = performance.now();
    const result = work();
    this.#introspection += performance.now() - before;
    return result;
  }

  /** @returns undefined where nobody wanted to know when it began */
  async end(): Promise<ObservedRequest | undefined> {
    const signals = this.#timed(() => this.#signals?.observed());
    if (signals === undefined) return undefined;
    const end: RequestEnd = {
      outcome: this.#errorCode === undefined ? 'ok' : 'error',
      ...(this.#errorCode === undefined ? {} : { errorCode: this.#errorCode }),
      inputTokens: this.#inputTokens,
      outputTokens: this.#outputTokens,
      truncated: false,
      signals: aggregate(observations(signals)),
      introspection: this.#introspection,
      duration: this.#duration,
      ...(this.#timeToFirstToken === undefined ? {} : { timeToFirstToken: this.#timeToFirstToken }),
    };
    const operation: Operation = this.generates
      ? 'generate'
      : signals.kind === 'classes'
        ? 'classify'
        : 'embed';
    const { record: ended } = await this.#request.end(end);
    const record = { ...ended, operation };
    return { models: this.subjects.map(({ described }) => described), signals, record };
  }

  async #identity(): Promise<ModelIdentity> {
    const last = this.subjects.at(-1);
    const adapter = last?.gpu?.adapter;
    return {
      // transformers.js hands over bytes: their digest says what they are, no name does.
      modelId: 'local',
      modelDigest: await digestOfAll(this.subjects),
      dtype: last?.described.dtype ?? 'unknown',
      device: last?.device ?? 'wasm',
      ...(adapter === undefined
        ? {}
        : { adapterVendor: adapter.vendor, adapterArchitecture: adapter.architecture }),
      threads: last?.runtime.threads ?? 1,
      fallbacks: 0,
      sondeVersion,
      runtimeVersion: last?.runtime.version ?? '',
    };
  }
}

/** Tokens that are not padding, over all rows; of images and sound there are none. */
function countTokens({ attention_mask: mask, input_ids: ids }: Feeds): number {
  if (ids === undefined) return 0;
  if (mask?.location !== 'cpu' || mask.size !== ids.size) return ids.size;
  return Array.from(mask.data as BigInt64Array, Number).filter((kept) => kept !== 0).length;
}

/** Every row that says something: of each generated token but the last it is seen which one was taken. */
const observations = (signals: ObservedSignals): readonly Observation[] => {
  if (signals.kind === 'none') return [];
  const rows: readonly ObservedRow[] =
    signals.kind === 'tokens' ? signals.rows.flat() : Object.values(signals.outputs).flat(2);
  return rows.map(({ chosen, entropy, margin }) => ({
    entropy,
    margin,
    ...(chosen === undefined ? {} : { confidence: chosen.confidence }),
  }));
};
