import { accepts, type Field, type Spec } from './field.ts';
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
}

export interface CompactRecord {
  readonly measured: Measured;
  /** The members of the record as JSON, without the braces, each behind a comma. */
  readonly json: string;
}

interface CompactField {
  readonly key: RecordField;
  readonly required: boolean;
  /** Text before the value, the character that ends it, and the text from there on. */
  readonly open: string;
  readonly stop: string;
  readonly close: string;
  /** The value inside, or `undefined` for what the general reader has to judge. */
  readonly read: (raw: string) => unknown;
  /** Begin and end of the member as it is stored; `asSent` where what stands between is what was sent. */
  readonly begin: string;
  readonly end: string;
  readonly asSent: boolean;
}

type Layout = Pick<CompactField, 'read' | 'asSent'> & { readonly carrier: string; readonly quote: '"' | '' };

const jsonNumber = /^-?(?:0|[1-9]\d{0,14})(?:\.\d{1,17})?$/;
const jsonWhole = /^(?:0|[1-9]\d{0,14})$/;
const nanoseconds = /^\d{13}000000$/;
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
    const copy = JSON.parse(JSON.stringify(raw)) as string;
    known.set(copy, copy);
    return copy;
  };
}

/** How OTLP/JSON writes a value of this kind, and what it is inside. */
function layoutOf(spec: Spec): Layout | undefined {
  const good = (value: unknown): unknown => (accepts(spec, value) ? value : undefined);
  switch (spec.kind) {
    case 'text': {
      const judge = (value: string) => accepts(spec, value) && !isPersonal(spec, value);
      const read = spec.chosenByApplication ? remember(judge) : good;
      return { carrier: 'stringValue', quote: '"', asSent: true, read };
    }
    case 'choice': {
      const inside = new Map(
        Object.entries<string>(spec.values).map(([value, wire]): [string, string] => [wire, value]),
      );
      return { carrier: 'stringValue', quote: '"', asSent: false, read: (raw) => inside.get(raw) };
    }
    case 'whole': {
      const read = (raw: string) => (jsonWhole.test(raw) ? good(Number(raw)) : undefined);
      return { carrier: 'intValue', quote: '"', asSent: true, read };
    }
    case 'instant': {
      const read = (raw: string) => (nanoseconds.test(raw) ? good(Number(raw.slice(0, -6))) : undefined);
      return { carrier: 'intValue', quote: '"', asSent: false, read };
    }
    case 'duration': {
      const read = (raw: string) => (jsonNumber.test(raw) ? good(Math.round(Number(raw) * 1000)) : undefined);
      return { carrier: 'doubleValue', quote: '', asSent: false, read };
    }
    case 'grid':
    case 'exact': {
      const read = (raw: string) => (jsonNumber.test(raw) ? good(Number(raw)) : undefined);
      return { carrier: 'doubleValue', quote: '', asSent: true, read };
    }
    case 'flag': {
      const read = (raw: string) => (raw === 'true' ? true : raw === 'false' ? false : undefined);
      return { carrier: 'boolValue', quote: '', asSent: true, read };
    }
    default:
      return undefined;
  }
}

function fieldOf(key: RecordField): CompactField | undefined {
  const { carrier, wire, spec, required }: Field = recordFields[key];
  const layout = layoutOf(spec);
  if (layout === undefined) return undefined;
  const { quote, read, asSent } = layout;
  const shared = {
    key,
    required,
    read,
    asSent,
    begin: `,"${key}":${spec.kind === 'text' || spec.kind === 'choice' ? '"' : ''}`,
    end: spec.kind === 'text' || spec.kind === 'choice' ? '"' : '',
  };
  return carrier === 'native'
    ? { ...shared, open: `"${wire}":"`, stop: '"', close: '",' }
    : {
        ...shared,
        open: `{"key":"${wire}","value":{"${layout.carrier}":${quote}`,
        stop: quote || '}',
        close: `${quote}}}`,
      };
}

const fieldsOf = (...keys: readonly RecordField[]): readonly CompactField[] =>
  keys.flatMap((key) => fieldOf(key) ?? []);

const times = fieldsOf('startedAt', 'endedAt');
const ids = fieldsOf('traceId', 'spanId');
const attributes = fieldsOf(
  ...(Object.keys(recordFields) as RecordField[]).filter((key) => recordFields[key].carrier === 'attribute'),
);
/** Between the two pairs of native fields; which of the three, the outcome says. */
const middles = Object.values(severity).map(
  (number) => `"severityNumber":${number},"eventName":"${eventName}",`,
);

/**
 * The inverse of `encodeLogs` on the text that it writes: fields in the table's order, no white space, no
 * escapes. It reads good records only and decides nothing: what is written otherwise, or is not good, is for
 * the general reader in receive.ts. It takes half as long as that one does, of which JSON.parse is a third.
 */
export class CompactReader {
  readonly #text: string;
  #at: number;
  /** Of the record that is being read; one object for all of them, because a new one would cost more than reading. */
  readonly #values: Partial<Record<RecordField, unknown>> = Object.fromEntries(
    [...times, ...ids, ...attributes].map(({ key }) => [key, undefined]),
  );

  constructor(text: string, at: number) {
    this.#text = text;
    this.#at = at;
  }

  /** Where the next character stands. */
  get at(): number {
    return this.#at;
  }

  /** Steps over `expected` if it stands here. */
  skip(expected: string): boolean {
    if (!this.#text.startsWith(expected, this.#at)) return false;
    this.#at += expected.length;
    return true;
  }

  /**
   * @param model of the resource that the record stands under
   * @returns `undefined` where the general reader has to judge the body
   */
  record({
    modelId,
    modelDigest,
  }: Pick<RequestRecord, 'modelId' | 'modelDigest'>): CompactRecord | undefined {
    if (!this.skip('{')) return undefined;
    const first = this.#natives(times);
    if (first === undefined || !middles.some((middle) => this.skip(middle))) return undefined;
    const second = this.#natives(ids);
    if (second === undefined || !this.skip('"attributes":[')) return undefined;
    let json = first + second;
    let more = true;
    for (const field of attributes) {
      const member = more ? this.#member(field) : undefined;
      if (member !== undefined) {
        json += member;
        more = this.skip(',');
      } else if (field.required) return undefined;
      else this.#values[field.key] = undefined;
    }
    if (more || !this.skip(']}')) return undefined;
    const values = this.#values as unknown as RequestRecord;
    if (values.endedAt < values.startedAt) return undefined;
    const measured: Measured = {
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
    };
    return { measured, json };
  }

  #natives(fields: readonly CompactField[]): string | undefined {
    let json = '';
    for (const field of fields) {
      const member = this.#member(field);
      if (member === undefined) return undefined;
      json += member;
    }
    return json;
  }

  /** Reads a field if it stands here: `,"key":value`. */
  #member(field: CompactField): string | undefined {
    const text = this.#text;
    if (!text.startsWith(field.open, this.#at)) return undefined;
    const from = this.#at + field.open.length;
    const to = text.indexOf(field.stop, from);
    if (to < 0 || !text.startsWith(field.close, to)) return undefined;
    const raw = text.slice(from, to);
    const value = field.read(raw);
    if (value === undefined) return undefined;
    this.#values[field.key] = value;
    this.#at = to + field.close.length;
    return field.begin + (field.asSent ? raw : String(value)) + field.end;
  }
}
