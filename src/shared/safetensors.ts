import { SondeError } from './errors.ts';
import { dataOf, elementCount, type Tensor, type TensorData, type TensorType } from './tensor.ts';

/**
 * The safetensors format (huggingface/safetensors): 8 bytes little-endian header length, a JSON header
 * `{name: {dtype, shape, data_offsets: [begin, end]}}`, then the bytes, without holes or overlaps.
 */
export interface Safetensors {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Same bound as the reference implementation: a header longer than this is an attack or not a header. */
const longestHeader = 100_000_000;

const names: Readonly<Record<TensorType, string>> = {
  float32: 'F32',
  float16: 'F16',
  int64: 'I64',
  int32: 'I32',
  bool: 'BOOL',
  uint8: 'U8',
  int8: 'I8',
};
const types = new Map(Object.entries(names).map(([type, name]) => [name, type as TensorType]));

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [begin: number, end: number];
}

const invalid = (what: string): SondeError =>
  new SondeError('model_invalid', `This is not a valid safetensors file: ${what}.`, 'Make the file again.');

// A copy, because the header's length decides the alignment of what follows it.
const view = (type: TensorType, bytes: Uint8Array<ArrayBuffer>): TensorData =>
  dataOf(type, bytes.slice().buffer);

const bytesPerElement: Readonly<Record<TensorType, number>> = {
  float32: 4,
  float16: 2,
  int64: 8,
  int32: 4,
  bool: 1,
  uint8: 1,
  int8: 1,
};

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function isEntry(value: unknown): value is Entry {
  if (typeof value !== 'object' || value === null) return false;
  const { dtype, shape, data_offsets: offsets } = value as Partial<Record<keyof Entry, unknown>>;
  return (
    typeof dtype === 'string' &&
    Array.isArray(shape) &&
    shape.every(isSize) &&
    Array.isArray(offsets) &&
    offsets.length === 2 &&
    offsets.every(isSize)
  );
}

const isText = (value: unknown): value is Record<string, string> =>
  typeof value === 'object' &&
  value !== null &&
  Object.values(value).every((text) => typeof text === 'string');

function parseHeader(bytes: Uint8Array): { header: Record<string, unknown>; start: number } {
  if (bytes.byteLength < 8) throw invalid('it is shorter than its own header length');
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true));
  if (length > longestHeader || 8 + length > bytes.byteLength) throw invalid('its header does not fit');
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, 8 + length));
    const header: unknown = JSON.parse(text);
    if (typeof header === 'object' && header !== null && !Array.isArray(header))
      return { header: header as Record<string, unknown>, start: 8 + length };
  } catch {
    // Falls through: a header that is no JSON and one that is no object are the same fault.
  }
  throw invalid('its header is not a JSON object');
}

/** @throws SondeError `model_invalid` for anything but a complete, gapless file of known element types */
export function readSafetensors(bytes: Uint8Array<ArrayBuffer>): Safetensors {
  const { header, start } = parseHeader(bytes);
  const { __metadata__: metadata = {}, ...entries } = header;
  const tensors = new Map<string, Tensor>();
  const spans: (readonly [number, number])[] = [];
  for (const [name, entry] of Object.entries(entries)) {
    if (!isEntry(entry)) throw invalid(`the entry of ${name} is incomplete`);
    const type = types.get(entry.dtype);
    if (type === undefined)
      throw invalid(`${name} has the element type ${entry.dtype}, which Sonde does not read`);
    const [begin, end] = entry.data_offsets;
    const expected = elementCount(entry.shape) * bytesPerElement[type];
    if (end - begin !== expected || start + end > bytes.byteLength)
      throw invalid(`the bytes of ${name} do not match its shape`);
    spans.push([begin, end]);
    tensors.set(name, {
      type,
      dims: entry.shape,
      data: view(type, bytes.subarray(start + begin, start + end)),
    });
  }
  let covered = 0;
  for (const [begin, end] of spans.sort(([a, x], [b, y]) => a - b || x - y)) {
    if (begin !== covered) throw invalid('its tensors leave a gap or overlap');
    covered = end;
  }
  if (start + covered !== bytes.byteLength) throw invalid('bytes follow the last tensor');
  if (!isText(metadata)) throw invalid('its metadata is not text');
  return { tensors, metadata };
}

/** Tensors in the order given, the header padded with spaces to 8 bytes as the reference implementation does. */
export function writeSafetensors({ tensors, metadata }: Safetensors): Uint8Array<ArrayBuffer> {
  const entries: [string, unknown][] = Object.keys(metadata).length === 0 ? [] : [['__metadata__', metadata]];
  let offset = 0;
  for (const [name, { type, dims, data }] of tensors) {
    entries.push([
      name,
      { dtype: names[type], shape: dims, data_offsets: [offset, offset + data.byteLength] },
    ]);
    offset += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const length = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(8 + length + offset);
  new DataView(file.buffer).setBigUint64(0, BigInt(length), true);
  file.fill(0x20, 8, 8 + length);
  file.set(json, 8);
  let at = 8 + length;
  for (const { data } of tensors.values()) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return file;
}
