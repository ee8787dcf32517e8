import { type Cursor, type Literal, literal } from './cursor.ts';
import { accepts, type Field, type ProseSpec, type Spec, type TextSpec } from './field.ts';
import { eventName, type RecordField, recordFields } from './fields.ts';
import { severity } from './otlp.ts';
import { isPersonal } from './personal-data.ts';
import type { RequestRecord } from './record.ts';

/** What a collector looks at when a record comes; the rest is only stored. */
export interface Measured
  extends Pick<
    RequestRecord,
    'modelId' | 'modelDigest' | 'endedAt' | 'outcome' | 'duration' | 'inclusionProbability'
  > {
  readonly introspectionDuration?: RequestRecord['introspectionDuration'] | undefined;
  readonly cohort?: string | undefined;
  readonly confidenceMean?: RequestRecord['confidenceMean'] | undefined;
  readonly entropyMean?: RequestRecord['entropyMean'] | undefined;
  readonly signalProbability?: RequestRecord['signalProbability'] | undefined;
}

/**
 * Reads the value at the cursor and writes it, and leaves the cursor behind it. What it gives is the value
 * inside, or `undefined` for what the general reader has to judge; then it may leave the cursor anywhere.
 */
type Read = (cursor: Cursor) => unknown;

interface CompactField {
  readonly key: RecordField;
  readonly required: boolean;
  /** What stands before the value and behind it: as it is sent, and as it is stored. */
  readonly open: Literal;
  readonly close: Literal;
  readonly begin: Literal;
  readonly end: Literal;
  readonly read: Read;
}

/** A word for each value: as it is sent, with the character that ends it, and as it is stored. */
function wordReader(values: readonly (readonly [sent: string, value: unknown])[]): Read {
  const words = values.map(([sent, value]) => ({
    sent: literal(sent),
    value,
    stored: literal(String(value)),
  }));
  return (cursor) => {
    for (const { sent, value, stored } of words)
      if (cursor.skip(sent)) {
        cursor.at -= 1;
        cursor.write(stored);
        return value;
      }
    return undefined;
  };
}

/** A number that is stored as it was sent. */
function numberReader(spec: Spec, read: (cursor: Cursor) => number | undefined): Read {
  return (cursor) => {
    const from = cursor.at;
    const value = read(cursor);
    if (value === undefined || !accepts(spec, value)) return undefined;
    cursor.copy(from);
    return value;
  };
}

/** Nanoseconds there, of which the last six digits are 0; milliseconds here. */
function instantReader(spec: Spec): Read {
  const zeros = literal('000000');
  return (cursor) => {
    const from = cursor.at;
    cursor.digits();
    const to = cursor.at - zeros.length;
    if (to - from !== 13) return undefined;
    cursor.at = to;
    const value = Number(cursor.text.slice(from, to));
    if (!cursor.skip(zeros) || !accepts(spec, value)) return undefined;
    cursor.writeNumber(value);
    return value;
  };
}

/** Seconds there, whole milliseconds here. */
function durationReader(spec: Spec): Read {
  return (cursor) => {
    const seconds = cursor.decimal();
    if (seconds === undefined) return undefined;
    const value = Math.round(seconds * 1000);
    if (!accepts(spec, value)) return undefined;
    cursor.writeNumber(value);
    return value;
  };
}

const mostKnown = 1000;

/** Few cohorts stand in many records: those found good are not searched again. */
function remember(judge: (value: string) => boolean): (raw: string) => string | undefined {
  const known = new Map<string, string>();
  return (raw) => {
    if (raw.length > 24) return judge(raw) ? raw : undefined;
    const found = known.get(raw);
    if (found !== undefined) return found;
    if (!judge(raw)) return undefined;
    if (known.size >= mostKnown) known.clear();
    // A slice of a text keeps the whole of it in memory; this makes a text of its own.
    const own = JSON.parse(JSON.stringify(raw)) as string;
    known.set(own, own);
    return own;
  };
}

function textReader(spec: TextSpec): Read {
  // From the cursor to the quote behind the value: a pattern is of the whole value, and takes no quote.
  const pattern = new RegExp(`(?:${spec.pattern.source.replace(/^\^|\$$/g, '')})"`, 'y');
  const judge = remember((value) => !isPersonal(spec, value));
  return (cursor) => {
    const from = cursor.at;
    pattern.lastIndex = from;
    if (!pattern.test(cursor.text)) return undefined;
    cursor.at = pattern.lastIndex - 1;
    cursor.copy(from);
    // Only what an application chose is kept, and made a text for it.
    return spec.chosenByApplication ? judge(cursor.text.slice(from, cursor.at)) : true;
  };
}

