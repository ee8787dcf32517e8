import { accepts, type FieldTable, type Spec, toGrid } from '../schema/field.ts';
import { recordFields, serviceFields } from '../schema/fields.ts';
import type { Masked } from '../schema/masked.ts';
import { type AttributeKey, type Attributes, attributeKeys, type Measurement } from '../schema/metrics.ts';
import { outcomeFields } from '../schema/outcome-fields.ts';
import { isPersonal } from '../schema/personal-data.ts';
import type { OutcomeRecord, RequestRecord, ServiceIdentity } from '../schema/record.ts';

export interface MaskResult<T> {
  /** Absent where a required field was refused: such a record must not leave, and is counted as a whole. */
  readonly masked: Masked<T> | undefined;
  /** How often each field was dropped, by its name; `unknown` counts keys that no schema names. */
  readonly dropped: Readonly<Record<string, number>>;
}

/** Signals to their grid, times to whole milliseconds; everything else as it is. */
function coarsen(spec: Spec, value: unknown): unknown {
  if (typeof value !== 'number') return value;
  if (spec.kind === 'grid') return toGrid(spec, value);
  return spec.kind === 'instant' || spec.kind === 'duration' ? Math.round(value) : value;
}

/** The value as it may leave, or `undefined`. */
function maskValue(spec: Spec, value: unknown): unknown {
  const coarse = coarsen(spec, value);
  return accepts(spec, coarse) && !isPersonal(spec, coarse) ? coarse : undefined;
}

interface Care<T> {
  /** Shortens a value before it is judged. */
  readonly refine?: { readonly [K in keyof T]?: (value: unknown) => unknown };
  /** What stands in for a refused value. */
  readonly substitute?: (key: keyof T, masked: Partial<Record<keyof T, unknown>>) => unknown;
}

/** Fail closed: only named fields are read, and what is refused, or throws, is dropped and counted. */
function maskFields<T extends object>(table: FieldTable<T>, values: T, care: Care<T> = {}): MaskResult<T> {
  const masked: Partial<Record<keyof T, unknown>> = {};
  const dropped: Record<string, number> = {};
  let complete = true;
  for (const key of Object.keys(table) as (keyof T & string)[]) {
    const { spec, required } = table[key];
    let value: unknown;
    try {
      const found: unknown = values[key];
      if (found === undefined && !required) continue;
      const refine = care.refine?.[key];
      value = maskValue(spec, refine === undefined ? found : refine(found));
    } catch {
      value = undefined;
    }
    if (value === undefined) dropped[key] = 1;
    const kept = value ?? care.substitute?.(key, masked);
    if (kept !== undefined) masked[key] = kept;
    else if (required) complete = false;
  }
  const unknown = Object.keys(values).filter((key) => !Object.hasOwn(table, key)).length;
  if (unknown > 0) dropped.unknown = unknown;
  // The brand is given here, and to measurements.
  return { masked: complete ? (masked as unknown as Masked<T>) : undefined, dropped };
}

/** A folder or file URL names a disk or a host: only its last segment may pass for a model's name. */
function shortModelId(modelId: unknown): unknown {
  if (typeof modelId !== 'string') return modelId;
  const path = modelId.replace(/[?#].*$/s, '').replace(/\/+$/, '');
  return /^[a-z][a-z0-9+.-]*:|^[./~\\]|\/.*\//i.test(path) ? path.split(/[/\\]/).at(-1) : path;
}

/**
 * The digest joins records of one install and one month, far below 2^64 of them: 128 bits tell their inputs
 * apart, and half of what compresses worst in a record stays at home.
 */
const shortDigest = (digest: unknown): unknown =>
  typeof digest === 'string' && /^[0-9a-f]{64}$/.test(digest) ? digest.slice(0, 32) : digest;

/** What may be told of texts, or `undefined`: without one, none is. */
export type TextMask = Readonly<Record<'inputText' | 'outputText', (text: unknown) => string | undefined>>;
const untold: TextMask = { inputText: () => undefined, outputText: () => undefined };

/**
 * A request record as it may leave the page: fields of the schema only, signals rounded to their grid
 * (probabilities to 0.005, entropies to 0.05 nats), times to milliseconds, the input's digest to 128 bits,
 * and no identifier that holds personal data. A refused `requestId` becomes the record's own id, a refused `modelId` `local`.
 */
export const maskRecord = (record: RequestRecord, texts: TextMask = untold): MaskResult<RequestRecord> =>
  maskFields<RequestRecord>(recordFields, record, {
    refine: {
      modelId: shortModelId,
      inputDigest: shortDigest,
      retrievedDigest: shortDigest,
      outputDigest: shortDigest,
      ...texts,
    },
    substitute: (key, masked) =>
      key === 'requestId' ? masked.recordId : key === 'modelId' ? 'local' : undefined,
  });

/** The application's identity as it may leave; a refused name becomes OpenTelemetry's `unknown_service`. */
export const maskService = (service: ServiceIdentity): MaskResult<ServiceIdentity> =>
  maskFields<ServiceIdentity>(serviceFields, service, {
    substitute: (key) => (key === 'name' ? 'unknown_service' : undefined),
  });

/** An outcome as it may leave: fields of the schema only, amounts to hundredths, no identifier with personal data. */
export const maskOutcome = (outcome: OutcomeRecord): MaskResult<OutcomeRecord> =>
  maskFields<OutcomeRecord>(outcomeFields, outcome);

/** Three digits say no more than a signal's grid does. */
const coarseValue = (value: number): number => Number(value.toPrecision(3));

/** A measurement as it may leave: attributes by the rules of the record, values to three digits; the others are left out. */
export function maskMeasurement({ at, about, values }: Measurement): Masked<Measurement> {
  const known: Partial<Record<AttributeKey, unknown>> = {};
  for (const key of attributeKeys) {
    const value = key === 'modelId' ? shortModelId(about[key]) : about[key];
    if (value === undefined) continue;
    known[key] = maskValue(recordFields[key].spec, value) ?? (key === 'modelId' ? 'local' : undefined);
  }
  const sound = values.filter(({ value, times = 1 }) => value >= 0 && Number.isFinite(value) && times >= 1);
  const measurement: Measurement = {
    at,
    about: known as Attributes,
    values: sound.map(({ metric, value, times = 1 }) => ({
      metric,
      value: coarseValue(value),
      times: Math.round(times),
    })),
  };
  return measurement as Masked<Measurement>;
}
