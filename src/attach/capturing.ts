import { type CaptureStore, createCaptureStore } from '../run/capture.ts';
import { duplicate } from '../run/duplicate.ts';
import { readFloatTensor } from '../run/float.ts';
import type { OrtTensor } from '../run/runtime.ts';
import type { Fetches, PlanSession } from '../run/sessions.ts';
import { SondeError } from '../shared/errors.ts';
import type { AttachedCapture } from './api.ts';
import type { RunCall, SharedRest, Subject } from './subject.ts';
import type { Shared } from './takeover.ts';

/** Taps may split what the runtime fuses. Up to here that is rounding; beyond it the application is spared. */
const tolerated = 5e-4;
const isClose = (deviation: number): boolean => deviation <= tolerated;

interface Part {
  readonly store: CaptureStore;
  readonly capture: AttachedCapture;
}

/** What one `capture` call wants, and what it has got. */
export class Capturing {
  readonly #patterns: readonly string[];
  readonly #missing: Map<string, unknown>;
  readonly #taps = new Map<Subject, readonly string[]>();
  /** Captures in the order they began, by the request that they are of. */
  readonly #parts = new Map<Subject, Map<object, Part>>();
  readonly captures: AttachedCapture[] = [];
  #fault: unknown;

  constructor(patterns: readonly string[]) {
    this.#patterns = patterns;
    this.#missing = new Map(patterns.map((pattern) => [pattern, undefined]));
  }

  /** The hooks of a session that are wanted: exact names without its prefix. */
  tapsOf(subject: Subject): readonly string[] {
    const known = this.#taps.get(subject);
    if (known !== undefined) return known;
    const taps = new Set<string>();
    for (const pattern of this.#patterns) {
      try {
        for (const hook of resolve(subject, pattern)) taps.add(hook);
        this.#missing.delete(pattern);
      } catch (error) {
        if (this.#missing.has(pattern)) this.#missing.set(pattern, error);
      }
    }
    this.#taps.set(subject, [...taps]);
    return [...taps];
  }

  /** @throws SondeError `hook_unknown` | `hook_unavailable` for a pattern that no session has */
  requireAll(): void {
    for (const error of this.#missing.values()) if (error !== undefined) throw error;
  }

  /** @throws SondeError what kept a tapped run from its end; the application got the untapped one's outputs */
  requireWhole(): void {
    if (this.#fault !== undefined) throw this.#fault;
  }

  /** Runs the tapped graph, and the untapped one where only that gives what the application would get without. */
  async run(subject: Subject, call: RunCall, request: object): Promise<Fetches> {
    const { shared } = subject;
    const taps = this.tapsOf(subject);
    if (shared === undefined || taps.length === 0 || this.#fault !== undefined) return subject.run(call);
    const known = subject.deviations.get(String(taps));
    const plain = known !== undefined && isClose(known) ? undefined : await subject.run(call);
    try {
      const session = await shared.sessions.open({ taps, edits: [] });
      const [fetches = {}, options] = call.rest as SharedRest;
      const wanted = {
        ...fetches,
        ...Object.fromEntries(session.graph.taps.map(({ output }) => [output, null])),
      };
      const given = await session.run(call.feeds, wanted, options);
      const tapped = split(subject, shared, session, given);
      const deviation = known ?? (await difference(subject, plain ?? {}, tapped.own));
      subject.deviations.set(String(taps), deviation);
      this.#part(subject, shared, request, deviation).store.add(session.graph.taps, tapped.taps);
      if (plain === undefined) return tapped.own;
      free(isClose(deviation) ? plain : tapped.own);
      return isClose(deviation) ? tapped.own : plain;
    } catch (error) {
      this.#fault = error;
      return plain ?? subject.run(call);
    }
  }

  #part(subject: Subject, { instrumented }: Shared, request: object, deviation: number): Part {
    const parts = this.#parts.get(subject) ?? new Map<object, Part>();
    this.#parts.set(subject, parts);
    const known = parts.get(request);
    if (known !== undefined) return known;
    const store = createCaptureStore(subject.runtime, instrumented.hooks);
    const { prefix } = subject;
    const capture: AttachedCapture = {
      model: subject.described,
      deviation,
      get hooks() {
        return store.hooks().map((hook) => ({ ...hook, name: `${prefix}${hook.name}` }));
      },
      get: (hook) => store.read(hook.startsWith(prefix) ? hook.slice(prefix.length) : hook),
      dispose: () => store.dispose(),
    };
    const part: Part = { store, capture };
    parts.set(request, part);
    this.captures.push(capture);
    return part;
  }
}

/** @throws SondeError `hook_unknown` | `hook_unavailable` */
function resolve(subject: Subject, pattern: string): readonly string[] {
  const { prefix, shared } = subject;
  if (shared === undefined) {
    throw new SondeError(
      'hook_unavailable',
      `Nothing can be captured from this session: ${subject.plain}`,
      'See `inspector.models[i].plain`.',
    );
  }
  const own = pattern.startsWith(prefix) ? pattern.slice(prefix.length) : pattern;
  return shared.instrumented.resolve([own]);
}

/** The application gets its own outputs only; a tap that is one of them is copied, since the application frees it. */
function split(
  subject: Subject,
  shared: Shared,
  { graph }: PlanSession,
  given: Fetches,
): { readonly own: Fetches; readonly taps: Fetches } {
  const owned = new Set(shared.instrumented.outputs.map(({ name }) => name));
  const taps: Record<string, OrtTensor> = {};
  for (const { output } of graph.taps) {
    const tensor = given[output];
    if (tensor === undefined || taps[output] !== undefined) continue;
    const { runtime, gpu } = subject;
    taps[output] = owned.has(output) ? duplicate(runtime.ort, tensor, gpu?.device) : tensor;
  }
  return { own: Object.fromEntries(Object.entries(given).filter(([name]) => owned.has(name))), taps };
}

/** Largest difference over the floating-point outputs that lie on the CPU, which is what an application reads. */
async function difference({ runtime }: Subject, plain: Fetches, tapped: Fetches): Promise<number> {
  let largest = 0;
  for (const [name, tensor] of Object.entries(plain)) {
    const other = tapped[name];
    if (other === undefined || tensor.location !== 'cpu' || !tensor.type.startsWith('float')) continue;
    const a = (await readFloatTensor(runtime, tensor)).data;
    const b = (await readFloatTensor(runtime, other)).data;
    for (let i = 0; i < a.length; i++) {
      const x = a[i] as number;
      const y = b[i] as number;
      if (!Object.is(x, y)) largest = Math.max(largest, Math.abs(x - y));
    }
  }
  return largest;
}

function free(outputs: Fetches | undefined): void {
  for (const tensor of Object.values(outputs ?? {})) tensor.dispose();
}
