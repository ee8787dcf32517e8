import type { Notes } from './field.ts';
import type { OutcomeRecord } from './record.ts';

/** What people are told of the fields of an outcome. */
export const outcomeNotes: Notes<OutcomeRecord> = {
  recordId: {
    privacy: 'operational',
    stability: 'experimental',
    description: 'UUIDv7 of this record.',
  },
  requestId: {
    privacy: 'operational',
    stability: 'experimental',
    description: 'The request that it is the outcome of.',
  },
  reportedAt: {
    unit: 'ms since the epoch',
    privacy: 'operational',
    stability: 'experimental',
    description: "When the application told, by the client's clock.",
  },
  cohort: {
    privacy: 'operational',
    stability: 'experimental',
    description: 'As on the request.',
  },
  predicted: {
    privacy: 'operational',
    stability: 'experimental',
    description: 'Class that the model gave, as the application tells it.',
  },
  label: {
    privacy: 'operational',
    stability: 'experimental',
    description: 'Class that it turned out to be.',
  },
  value: {
    privacy: 'operational',
    stability: 'experimental',
    description: 'What it was worth, in a unit of the application.',
  },
  cost: {
    privacy: 'operational',
    stability: 'experimental',
    description: 'What it cost, in the same unit.',
  },
  unsafe: {
    privacy: 'operational',
    stability: 'experimental',
    description: 'Whether a safety rule was triggered.',
  },
  tags: {
    privacy: 'operational',
    stability: 'experimental',
    description: 'Up to eight words of the application, joined by commas.',
  },
};
