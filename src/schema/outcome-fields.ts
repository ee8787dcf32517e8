import { chosenText, type FieldTable, flag, grid, instant, text } from './field.ts';
import type { OutcomeRecord } from './record.ts';

export const outcomeEvent = 'sonde.outcome';

const identifier = chosenText(/^[A-Za-z0-9_.:-]{1,64}$/);
/** Hundredths of whatever an application counts in. */
const amount = grid(-10_000_000, 10_000_000, 100);

/** Every field that the outcome of a request can carry; it is joined with the request by its id. */
export const outcomeFields = {
  recordId: {
    wire: 'sonde.record.id',
    carrier: 'attribute',
    spec: text(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
    required: true,
  },
  requestId: {
    wire: 'sonde.request.id',
    carrier: 'attribute',
    spec: identifier,
    required: true,
  },
  reportedAt: {
    wire: 'timeUnixNano',
    carrier: 'native',
    spec: instant,
    required: true,
  },
  cohort: {
    wire: 'sonde.cohort',
    carrier: 'attribute',
    spec: identifier,
    required: false,
  },
  predicted: {
    wire: 'sonde.outcome.predicted',
    carrier: 'attribute',
    spec: identifier,
    required: false,
  },
  label: {
    wire: 'sonde.outcome.label',
    carrier: 'attribute',
    spec: identifier,
    required: false,
  },
  value: {
    wire: 'sonde.outcome.value',
    carrier: 'attribute',
    spec: amount,
    required: false,
  },
  cost: {
    wire: 'sonde.outcome.cost',
    carrier: 'attribute',
    spec: amount,
    required: false,
  },
  unsafe: {
    wire: 'sonde.outcome.unsafe',
    carrier: 'attribute',
    spec: flag,
    required: false,
  },
  tags: {
    wire: 'sonde.outcome.tags',
    carrier: 'attribute',
    spec: chosenText(/^[A-Za-z0-9_.:-]{1,32}(?:,[A-Za-z0-9_.:-]{1,32}){0,7}$/),
    required: false,
  },
} as const satisfies FieldTable<OutcomeRecord>;
