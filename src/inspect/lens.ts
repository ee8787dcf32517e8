import { observeStatistics } from '../observe/token.ts';
import type { TextRequest } from '../protocol/calls.ts';
import type { Lens, RequestContext } from '../protocol/request.ts';
import { logitLens, streamHooks } from '../run/lens.ts';
import { emptyPlan } from '../shared/plan.ts';
import { type Surroundings, tokensOf, tracked } from './answers.ts';
import { tokenOf } from './inputs.ts';
import type { ModelEntry } from './model-entry.ts';

/** Likeliest tokens of each position and layer. */
const shown = 5;

/** What the model would say after each of its blocks: one forward for the streams, one for each lens. */
export async function lens(
  entry: ModelEntry,
  around: Surroundings,
  { text }: TextRequest,
  context: RequestContext,
): Promise<Lens> {
  const hooks = streamHooks(entry.model);
  const plan = { ...emptyPlan, taps: hooks };
  return tracked(entry, around, 'capture', text, plan, context, async ({ ids }) => {
    const rows = await logitLens(entry.model, ids, shown);
    const layers = hooks.map((hook, layer) => ({
      hook,
      positions: (rows[layer] ?? []).map((statistics) => {
        const { entropy, margin, topK } = observeStatistics(statistics, statistics.top[0]?.logit ?? 0, shown);
        const top = topK.map(({ id, probability }) => ({ ...tokenOf(entry.tokenizer, id), probability }));
        return { entropy, margin, topK: top };
      }),
    }));
    return { end: {}, answer: (provenance) => ({ tokens: tokensOf(entry, ids), layers, provenance }) };
  });
}
