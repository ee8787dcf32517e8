import type { Instrumented } from '../instrument/instrumented.ts';
import { SondeError } from '../shared/errors.ts';
import { emptyPlan, type Plan } from '../shared/plan.ts';
import type { LoadedModel } from './model.ts';

/** The exact names that some patterns stand for in a graph, or why there are none. */
function namesIn(graph: Instrumented, patterns: readonly string[]): readonly string[] | SondeError {
  try {
    return graph.resolve(patterns);
  } catch (error) {
    if (error instanceof SondeError) return error;
    throw error;
  }
}

/**
 * What a model is to give for some patterns. In a model of several graphs a pattern has to match in one of them.
 * @throws SondeError `hook_unknown` | `hook_unavailable`, see `Instrumented.resolve`
 */
export function planFor(models: readonly LoadedModel[], patterns: readonly string[]): Plan {
  if (patterns.length === 0) return emptyPlan;
  const graphs = models.map(({ instrumented }) => instrumented);
  for (const pattern of patterns) {
    const refusals = graphs.map((graph) => namesIn(graph, [pattern])).filter((each) => 'code' in each);
    if (refusals.length < graphs.length) continue;
    throw refusals.find(({ code }) => code === 'hook_unavailable') ?? refusals[0];
  }
  const taps = graphs.flatMap((graph) => {
    const own = patterns.filter((pattern) => !('code' in namesIn(graph, [pattern])));
    return own.length === 0 ? [] : graph.resolve(own);
  });
  return { ...emptyPlan, taps };
}

/** The part of a plan that is this graph's own. */
export const ownPlan = ({ instrumented }: LoadedModel, { taps, edits }: Plan): Plan => ({
  taps: taps.filter((tap) => !('code' in namesIn(instrumented, [tap]))),
  edits: edits.filter(({ hook }) => !('code' in namesIn(instrumented, [hook]))),
});
