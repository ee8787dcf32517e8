import { modelDigest } from '../load/load.ts';
import type { Gpu } from '../run/gpu.ts';
import type { OrtFetches, OrtRunOptions, OrtSession, Runtime } from '../run/runtime.ts';
import type { Feeds, Fetches } from '../run/sessions.ts';
import { type Sha256Hex, sha256 } from '../shared/digest.ts';
import { emptyPlan } from '../shared/plan.ts';
import { bytes } from '../shared/units.ts';
import type { AttachedModel } from './api.ts';
import type { Opened, Shared } from './takeover.ts';

/** One run as the application asked for it. */
export interface RunCall {
  readonly feeds: Feeds;
  /** What follows the feeds: fetches and options. */
  readonly rest: readonly unknown[];
}

/** The methods of a session before they were replaced. */
interface Bare {
  run(feeds: Feeds, ...rest: readonly unknown[]): Promise<Fetches>;
  release(): Promise<void>;
}

const bare = (session: OrtSession): Bare => ({
  run: session.run.bind(session) as Bare['run'],
  release: session.release.bind(session),
});

/** An InferenceSession sorts its arguments before it hands them on. */
export type SharedRest = readonly [fetches?: OrtFetches, options?: OrtRunOptions];

export interface FileDigest {
  readonly path: string;
  readonly sha256: Sha256Hex;
}

/** A session of the application as Sonde sees it. */
export class Subject {
  readonly runtime: Runtime;
  readonly gpu: Gpu | undefined;
  readonly device: 'webgpu' | 'wasm';
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** What the application holds, where it is not this session itself. Its `config` is where the dtype is written. */
  face: { readonly config?: { readonly dtype?: string } } = {};
  /** By plan: how far its first run moved the outputs. */
  readonly deviations = new Map<string, number>();
  #shared: Shared | undefined;
  #plainSession: Bare | undefined;
  #plain: string | undefined;
  #hasRun = false;
  #released = false;
  #digests: Promise<readonly FileDigest[]> | undefined;
  readonly #opened: Opened;
  readonly #all: readonly Subject[];

  /** What the application may see of it. */
  readonly described: AttachedModel;

  /** @param all the sessions of the application in the order they were made, this one among them */
  constructor(runtime: Runtime, opened: Opened, all: readonly Subject[]) {
    this.runtime = runtime;
    this.#opened = opened;
    this.#all = all;
    this.described = describe(this);
    this.device = opened.device;
    this.gpu = opened.device === 'webgpu' ? opened.gpu : undefined;
    const { made } = opened;
    if ('shared' in made) {
      this.#shared = made.shared;
      this.inputs = made.shared.instrumented.inputs.map(({ name }) => name);
      this.outputs = made.shared.instrumented.outputs.map(({ name }) => name);
    } else {
      this.#plainSession = bare(made.session);
      this.#plain = made.plain;
      this.inputs = made.session.inputNames;
      this.outputs = made.session.outputNames;
    }
  }

  /** Absent once the session is as the application asked for it. */
  get shared(): Shared | undefined {
    return this.#plain === undefined ? this.#shared : undefined;
  }

  get plain(): string | undefined {
    return this.#plain;
  }

  /** It reads a cache, so one answer takes many runs. */
  get generates(): boolean {
    return this.inputs.some((name) => name.startsWith('past_key_values'));
  }

  /** Its runs read what another session's gave. */
  get readsEncoder(): boolean {
    return this.inputs.includes('encoder_hidden_states');
  }

  /**
   * `encoder.` for the encoder of a decoder that was made beside it, as that decoder's hooks begin with `decoder.`:
   * its graph alone does not show what it is for.
   */
  get prefix(): string {
    if (this.generates || this.readsEncoder || this.outputs.some((name) => name.endsWith('logits')))
      return '';
    const at = this.#all.indexOf(this);
    return [at - 1, at + 1].some((beside) => this.#all[beside]?.readsEncoder) ? 'encoder.' : '';
  }

  /** The untapped run. @throws SondeError whose cause is what onnxruntime threw, or that itself */
  async run(call: RunCall): Promise<Fetches> {
    const shared = this.shared;
    if (shared === undefined) return this.#runPlain(call);
    try {
      const session = await shared.sessions.open(emptyPlan);
      const given = await session.run(call.feeds, ...(call.rest as SharedRest));
      this.#hasRun = true;
      return given;
    } catch (error) {
      if (this.#hasRun || this.#released) throw error;
      return this.#fallBack(call, shared, error);
    }
  }

  /** A graph whose very first run fails may be one that only Sonde's form of it cannot run. */
  async #fallBack(call: RunCall, shared: Shared, error: unknown): Promise<Fetches> {
    const session = bare(await this.#opened.openPlain());
    try {
      const given = await this.runtime.exclusive(() => session.run(call.feeds, ...call.rest));
      this.#plainSession = session;
      this.#plain = `Its first run failed: ${error instanceof Error ? error.message : error}`;
      await shared.sessions.dispose();
      return given;
    } catch (cause) {
      await this.runtime.exclusive(() => session.release());
      throw cause;
    }
  }

  #runPlain({ feeds, rest }: RunCall): Promise<Fetches> {
    const session = this.#plainSession;
    if (session === undefined) throw new Error('The session was released.');
    return this.runtime.exclusive(() => session.run(feeds, ...rest));
  }

  async release(): Promise<void> {
    if (this.#released) return;
    this.#released = true;
    await this.#shared?.sessions.dispose();
    const session = this.#plainSession;
    this.#plainSession = undefined;
    if (session !== undefined) await this.runtime.exclusive(() => session.release());
  }

  digests(): Promise<readonly FileDigest[]> {
    const { files } = this.#opened;
    const parts = files === undefined ? [] : [[files.file, files.graph] as const, ...files.external];
    this.#digests ??= Promise.all(parts.map(async ([path, body]) => ({ path, sha256: await sha256(body) })));
    return this.#digests;
  }
}

/** A view that stays the same object and always says how things are now. */
function describe(subject: Subject): AttachedModel {
  return {
    get device() {
      return subject.device;
    },
    get dtype() {
      return subject.face.config?.dtype ?? 'unknown';
    },
    get anatomy() {
      const { shared } = subject;
      if (shared === undefined) return undefined;
      const { kind, layers, heads, dModel } = shared.instrumented.anatomy;
      return { kind, layers, heads, dModel };
    },
    get hooks() {
      const { prefix, shared } = subject;
      return (shared?.instrumented.hooks ?? []).map((hook) => ({ ...hook, name: `${prefix}${hook.name}` }));
    },
    get plain() {
      return subject.plain;
    },
    digests: () => subject.digests(),
  };
}

/** One digest over the files of all sessions that answered a request together. */
export async function digestOfAll(subjects: readonly Subject[]): Promise<Sha256Hex> {
  const lists = await Promise.all(subjects.map((subject) => subject.digests()));
  const files = lists.flatMap((list, at) => list.map((file) => ({ ...file, path: `${at}/${file.path}` })));
  return modelDigest(files.map((file) => ({ ...file, bytes: bytes(0) })));
}
