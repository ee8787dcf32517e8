import { attentionFields, histogramBins, rowFields } from '../shared/statistics.ts';
import type { ActivationSummary, AttentionSummary, Step, StepSummary } from './request.ts';

/**
 * Steps as they cross the thread. Their statistics are some eighty short arrays each, and cloning one takes longer than
 * computing it: they go as one.
 */
export interface PackedSteps {
  readonly steps: readonly PackedStep[];
  /** Of all summaries of all steps, in the order in which they stand. */
  readonly statistics: Float32Array<ArrayBuffer>;
}

export type PackedStep = Omit<Step, 'summaries'> & { readonly summaries?: readonly PackedSummary[] };

interface PackedSummary {
  readonly attention: readonly { readonly hook: string; readonly heads: number; readonly rows: number }[];
  readonly activations: readonly { readonly hook: string; readonly rows: number }[];
}

export function packSteps(steps: readonly Step[]): PackedSteps {
  const arrays: Float32Array[] = [];
  const packed = ({ attention, activations }: StepSummary): PackedSummary => ({
    attention: attention.map(({ hook, heads, ...fields }) => {
      arrays.push(...attentionFields.map((field) => fields[field]));
      return { hook, heads, rows: fields.entropy.length };
    }),
    activations: activations.map(({ hook, ...fields }) => {
      arrays.push(...rowFields.map((field) => fields[field]), fields.histogram);
      return { hook, rows: fields.mean.length };
    }),
  });
  const without = steps.map(({ summaries, ...step }) =>
    summaries === undefined ? step : { ...step, summaries: summaries.map(packed) },
  );
  const statistics = new Float32Array(arrays.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const array of arrays) {
    statistics.set(array, at);
    at += array.length;
  }
  return { steps: without, statistics };
}

/** The steps that were packed; their statistics are views of one buffer. */
export function unpackSteps({ steps, statistics }: PackedSteps): readonly Step[] {
  let at = 0;
  const take = (count: number): Float32Array => {
    at += count;
    return statistics.subarray(at - count, at);
  };
  const columns = <Field extends string>(fields: readonly Field[], rows: number) =>
    Object.fromEntries(fields.map((field) => [field, take(rows)])) as Record<Field, Float32Array>;
  const unpacked = ({ attention, activations }: PackedSummary): StepSummary => ({
    attention: attention.map(
      ({ hook, heads, rows }): AttentionSummary => ({ hook, heads, ...columns(attentionFields, rows) }),
    ),
    activations: activations.map(
      ({ hook, rows }): ActivationSummary => ({
        hook,
        ...columns(rowFields, rows),
        histogram: take(rows * histogramBins),
      }),
    ),
  });
  return steps.map(({ summaries, ...step }) =>
    summaries === undefined ? step : { ...step, summaries: summaries.map(unpacked) },
  );
}
