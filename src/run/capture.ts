import type { TapOutput } from '../instrument/instrumented.ts';
import type { CapturedHook } from '../protocol/request.ts';
import { SondeError } from '../shared/errors.ts';
import type { Hook } from '../shared/hook.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import { readFloatTensor } from './float.ts';
import type { OrtTensor, Runtime } from './runtime.ts';
import type { Fetches } from './sessions.ts';
import { cut, cutDims, stitch, stitchedDims } from './stitch.ts';

/** Tapped tensors of one forward, or of each step of a generation, left where they lie until somebody asks. */
export interface CaptureStore {
  /** Takes over what the taps of one forward gave. */
  add(taps: readonly TapOutput[], fetches: Fetches): void;
  /** Forgets what these taps gave: without a cache each step sees the whole sequence again. */
  clear(taps: readonly TapOutput[]): void;
  /** Lets only the first `tokens` of the text count: what was run beyond them was taken back. */
  cut(tokens: number): void;
  /** True for a tensor that was taken over: whoever frees the outputs of a run must leave it. */
  holds(tensor: OrtTensor): boolean;
  hooks(): readonly CapturedHook[];
  /** @throws SondeError `hook_unknown` | `disposed` */
  read(hook: string): Promise<FloatTensor>;
  dispose(): void;
}

export function createCaptureStore(runtime: Runtime, hooks: readonly Hook[]): CaptureStore {
  const parts = new Map<string, { readonly hook: Hook; readonly tensors: OrtTensor[] }>();
  const held = new Set<OrtTensor>();
  const known = new Map(hooks.map((hook) => [hook.name, hook]));
  let disposed = false;
  let counted = Number.POSITIVE_INFINITY;
  const forget = (names: readonly string[]): void => {
    for (const name of names) {
      for (const tensor of parts.get(name)?.tensors ?? []) {
        // Two hooks may be one tensor.
        if (held.delete(tensor)) tensor.dispose();
      }
      parts.delete(name);
    }
  };
  return {
    clear: (taps) => forget(taps.map(({ hook }) => hook)),
    cut(tokens) {
      counted = tokens;
    },
    add(taps, fetches) {
      for (const { hook: name, output } of taps) {
        const tensor = fetches[output];
        if (tensor === undefined) continue;
        held.add(tensor);
        const part = parts.get(name);
        if (part === undefined)
          parts.set(name, { hook: known.get(name) ?? rawHook(name), tensors: [tensor] });
        else part.tensors.push(tensor);
      }
    },
    holds: (tensor) => held.has(tensor),
    hooks: () =>
      [...parts.values()].map(({ hook, tensors }) => ({
        name: hook.name,
        dims: cutDims(
          hook,
          stitchedDims(
            hook,
            tensors.map(({ dims }) => dims),
          ),
          counted,
        ),
        location: tensors.some(({ location }) => location === 'gpu-buffer') ? 'gpu' : 'cpu',
      })),
    async read(name) {
      if (disposed) throw new SondeError('disposed', 'This capture was disposed.', 'Capture again.');
      const part = parts.get(name);
      if (part === undefined) {
        const captured = [...parts.keys()].slice(0, 5).join(', ');
        throw new SondeError(
          'hook_unknown',
          `${name} is not part of this capture.`,
          `Captured were: ${captured} …`,
        );
      }
      const tensors: FloatTensor[] = [];
      for (const tensor of part.tensors) tensors.push(await readFloatTensor(runtime, tensor));
      return cut(part.hook, stitch(part.hook, tensors), counted);
    },
    dispose() {
      forget([...parts.keys()]);
      disposed = true;
    },
  };
}

/** Frees an output of a run, unless a capture took it over: a hook may be tapped at a tensor of the model's own. */
export function release(tensor: OrtTensor | undefined, capture: CaptureStore | undefined): void {
  if (tensor === undefined || capture?.holds(tensor)) return;
  try {
    tensor.dispose();
  } catch {
    // A runtime that broke can free nothing; the fault that broke it is the one to be told.
  }
}

/** A raw tensor has no axes that Sonde could name, so only the last forward's value can be given. */
const rawHook = (name: string): Hook => ({ name, dims: [], source: { kind: 'tap', tensor: name } });
