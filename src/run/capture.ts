import type { TapOutput } from '../instrument/instrumented.ts';
import type { CapturedHook } from '../protocol/request.ts';
import { SondeError } from '../shared/errors.ts';
import type { Hook } from '../shared/hook.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import { readFloatTensor } from './float.ts';
import type { OrtTensor, Runtime } from './runtime.ts';
import type { Fetches } from './sessions.ts';
import { stitch, stitchedDims } from './stitch.ts';

/** Tapped tensors of one forward, or of each step of a generation, left where they lie until somebody asks. */
export interface CaptureStore {
  /** Takes over what the taps of one forward gave. */
  add(taps: readonly TapOutput[], fetches: Fetches): void;
  /** Forgets what was added: without a cache each step sees the whole sequence again. */
  clear(): void;
  /** True for a tensor that was taken over: whoever frees the outputs of a run must leave it. */
  holds(tensor: OrtTensor): boolean;
  hooks(): readonly CapturedHook[];
  /** @throws SondeError `hook_unknown` | `disposed` */
  read(hook: string): Promise<FloatTensor>;
  dispose(): void;
}

export function createCaptureStore(runtime: Runtime, hooks: readonly Hook[]): CaptureStore {
  const parts = new Map<string, { readonly hook: Hook; readonly tensors: OrtTensor[] }>();
  let disposed = false;
  const clear = (): void => {
    for (const { tensors } of parts.values()) for (const tensor of tensors) tensor.dispose();
    parts.clear();
  };
  return {
    clear,
    add(taps, fetches) {
      for (const { hook: name, output } of taps) {
        const tensor = fetches[output];
        if (tensor === undefined) continue;
        const known = parts.get(name);
        const hook = hooks.find((candidate) => candidate.name === name) ?? rawHook(name);
        if (known === undefined) parts.set(name, { hook, tensors: [tensor] });
        else known.tensors.push(tensor);
      }
    },
    holds: (tensor) => [...parts.values()].some(({ tensors }) => tensors.includes(tensor)),
    hooks: () =>
      [...parts.values()].map(({ hook, tensors }) => ({
        name: hook.name,
        dims: stitchedDims(
          hook,
          tensors.map(({ dims }) => dims),
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
      return stitch(part.hook, tensors);
    },
    dispose() {
      clear();
      disposed = true;
    },
  };
}

/** A raw tensor has no axes that Sonde could name, so only the last forward's value can be given. */
const rawHook = (name: string): Hook => ({ name, dims: [], source: { kind: 'tap', tensor: name } });
