/** An identifier, digest or version: never free text. `pattern` matches the whole value. */
export interface TextSpec {
  readonly kind: 'text';
  readonly pattern: RegExp;
  /** True where an application chooses the value, so it is searched for personal data too, at both ends. */
  readonly chosenByApplication: boolean;
}

/**
 * What somebody wrote or a model answered, masked: it leaves only where the application asked for it. Both ends hold it
 * against the detectors of prose.ts.
 */
export interface ProseSpec {
  readonly kind: 'prose';
  /** UTF-16 units. */
  readonly most: number;
}

/** One of a closed set; maps the value inside to its name on the wire. */
export interface ChoiceSpec<Value extends string = string> {
  readonly kind: 'choice';
  readonly values: Readonly<Record<Value, string>>;
}

export interface WholeSpec {
  readonly kind: 'whole';
  readonly min: number;
  readonly max: number;
}

/** Whole milliseconds since the Unix epoch inside, nanoseconds on the wire. */
export interface InstantSpec {
  readonly kind: 'instant';
}

/** Whole milliseconds inside, seconds on the wire (OpenTelemetry's unit). */
export interface DurationSpec {
  readonly kind: 'duration';
  readonly max: number;
}

/** A signal rounded to `steps` per unit: (max - min) * steps + 1 <= 256 values, so at most 8 bits of it leave. */
export interface GridSpec {
  readonly kind: 'grid';
  readonly min: number;
  readonly max: number;
  readonly steps: number;
}

/** A number that says nothing about the input, kept exact. In (0, max]. */
export interface ExactSpec {
  readonly kind: 'exact';
  readonly max: number;
}

export interface FlagSpec {
  readonly kind: 'flag';
}

export type Spec =
  | TextSpec
  | ProseSpec
  | ChoiceSpec
  | WholeSpec
  | InstantSpec
  | DurationSpec
  | GridSpec
  | ExactSpec
  | FlagSpec;

/** The specs that can describe a TypeScript type, so a table entry of the wrong kind does not compile. */
export type SpecOf<Value> = [Value] extends [boolean]
  ? FlagSpec
  : [Value] extends [number]
    ? WholeSpec | InstantSpec | DurationSpec | GridSpec | ExactSpec
    : [Value] extends [string]
      ? TextSpec | ProseSpec | ChoiceSpec<Value>
      : never;

/**
 * Where a field travels in an OTLP export. `resource` and `scope`: once for all records that share it;
 * `attribute`: on the record; `native`: a field that OTLP's LogRecord has by itself.
 */
export type Carrier = 'resource' | 'scope' | 'attribute' | 'native';

/**
 * public: same for everyone; operational: about the machine or the run; pseudonymous: links records of one install;
 * content: what people wrote.
 */
export type PrivacyClass = 'public' | 'operational' | 'pseudonymous' | 'content';

export interface Field<Value = unknown> {
  readonly wire: string;
  readonly carrier: Carrier;
  readonly spec: unknown extends Value ? Spec : SpecOf<Value>;
  readonly required: boolean;
}

/** What people are told of a field. */
export interface Note {
  readonly unit?: string;
  readonly privacy: PrivacyClass;
  readonly stability: 'stable' | 'experimental';
  readonly description: string;
}

export type Notes<T> = { readonly [K in keyof T]-?: Note };

/** One entry per key of `T`, required exactly where the type says so: a missing or stray key does not compile. */
export type FieldTable<T> = {
  readonly [K in keyof T]-?: Field<Exclude<T[K], undefined>> & {
    readonly required: undefined extends T[K] ? false : true;
  };
};

const fieldOf =
  <Required extends boolean>(required: Required) =>
  <S extends Spec>(wire: string, spec: S, carrier: Carrier = 'attribute') => ({
    wire,
    carrier,
    spec,
    required,
  });
export const required = fieldOf(true);
export const optional = fieldOf(false);

/** A day; nothing in a page runs longer and still means a request. */
const longest = 86_400_000;
/** 2020-01-01: an earlier client clock is wrong, and so is one in the next century. */
const earliest = 1_577_836_800_000;
const latest = 4_102_444_800_000;

export const text = (pattern: RegExp): TextSpec => ({ kind: 'text', pattern, chosenByApplication: false });
export const chosenText = (pattern: RegExp): TextSpec => ({
  kind: 'text',
  pattern,
  chosenByApplication: true,
});
export const prose = (most: number): ProseSpec => ({ kind: 'prose', most });
export const choice = <Value extends string>(values: Readonly<Record<Value, string>>): ChoiceSpec<Value> => ({
  kind: 'choice',
  values,
});
/** One of these, under the same name on the wire. */
export const words = <Value extends string>(...values: readonly Value[]): ChoiceSpec<Value> =>
  choice(Object.fromEntries(values.map((value) => [value, value])) as unknown as Record<Value, string>);
export const whole = (min: number, max: number): WholeSpec => ({ kind: 'whole', min, max });
export const instant: InstantSpec = { kind: 'instant' };
export const duration: DurationSpec = { kind: 'duration', max: longest };
export const grid = (min: number, max: number, steps: number): GridSpec => ({
  kind: 'grid',
  min,
  max,
  steps,
});
export const exact = (max: number): ExactSpec => ({ kind: 'exact', max });
export const flag: FlagSpec = { kind: 'flag' };

/** The nearest value of the grid, as the double that prints shortest. */
export const toGrid = (spec: GridSpec, value: number): number => Math.round(value * spec.steps) / spec.steps;

const isWhole = (value: unknown, min: number, max: number): boolean =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max;

/** Control characters but tab and line feed, and halves of a surrogate pair. */
export const unprintable = /(?![\t\n])\p{Cc}|\p{Cs}/gu;

/** Whether a value may leave the page and enter the log: the same test at both ends. */
export function accepts(spec: Spec, value: unknown): boolean {
  switch (spec.kind) {
    case 'text':
      return typeof value === 'string' && spec.pattern.test(value);
    case 'prose':
      return (
        typeof value === 'string' &&
        value.length > 0 &&
        value.length <= spec.most &&
        value === value.normalize('NFKC') &&
        value.search(unprintable) === -1
      );
    case 'choice':
      return typeof value === 'string' && Object.hasOwn(spec.values, value);
    case 'whole':
      return isWhole(value, spec.min, spec.max);
    case 'instant':
      return isWhole(value, earliest, latest);
    case 'duration':
      return isWhole(value, 0, spec.max);
    case 'grid':
      return (
        typeof value === 'number' &&
        value >= spec.min &&
        value <= spec.max &&
        Object.is(toGrid(spec, value), value)
      );
    case 'exact':
      return typeof value === 'number' && value > 0 && value <= spec.max;
    case 'flag':
      return typeof value === 'boolean';
  }
}
