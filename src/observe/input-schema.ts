import type { Violations } from '../shared/violations.ts';

/** What one field of an input may be. Bounds are inclusive. */
export type DeclaredField = { readonly optional?: boolean } & (
  | { readonly kind: 'number'; readonly min?: number; readonly max?: number }
  /** Length in UTF-16 code units, as JavaScript counts. */
  | { readonly kind: 'text'; readonly minLength?: number; readonly maxLength?: number }
  | { readonly kind: 'choice'; readonly of: readonly string[] }
  | { readonly kind: 'flag' }
);

/** What the inputs of training were like, so that those of serving can be held against it. */
export type InputSchema = Readonly<Record<string, DeclaredField>>;

/**
 * Counts where an input is not what was declared; no value of it is kept. Pass the counts with the request
 * (`RequestContext.violations`), and its record carries them.
 */
export function checkInput(schema: InputSchema, input: Readonly<Record<string, unknown>>): Violations {
  let [missing, outOfRange] = [0, 0];
  for (const [name, field] of Object.entries(schema)) {
    const value = Object.hasOwn(input, name) ? input[name] : undefined;
    if (value === undefined) missing += field.optional === true ? 0 : 1;
    else if (!fits(field, value)) outOfRange += 1;
  }
  const extra = Object.keys(input).filter((name) => !Object.hasOwn(schema, name)).length;
  return { missing, extra, outOfRange };
}

const within = (value: number, least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY): boolean =>
  Number.isFinite(value) && value >= least && value <= most;

function fits(field: DeclaredField, value: unknown): boolean {
  switch (field.kind) {
    case 'number':
      return typeof value === 'number' && within(value, field.min, field.max);
    case 'text':
      return typeof value === 'string' && within(value.length, field.minLength, field.maxLength);
    case 'choice':
      return typeof value === 'string' && field.of.includes(value);
    case 'flag':
      return typeof value === 'boolean';
  }
}
