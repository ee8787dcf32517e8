import { chosenText, type FieldTable, flag, grid, instant, optional, required } from './field.ts';
import { identifier, recordFields } from './fields.ts';
import type { OutcomeRecord } from './record.ts';

export const outcomeEvent = 'sonde.outcome';

/** Hundredths of whatever an application counts in. */
const amount = grid(-10_000_000, 10_000_000, 100);

/** Every field that the outcome of a request can carry; it is joined with the request by its id. */
export const outcomeFields = {
  recordId: recordFields.recordId,
  requestId: recordFields.requestId,
  reportedAt: required('timeUnixNano', instant, 'native'),
  cohort: recordFields.cohort,
  predicted: optional('sonde.outcome.predicted', identifier),
  label: optional('sonde.outcome.label', identifier),
  value: optional('sonde.outcome.value', amount),
  cost: optional('sonde.outcome.cost', amount),
  unsafe: optional('sonde.outcome.unsafe', flag),
  // What the request's own record told, so that a collector needs no join: nothing new of the request.
  modelId: optional('gen_ai.request.model', recordFields.modelId.spec),
  modelDigest: optional('sonde.model.digest', recordFields.modelDigest.spec),
  critical: recordFields.critical,
  inclusionProbability: optional(
    'sonde.sampling.inclusion_probability',
    recordFields.inclusionProbability.spec,
  ),
  signalProbability: recordFields.signalProbability,
  confidenceMean: recordFields.confidenceMean,
  tags: optional('sonde.outcome.tags', chosenText(/^[A-Za-z0-9_.:-]{1,32}(?:,[A-Za-z0-9_.:-]{1,32}){0,7}$/)),
} as const satisfies FieldTable<OutcomeRecord>;
