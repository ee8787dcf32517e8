import { SondeError } from '../shared/errors.ts';

/** Bytes [start, end) of the file being read. Nothing is copied until it is written. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** One field of a protobuf message. `start` is where its tag begins, so [start, end) can be copied whole. */
export interface Field {
  readonly number: number;
  /** 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes. */
  readonly wire: number;
  readonly start: number;
  readonly end: number;
  /** The payload, without tag and length. */
  readonly body: Span;
  /** The value of a varint as a signed 64-bit integer, exact up to 2^53; 0 for the other wire types. */
  readonly value: number;
}

export const invalidModel = (what: string, cause?: unknown): SondeError =>
  new SondeError(
    'model_invalid',
    `This is not a readable ONNX file: ${what}.`,
    'Check that the file is a complete .onnx download (not a web page, a Git LFS pointer or another format) and fetch it again.',
    { cause },
  );

interface Varint {
  readonly value: number;
  readonly next: number;
}

/** Two 32-bit halves, because a shift in JavaScript forgets the upper one. */
function varint(bytes: Uint8Array, from: number, limit: number): Varint {
  let low = 0;
  let high = 0;
  for (let index = 0; index < 10; index++) {
    const at = from + index;
    if (at >= limit) throw invalidModel('it ends in the middle of a number');
    const byte = bytes[at] ?? 0;
    const bits = byte & 0x7f;
    const shift = index * 7;
    if (shift < 28) low |= bits << shift;
    else if (shift === 28) {
      low |= bits << 28;
      high |= bits >> 4;
    } else high |= bits << (shift - 32);
    if (byte < 0x80) return { value: (high | 0) * 2 ** 32 + (low >>> 0), next: at + 1 };
  }
  throw invalidModel('a number in it is longer than ten bytes');
}

/** The fields of the message in `span`, in order. */
export function* fields(bytes: Uint8Array, span: Span): Generator<Field> {
  let at = span.start;
  while (at < span.end) {
    const tag = varint(bytes, at, span.end);
    const number = Math.floor(tag.value / 8);
    const wire = tag.value & 7;
    if (number < 1 || number > 0x1fffffff) throw invalidModel('a field number is out of range');
    let body: Span;
    let value = 0;
    if (wire === 0) {
      const read = varint(bytes, tag.next, span.end);
      value = read.value;
      body = { start: tag.next, end: read.next };
    } else if (wire === 2) {
      const length = varint(bytes, tag.next, span.end);
      body = { start: length.next, end: length.next + length.value };
      if (length.value < 0) throw invalidModel('a length in it is negative');
    } else if (wire === 1 || wire === 5) {
      body = { start: tag.next, end: tag.next + (wire === 1 ? 8 : 4) };
    } else throw invalidModel(`wire type ${wire} does not occur in ONNX`);
    if (body.end > span.end) throw invalidModel('it is truncated, or a length in it is wrong');
    yield { number, wire, start: at, end: body.end, body, value };
    at = body.end;
  }
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

export const text = (bytes: Uint8Array, span: Span): string =>
  decoder.decode(bytes.subarray(span.start, span.end));

/** A repeated integer field, packed or not. */
export function integers(bytes: Uint8Array, field: Field, into: number[]): void {
  if (field.wire === 0) into.push(field.value);
  else if (field.wire === 2) {
    let at = field.body.start;
    while (at < field.body.end) {
      const read = varint(bytes, at, field.body.end);
      into.push(read.value);
      at = read.next;
    }
  } else throw invalidModel('an integer list has the wrong wire type');
}

/** A repeated float field, packed or not. */
export function floats(bytes: Uint8Array, field: Field, into: number[]): void {
  if (field.wire !== 5 && field.wire !== 2) throw invalidModel('a float list has the wrong wire type');
  const { start, end } = field.body;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = start; at + 4 <= end; at += 4) into.push(view.getFloat32(at, true));
}

/** Collects chunks (own bytes or spans of the original) and joins them once. */
export class Writer {
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  bytes(chunk: Uint8Array): this {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
    return this;
  }

  #varint(value: number): void {
    const out: number[] = [];
    // Negative integers take ten bytes in protobuf; BigInt is the plain way to their two's complement.
    let rest = BigInt.asUintN(64, BigInt(value));
    do {
      const bits = Number(rest & 0x7fn);
      rest >>= 7n;
      out.push(rest === 0n ? bits : bits | 0x80);
    } while (rest !== 0n);
    this.bytes(Uint8Array.from(out));
  }

  integer(number: number, value: number): this {
    this.#varint(number * 8);
    this.#varint(value);
    return this;
  }

  float(number: number, value: number): this {
    this.#varint(number * 8 + 5);
    const four = new Uint8Array(4);
    new DataView(four.buffer).setFloat32(0, value, true);
    return this.bytes(four);
  }

  block(number: number, chunk: Uint8Array): this {
    this.#varint(number * 8 + 2);
    this.#varint(chunk.length);
    return this.bytes(chunk);
  }

  message(number: number, inner: Writer): this {
    this.#varint(number * 8 + 2);
    this.#varint(inner.length);
    for (const chunk of inner.#chunks) this.bytes(chunk);
    return this;
  }

  text(number: number, value: string): this {
    return this.block(number, encoder.encode(value));
  }

  finish(): Uint8Array<ArrayBuffer> {
    const joined = new Uint8Array(this.#length);
    let at = 0;
    for (const chunk of this.#chunks) {
      joined.set(chunk, at);
      at += chunk.length;
    }
    return joined;
  }
}
