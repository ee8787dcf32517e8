import type { Plan } from '../shared/plan.ts';
import type { LoadedModel } from './model.ts';

/** The part of a plan that is this graph's own. */
export const ownPlan = ({ instrumented }: LoadedModel, { taps, edits }: Plan): Plan => ({
  taps: taps.filter((tap) => instrumented.has(tap)),
  edits: edits.filter(({ hook }) => instrumented.has(hook)),
});
