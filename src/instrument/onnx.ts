import type { Span } from './wire.ts';

/** ONNX's tables as TypeScript types: what the recognisers need, with a span of the file behind each part. */

/** TensorProto.DataType, by number. */
const elementTypes = [
  'undefined',
  'float',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'int32',
  'int64',
  'string',
  'bool',
  'float16',
  'double',
  'uint32',
  'uint64',
  'complex64',
  'complex128',
  'bfloat16',
  'float8e4m3fn',
  'float8e4m3fnuz',
  'float8e5m2',
  'float8e5m2fnuz',
  'uint4',
  'int4',
  'float4e2m1',
] as const;

export const elementType = (code: number): string => elementTypes[code] ?? `type ${code}`;
export const elementCode = (type: string): number => (elementTypes as readonly string[]).indexOf(type);

const bitsPerElement: Readonly<Record<string, number>> = {
  float: 32,
  int32: 32,
  uint32: 32,
  float16: 16,
  bfloat16: 16,
  int16: 16,
  uint16: 16,
  double: 64,
  int64: 64,
  uint64: 64,
  uint8: 8,
  int8: 8,
  bool: 8,
  int4: 4,
  uint4: 4,
  float8e4m3fn: 8,
  float8e5m2: 8,
};

/** How many bytes the elements of a tensor take. */
export function byteLength(dims: readonly number[], type: string): number {
  const count = dims.reduce((product, size) => product * size, 1);
  return Math.ceil((count * (bitsPerElement[type] ?? 8)) / 8);
}

/** A size: a number, or a name for one that is known only at run time. */
export type Dim = number | string;

/** Smaller constants stay in the graph: shapes and axes must be there for constant folding. */
export const smallestWeight = 4096;

/** A tensor stored in the file: an initializer, or the value of a large Constant node. */
export interface Constant {
  readonly name: string;
  /** Element type in lower case. */
  readonly type: string;
  readonly dims: readonly number[];
  /** The whole TensorProto or, of a Constant node, the whole NodeProto. */
  readonly span: Span;
  /** Little-endian elements, where they lie in one piece of the model's own file. */
  readonly data?: Span;
  /** Elements stored one by one as integers or floats (small tensors of some exporters). */
  readonly values?: readonly number[];
  readonly external?: { readonly location: string; readonly offset: number; readonly length?: number };
}

export interface Attribute {
  readonly name: string;
  readonly span: Span;
  readonly float?: number;
  readonly int?: number;
  readonly string?: string;
  readonly tensor?: Constant;
  readonly graph?: Graph;
  /** In a function's body: the attribute of the call that it stands for. */
  readonly reference?: string;
  readonly floats: readonly number[];
  readonly ints: readonly number[];
}

export interface Node {
  readonly op: string;
  /** '' is ai.onnx. */
  readonly domain: string;
  /** Tells functions of one name apart. */
  readonly overload: string;
  readonly name: string;
  /** '' is an optional input left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
  readonly span: Span;
}

/** A declared input, output or inner tensor. `dims` is absent where the file declares no shape. */
export interface ValueInfo {
  readonly name: string;
  readonly type: string;
  readonly dims?: readonly Dim[];
  readonly span: Span;
}

export interface Graph {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly inner: readonly ValueInfo[];
  readonly initializers: ReadonlyMap<string, Constant>;
  readonly span: Span;
}

/** A function of the model's own: a node of this name and domain stands for these nodes. */
export interface LocalFunction {
  readonly name: string;
  readonly domain: string;
  readonly overload: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Attributes with the value they have where a call gives none. */
  readonly defaults: ReadonlyMap<string, Attribute>;
  /** Domains its nodes are of, with versions. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly nodes: readonly Node[];
}

export interface Model {
  readonly bytes: Uint8Array;
  /** Bytes of other files by path, for small constants that lie there; weights are never read from it. */
  readonly external: ReadonlyMap<string, Uint8Array>;
  readonly producer: string;
  /** Version by domain; '' is ai.onnx. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly graph: Graph;
  readonly functions: readonly LocalFunction[];
}
