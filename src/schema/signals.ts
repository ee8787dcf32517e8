import type { Field, Notes, PrivacyClass } from './field.ts';
import { recordFields, serviceFields } from './fields.ts';
import { exportFields, type MetricKey, metricFields } from './metrics.ts';
import { exportNotes, metricNotes, recordNotes, serviceNotes } from './notes.ts';
import { outcomeEvent, outcomeFields } from './outcome-fields.ts';
import { outcomeNotes } from './outcome-notes.ts';

/**
 * How far a signal goes. `device`: it never leaves. 0: added up over all requests. 1: on a record, one a request, and
 * on what is told of it later.
 */
export type Tier = 'device' | 0 | 1;

/** One line of the signal map. */
export interface Signal {
  readonly name: string;
  /** `1` has none. */
  readonly unit: string;
  readonly tier: Tier;
  /** `local` never leaves the page. */
  readonly privacy: PrivacyClass | 'local';
  readonly stability: 'stable' | 'experimental';
  readonly description: string;
}

const local = (
  name: string,
  unit: string,
  description: string,
  stability: Signal['stability'] = 'stable',
): Signal => ({ name, unit, tier: 'device', privacy: 'local', stability, description });

/** What the page computes and keeps. */
const onDevice: readonly Signal[] = [
  local('step.confidence', 'probability', 'Of the chosen token, over the full vocabulary.'),
  local('step.log_probability', 'nats', 'Of the chosen token; its surprisal with the other sign.'),
  local('step.entropy', 'nats', 'Of one step, over the full vocabulary.'),
  local('step.margin', 'probability', 'p(first) - p(second) of one step.'),
  local('step.top_k', 'probability', 'The likeliest tokens of one step, with their text.'),
  local('sequence.perplexity', '1', 'exp of the mean surprisal.'),
  local('logits.energy', '1', '-T ln sum exp(z / T): higher = less like the training data.'),
  local('logits.varentropy', 'nats^2', 'Variance of the surprisal.'),
  local('classes.probability', 'probability', 'Of every class, at the temperature of the card.'),
  local('classes.prediction_set', 'classes', 'Split-conformal, with its coverage.', 'experimental'),
  local(
    'calibration.error',
    'probability',
    'ECE, MCE, RMSCE, Brier and NLL on labelled data.',
    'experimental',
  ),
  local('hosted.bounds', 'as bounded', 'Intervals from the truncated logprobs of an API.', 'experimental'),
  local(
    'probe.stability',
    'probability',
    'Agreement of answers to a question put differently.',
    'experimental',
  ),
  local('embedding.norm', '1', 'Length of an embedding.', 'experimental'),
  local('embedding.distance', '1', 'From the centroid of a baseline.', 'experimental'),
  local('activations', '1', 'Values of every hook, as captured.'),
  local('activations.statistics', '1', 'Mean, deviation, maximum, zeros, not finite; norms by position.'),
  local(
    'activations.simhash',
    'bits',
    "On which sides of 64 random planes a hook's mean over its rows lies; salted per install.",
    'experimental',
  ),
  local('attention.pattern', 'probability', 'Of every head.'),
  local('attention.entropy', 'nats', 'Of the rows of a head.'),
  local('attention.head_scores', 'probability', 'Previous token, first token, induction.'),
  local('attention.flow', 'probability', 'Rollout and max-flow through the layers.'),
  local(
    'attribution.direct_logit',
    'logits',
    'What each part of the stream adds to a logit.',
    'experimental',
  ),
  local('attribution.occlusion', 'as valued', 'Loss without one player; Shapley values.', 'experimental'),
  local(
    'drift',
    'as measured',
    'PSI, KL, JS, Hellinger, W1, KS, centroid, Mahalanobis, ranks.',
    'experimental',
  ),
];

const sent = <T extends object>(
  fields: Readonly<Record<keyof T & string, Field>>,
  notes: Notes<T>,
  event?: string,
): readonly Signal[] =>
  (Object.keys(fields) as (keyof T & string)[]).map((key) => {
    const { wire, spec } = fields[key];
    const { unit, privacy, stability, description } = notes[key];
    return {
      name: event === undefined ? wire : `${wire} (${event})`,
      unit: unit ?? (spec.kind === 'grid' && spec.max === 1 ? 'probability' : '1'),
      tier: 1,
      privacy,
      stability,
      description,
    };
  });

const measured: readonly Signal[] = (Object.keys(metricFields) as MetricKey[]).map((key) => {
  const { name, unit } = metricFields[key];
  return {
    name: `${name} (metric)`,
    unit: unit.replace(/^\{(\w+)\}$/, '$1s'),
    tier: 0,
    privacy: 'operational',
    stability: 'experimental',
    description: metricNotes[key],
  };
});

/** Every signal: what stays on the device, and every field that can leave it. */
export const signalMap = (): readonly Signal[] => [
  ...onDevice,
  ...measured,
  ...sent(recordFields, recordNotes),
  ...sent(outcomeFields, outcomeNotes, outcomeEvent),
  ...sent(serviceFields, serviceNotes),
  ...sent(exportFields, exportNotes),
];
