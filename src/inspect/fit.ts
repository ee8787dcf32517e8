import type { GenerateOptions } from '../protocol/request.ts';
import { SondeError } from '../shared/errors.ts';

/** A prompt that a model can take, and how far it may go on. */
export interface Fitted {
  readonly ids: readonly number[];
  readonly maxNewTokens: number;
  readonly truncated: boolean;
  /** Most tokens that a forward sees, where the text may outgrow them. */
  readonly window?: number;
}

/**
 * @param context of the model, where its config says one
 * @throws SondeError `context_overflow` where that was asked for
 */
export function fitPrompt(
  ids: readonly number[],
  context: number | undefined,
  { maxNewTokens: wanted = 32, overflow = 'truncate' }: GenerateOptions,
): Fitted {
  if (context === undefined) return { ids, maxNewTokens: wanted, truncated: false };
  if (overflow === 'error' && ids.length + wanted > context) {
    throw new SondeError(
      'context_overflow',
      `${ids.length} tokens of prompt and ${wanted} new ones exceed the model's context of ${context}.`,
      'Shorten the prompt, ask for fewer tokens, or choose overflow "truncate" or "slide".',
    );
  }
  const slides = overflow === 'slide';
  const maxNewTokens = slides ? wanted : Math.min(wanted, context - 1);
  const room = slides ? context : context - maxNewTokens;
  return {
    ids: ids.length > room ? ids.slice(-room) : ids,
    maxNewTokens,
    truncated: ids.length > room,
    ...(slides ? { window: context } : {}),
  };
}