/** How OTLP/JSON writes a value of this kind, and how that is read. */
function layoutOf(spec: Exclude<Spec, ProseSpec>): {
  readonly carrier: string;
  readonly quote: '"' | '';
  readonly read: Read;
} {
  switch (spec.kind) {
    case 'text':
      return { carrier: 'stringValue', quote: '"', read: textReader(spec) };
    case 'choice': {
      const values = Object.entries<string>(spec.values);
      const read = wordReader(values.map(([value, sent]) => [`${sent}"`, value]));
      return { carrier: 'stringValue', quote: '"', read };
    }
    case 'whole':
      return { carrier: 'intValue', quote: '"', read: numberReader(spec, (cursor) => cursor.whole()) };
    case 'instant':
      return { carrier: 'intValue', quote: '"', read: instantReader(spec) };
    case 'duration':
      return { carrier: 'doubleValue', quote: '', read: durationReader(spec) };
    case 'grid':
    case 'exact':
      return { carrier: 'doubleValue', quote: '', read: numberReader(spec, (cursor) => cursor.decimal()) };
    case 'flag':
      return {
        carrier: 'boolValue',
        quote: '',
        read: wordReader([
          ['true}', true],
          ['false}', false],
        ]),
      };
  }
}

/** Every field but prose, which is for the general reader. */
function fieldOf(key: Exclude<RecordField, 'inputText' | 'outputText'>): CompactField {
  const { carrier, wire, required }: Field = recordFields[key];
  const { spec } = recordFields[key];
  const { quote, read, carrier: type } = layoutOf(spec);
  const [open, close] =
    carrier === 'native'
      ? [`"${wire}":"`, '",']
      : [`{"key":"${wire}","value":{"${type}":${quote}`, `${quote}}}`];
  const end = spec.kind === 'text' || spec.kind === 'choice' ? '"' : '';
  return {
    key,
    required,
    read,
    open: literal(open),
    close: literal(close),
    begin: literal(`,"${key}":${end}`),
    end: literal(end),
  };
}

const times = (['startedAt', 'endedAt'] as const).map(fieldOf);
const ids = (['traceId', 'spanId'] as const).map(fieldOf);
const attributes = (Object.keys(recordFields) as RecordField[])
  .filter((key) => key !== 'inputText' && key !== 'outputText')
  .filter((key) => recordFields[key].carrier === 'attribute')
  .map(fieldOf);
/** Between the two pairs of native fields; which of the three, the outcome says. */
const middles = Object.values(severity).map((number) =>
  literal(`"severityNumber":${number},"eventName":"${eventName}",`),
);
const open = literal('{');
const attributesOpen = literal('"attributes":[');
const comma = literal(',');
const attributesClose = literal(']}');
const close = literal('}');

/**
 * The inverse of `encodeLogs` on the bytes that it writes: fields in the table's order, no white space, no
 * escapes. It reads good records only, straight into the bytes that are stored, and makes no text or object of
 * what nobody looks at. It decides nothing: what is written otherwise, or is not good, is for the general
 * reader in receive.ts.
 */
export class CompactReader {
  readonly #cursor: Cursor;
  /** Of the record that is being read; one object for all of them, because a new one would cost more than reading. */
  readonly #values: Partial<Record<RecordField, unknown>> = Object.fromEntries(
    [...times, ...ids, ...attributes].map(({ key }) => [key, undefined]),
  );

  /** @param cursor whose `out` has room for the whole source: a field takes less when stored than when sent */
  constructor(cursor: Cursor) {
    this.#cursor = cursor;
  }

  /**
   * Reads a record and writes its members as JSON, each behind a comma, and the brace that ends it.
   * @param model of the resource that the record stands under
   * @returns `undefined` where the general reader has to judge the body
   */
  record({ modelId, modelDigest }: Pick<RequestRecord, 'modelId' | 'modelDigest'>): Measured | undefined {
    const cursor = this.#cursor;
    if (!cursor.skip(open) || !this.#all(times)) return undefined;
    if (!middles.some((middle) => cursor.skip(middle))) return undefined;
    if (!this.#all(ids) || !cursor.skip(attributesOpen)) return undefined;
    let more = true;
    for (const field of attributes)
      if (more && this.#member(field)) more = cursor.skip(comma);
      else if (field.required) return undefined;
      else this.#values[field.key] = undefined;
    if (more || !cursor.skip(attributesClose)) return undefined;
    const values = this.#values as unknown as RequestRecord;
    if (values.endedAt < values.startedAt) return undefined;
    cursor.write(close);
    return {
      modelId,
      modelDigest,
      endedAt: values.endedAt,
      outcome: values.outcome,
      duration: values.duration,
      introspectionDuration: values.introspectionDuration,
      inclusionProbability: values.inclusionProbability,
      cohort: values.cohort,
      confidenceMean: values.confidenceMean,
      entropyMean: values.entropyMean,
      signalProbability: values.signalProbability,
    };
  }

  #all(fields: readonly CompactField[]): boolean {
    return fields.every((field) => this.#member(field));
  }

  /** Reads a field if it stands here; a bad value is no field, and then the next one does not stand here either. */
  #member(field: CompactField): boolean {
    const cursor = this.#cursor;
    const { at, to } = cursor;
    if (!cursor.skip(field.open)) return false;
    cursor.write(field.begin);
    const value = field.read(cursor);
    if (value === undefined || !cursor.skip(field.close)) {
      cursor.at = at;
      cursor.to = to;
      return false;
    }
    cursor.write(field.end);
    this.#values[field.key] = value;
    return true;
  }
}
