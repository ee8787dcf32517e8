import type { Recovery } from '../protocol/request.ts';
import type { SondeError } from '../shared/errors.ts';

/** What the worker that ended was doing when it met the fault that ended it. */
export interface Circumstances {
  /** It was this request that met the fault, not one beside it. */
  readonly isOwn: boolean;
  /** The model was on the GPU, and may go elsewhere. */
  readonly canMove: boolean;
  /** What this request has met before. */
  readonly before: readonly Recovery[];
}

/**
 * What is said of running a request again in a new worker.
 * @returns undefined where that would meet the same fault again
 */
export function recoveryFrom(
  { code }: SondeError,
  { isOwn, canMove, before }: Circumstances,
): Recovery | undefined {
  if (before.some((each) => each.code === code)) return undefined;
  if (code === 'device_lost')
    return { code, message: 'The GPU device was lost. The request ran again on a new one.' };
  if (code !== 'out_of_memory') return undefined;
  if (!isOwn)
    return { code, message: 'Memory ran out in another request. This one ran again in a new worker.' };
  if (!canMove) return undefined;
  return {
    code,
    message: 'The GPU ran out of memory. The model was loaded on WASM, and the request ran there.',
  };
}
