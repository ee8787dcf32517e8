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
  modelId: {
    privacy: 'operational',
    stability: 'experimental',
    description:
      "As on the request's record, where that was made in the same page life; so are the five below. They let a collector count without a join.",
  },
  modelDigest: {
    privacy: 'public',
    stability: 'experimental',
    description: 'As on the request.',
  },
  critical: {
    privacy: 'operational',
    stability: 'experimental',
    description: 'As on the request.',
  },
  inclusionProbability: {
    privacy: 'public',
    stability: 'experimental',
    description: 'As on the request: an outcome is sent where its request was.',
  },
  signalProbability: {
    privacy: 'public',
    stability: 'experimental',
    description: 'As on the request, with the confidence.',
  },
  confidenceMean: {
    unit: 'probability',
    privacy: 'operational',
    stability: 'experimental',
    description: 'As the request told it, in its band; absent where it told none, and under an epsilon.',
  },
  tags: {
    privacy: 'operational',
    stability: 'experimental',
    description: 'Up to eight words of the application, joined by commas.',
  },
};
