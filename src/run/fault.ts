import { SondeError } from '../shared/errors.ts';
import type { Gpu } from './gpu.ts';

/**
 * Names what onnxruntime threw. On a lost device and without memory a run fails in many words, seldom in those, and
 * often before the browser has told why: so the device is asked. Called while nothing else runs on it.
 */
export async function nameFault(cause: unknown, what: string, gpu: Gpu | undefined): Promise<SondeError> {
  if (cause instanceof SondeError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  if ((await gpu?.lost()) || /device.{0,20}lost/i.test(text)) {
    return new SondeError(
      'device_lost',
      'The GPU device was lost.',
      'Run it again: the model is loaded anew.',
      { cause },
    );
  }
  if (speaksOfMemory(text) || (await gpu?.exhausted())) {
    return new SondeError(
      'out_of_memory',
      `${what} Memory ran out.`,
      'Use a shorter text, a smaller dtype or fewer captures.',
      { cause },
    );
  }
  if (cause instanceof Error && cause.name === 'RuntimeError') {
    return new SondeError(
      'worker_failed',
      `${what} The runtime itself broke.`,
      'Run it again: a new worker loads the model anew.',
      {
        cause,
      },
    );
  }
  return new SondeError(
    'run_failed',
    `${what} (${firstLine(text)})`,
    'Try another dtype, or device "wasm".',
    { cause },
  );
}

/** WebGPU calls it a validation error where the device has the memory, but not in one buffer. */
export const speaksOfMemory = (text: string): boolean =>
  /out of memory|bad_alloc|memory access out of bounds|allocation failed|exceeds the max buffer size|size .{0,40}is too large/i.test(
    text,
  );

const firstLine = (text: string): string => (text.split('\n')[0] ?? '').slice(0, 300);
