import type { Outcome } from './record.ts';

/** How tier 0 tells of a quantity: over all requests, sampled or not, as differences since the last export. */
export type Instrument =
  | { readonly kind: 'counter' }
  | { readonly kind: 'exponential'; readonly edges: readonly number[] }
  | { readonly kind: 'explicit'; readonly edges: readonly number[] };

export interface MetricField {
  /** Its name on the wire. */
  readonly name: string;
  readonly unit: string;
  readonly instrument: Instrument;
  readonly description: string;
}

/** An edge at 0.2 s exactly: the objective is the fraction at or below it, and quantiles interpolate. */
export const secondsEdges = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2.5, 5, 10, 30];
export const natsEdges = [0.25, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 12.75];
export const probabilityEdges = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1];

/** Everything tier 0 can tell. What is not in this table the collector does not take. */
export const metricFields = {
  requests: {
    name: 'sonde.requests',
    unit: '{request}',
    instrument: { kind: 'counter' },
    description: 'Requests that ended.',
  },
  introspected: {
    name: 'sonde.requests.introspected',
    unit: '{request}',
    instrument: { kind: 'counter' },
    description: 'Requests of which something inside the model was captured.',
  },
  duration: {
    name: 'gen_ai.client.operation.duration',
    unit: 's',
    instrument: { kind: 'exponential', edges: secondsEdges },
    description: 'Whole request.',
  },
  introspection: {
    name: 'sonde.introspection.duration',
    unit: 's',
    instrument: { kind: 'explicit', edges: secondsEdges },
    description: 'Time a request spent on looking inside.',
  },
  entropy: {
    name: 'sonde.token.entropy',
    unit: '{nat}',
    instrument: { kind: 'exponential', edges: natsEdges },
    description: 'Entropy over the full vocabulary, a value a token.',
  },
  confidence: {
    name: 'sonde.token.confidence',
    unit: '1',
    instrument: { kind: 'exponential', edges: probabilityEdges },
    description: 'Probability of the chosen token or class.',
  },
} as const satisfies Readonly<Record<string, MetricField>>;

export type MetricKey = keyof typeof metricFields;

/** The only attributes of a point; a model is named on the resource. */
export const outcomes: readonly Outcome[] = ['ok', 'aborted', 'error'];
export const outcomeAttribute = 'sonde.request.outcome';
