/** Every code a `SondeError` can carry; applications switch on these, so none is ever renamed. */
export type ErrorCode =
  | 'aborted'
  | 'capture_too_large'
  | 'context_overflow'
  | 'device_lost'
  | 'disposed'
  | 'empty_input'
  | 'file_not_found'
  | 'graph_unsupported'
  | 'hook_unavailable'
  | 'hook_unknown'
  | 'invalid_argument'
  | 'invalid_plan'
  | 'model_invalid'
  | 'model_not_found'
  | 'network'
  | 'no_browser'
  | 'no_device'
  | 'out_of_memory'
  | 'run_failed'
  | 'second_runtime'
  | 'storage_blocked'
  | 'tokenizer_mismatch'
  | 'version_mismatch'
  | 'worker_failed'
  | 'wrong_task';

/**
 * The one error class of Sonde. `message` says what happened, `remedy` what to do about it;
 * both are plain sentences without user text, so they may be shown and counted.
 */
export class SondeError extends Error {
  override readonly name = 'SondeError';
  readonly code: ErrorCode;
  readonly remedy: string;

  constructor(code: ErrorCode, message: string, remedy: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
    this.remedy = remedy;
  }
}

/** What crosses a thread: structured clone drops the class and its fields. */
export interface WireError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly remedy: string;
  readonly stack?: string;
}

export function toWireError(error: unknown): WireError {
  if (error instanceof SondeError) {
    const { code, message, remedy, stack } = error;
    return { code, message, remedy, ...(stack === undefined ? {} : { stack }) };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'run_failed', message, remedy: 'This is unexpected: please report it with the model id.' };
}

export function fromWireError(wire: WireError): SondeError {
  const error = new SondeError(wire.code, wire.message, wire.remedy);
  if (wire.stack !== undefined) error.stack = wire.stack;
  return error;
}
