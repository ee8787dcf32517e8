import { compareReplay, type Replay } from '../protocol/replay.ts';
import type { Classification, GenerateOptions, GenerationEnd, Message, Step } from '../protocol/request.ts';
import type { SavedRequest, SavedToken } from '../protocol/saved-request.ts';
import type { Abortable, Model } from './api.ts';

/** A classification as plain JSON, for a person's own disk: it holds the text. */
export const saveClassification = (text: string, { classes, provenance }: Classification): SavedRequest => ({
  format: 'sonde-request/1',
  operation: 'classify',
  input: text,
  classes,
  provenance,
});

/**
 * A generation as plain JSON, for a person's own disk: it holds the prompt. Of one that was stopped, the part that was
 * made.
 * @param options those of the generation
 * @param steps all of them
 */
export function saveGeneration(
  prompt: string | readonly Message[],
  { signal: _signal, ...options }: GenerateOptions & Abortable,
  steps: readonly Pick<Step, 'token' | 'logProbability'>[],
  { provenance, reason }: GenerationEnd,
): SavedRequest {
  const {
    requestId: _requestId,
    cohort: _cohort,
    flow: _flow,
    critical: _critical,
    traceparent: _traceparent,
    origin: _origin,
    templateVersion: _templateVersion,
    editsSincePaste: _edits,
    violations: _violations,
    suspicious: _suspicious,
    captureBudget: _budget,
    ...decisive
  } = options;
  return {
    format: 'sonde-request/1',
    operation: 'generate',
    input: prompt,
    options: reason === 'aborted' ? { ...decisive, maxNewTokens: steps.length } : decisive,
    tokens: savedTokens(steps),
    provenance,
  };
}

const savedTokens = (steps: readonly Pick<Step, 'token' | 'logProbability'>[]): readonly SavedToken[] =>
  steps.map(({ token, logProbability }) => ({ ...token, logProbability }));

/**
 * Makes a saved request again and says what differs. It is a request like any other: it is recorded, and counts for
 * drift.
 * @throws SondeError what the request itself throws
 */
export async function replayRequest(
  model: Model,
  saved: SavedRequest,
  { signal }: Abortable = {},
): Promise<Replay> {
  const stop = signal === undefined ? {} : { signal };
  if (saved.operation === 'classify') {
    const { classes, provenance } = await model.classify(saved.input, stop);
    return compareReplay(saved, { classes, provenance });
  }
  const generation = model.generate(saved.input, { ...saved.options, ...stop });
  const steps: Step[] = [];
  for await (const step of generation) steps.push(step);
  const { provenance } = await generation.end;
  return compareReplay(saved, { provenance, tokens: savedTokens(steps) });
}
