import { add, broadcast, divide, multiply, product, subtract } from './dim.ts';
import { intOf, intsOf } from './graph.ts';
import { type Dim, elementType, type Node } from './onnx.ts';
import type { Inference } from './shape.ts';

type Dims = readonly Dim[];
/** Sizes of each output; undefined where they cannot be told. */
type ShapeRule = (about: Inference) => readonly (Dims | undefined)[];
/** Contents of the first output, for the integer arithmetic that makes shapes. */
type ValueRule = (about: Inference) => Dims | undefined;

const axisOf = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

const like =
  (input: number, outputs = 1): ShapeRule =>
  ({ dims }) =>
    Array.from({ length: outputs }, () => dims(input));

/** An operand of unknown shape is a mask or a table that broadcasts to the others, as far as we have seen. */
const elementwise: ShapeRule = ({ node, dims }) => {
  const known = node.inputs.map((_, input) => dims(input)).filter((each) => each !== undefined);
  return known.length === 0 ? [] : [known.reduce<Dims>(broadcast, [])];
};

function matmul(a: Dims | undefined, b: Dims | undefined): Dims | undefined {
  if (a === undefined || b === undefined || a.length === 0 || b.length === 0) return undefined;
  const left = a.length === 1 ? [1, ...a] : a;
  const right = b.length === 1 ? [...b, 1] : b;
  const rows = left.at(-2) ?? 1;
  const columns = right.at(-1) ?? 1;
  const out = [...broadcast(left.slice(0, -2), right.slice(0, -2)), rows, columns];
  if (a.length === 1) out.splice(-2, 1);
  if (b.length === 1) out.pop();
  return out;
}

const swapLast = (dims: Dims | undefined, swap: boolean): Dims | undefined =>
  dims === undefined || !swap || dims.length < 2
    ? dims
    : [...dims.slice(0, -2), dims.at(-1) ?? 1, dims.at(-2) ?? 1];

const fusedMatmul: ShapeRule = ({ node, dims }) => [
  matmul(swapLast(dims(0), intOf(node, 'transA') === 1), swapLast(dims(1), intOf(node, 'transB') === 1)),
];

const replaceLast = (dims: Dims | undefined, last: Dim): Dims | undefined =>
  dims === undefined ? undefined : [...dims.slice(0, -1), last];

const axesOf = ({ node, value }: Inference, input: number): readonly number[] | undefined => {
  const listed = intsOf(node, 'axes');
  if (listed !== undefined) return listed;
  const fed = value(input);
  return fed?.every((axis) => typeof axis === 'number') ? (fed as readonly number[]) : undefined;
};

const reduce: ShapeRule = (about) => {
  const dims = about.dims(0);
  if (dims === undefined) return [];
  const hasAxes = about.node.attributes.has('axes') || (about.node.inputs[1] ?? '') !== '';
  const listed = hasAxes ? axesOf(about, 1) : dims.map((_, axis) => axis);
  if (listed === undefined) return [];
  const axes = new Set(listed.map((axis) => axisOf(axis, dims.length)));
  return intOf(about.node, 'keepdims') === 0
    ? [dims.filter((_, axis) => !axes.has(axis))]
    : [dims.map((size, axis) => (axes.has(axis) ? 1 : size))];
};

/** No tensor has more axes; a file may say so all the same. */
const mostAxes = 16;

const ofRank = (rank: Dim | undefined, unknown: () => Dim): Dims | undefined =>
  typeof rank === 'number' && rank <= mostAxes ? Array.from({ length: rank }, unknown) : undefined;

const reshape: ShapeRule = ({ node, dims, value, unknown }) => {
  const from = dims(0);
  const wanted = value(1) ?? intsOf(node, 'shape');
  if (wanted === undefined) {
    return [ofRank(dims(1)?.[0], unknown)];
  }
  const keepZero = intOf(node, 'allowzero') !== 1;
  const out = wanted.map((size, axis): Dim => (size === 0 && keepZero ? (from?.[axis] ?? unknown()) : size));
  const open = out.indexOf(-1);
  if (open >= 0) {
    const rest = product(out.filter((_, axis) => axis !== open));
    out[open] = from === undefined ? unknown() : divide(product(from), rest);
  }
  return [out];
};

const slice: ShapeRule = ({ node, dims, value, unknown }) => {
  const from = dims(0);
  if (from === undefined) return [];
  const starts = intsOf(node, 'starts') ?? value(1);
  const ends = intsOf(node, 'ends') ?? value(2);
  const axes =
    intsOf(node, 'axes') ?? ((node.inputs[3] ?? '') === '' ? from.map((_, axis) => axis) : value(3));
  const steps = (node.inputs[4] ?? '') === '' ? undefined : value(4);
  const out = [...from];
  if (axes === undefined || starts === undefined || ends === undefined) return [from.map(unknown)];
  for (const [at, each] of axes.entries()) {
    if (at >= starts.length || typeof each !== 'number') continue;
    const axis = axisOf(each, from.length);
    const size = from[axis] ?? 1;
    const start = starts[at] ?? 0;
    const end = ends[at] ?? 0;
    const step = steps?.[at] ?? 1;
    if (
      typeof size === 'number' &&
      typeof start === 'number' &&
      typeof end === 'number' &&
      typeof step === 'number'
    ) {
      const clamp = (x: number): number => Math.min(Math.max(x < 0 ? x + size : x, 0), size);
      out[axis] = Math.max(0, Math.ceil((clamp(end) - clamp(start)) / Math.abs(step)));
    } else if (start === 0 && typeof end === 'number' && end > 2 ** 31) out[axis] = size;
    else if (start === 0 && typeof end === 'string' && step === 1) out[axis] = end;
    else if (typeof start === 'number' && start < 0 && typeof end === 'number' && end > 2 ** 31)
      out[axis] = -start;
    else out[axis] = unknown();
  }
  return [out];
};

const gather: ShapeRule = ({ node, dims }) => {
  const data = dims(0);
  const indices = dims(1);
  if (data === undefined || indices === undefined) return [];
  const axis = axisOf(intOf(node, 'axis') ?? 0, data.length);
  return [[...data.slice(0, axis), ...indices, ...data.slice(axis + 1)]];
};

const unsqueeze: ShapeRule = (about) => {
  const from = about.dims(0);
  const axes = axesOf(about, 1);
  if (from === undefined || axes === undefined) return [];
  const rank = from.length + axes.length;
  const added = new Set(axes.map((axis) => axisOf(axis, rank)));
  const rest = [...from];
  return [Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : (rest.shift() ?? 1)))];
};

const squeeze: ShapeRule = (about) => {
  const from = about.dims(0);
  if (from === undefined) return [];
  const axes = axesOf(about, 1);
  if (axes === undefined) return [from.filter((size) => size !== 1)];
  const gone = new Set(axes.map((axis) => axisOf(axis, from.length)));
  return [from.filter((_, axis) => !gone.has(axis))];
};

const concat: ShapeRule = ({ node, dims }) => {
  const first = dims(0);
  if (first === undefined) return [];
  const axis = axisOf(intOf(node, 'axis') ?? 0, first.length);
  const out = [...first];
  for (let input = 1; input < node.inputs.length; input++) {
    const each = dims(input);
    if (each === undefined) return [];
    out[axis] = add(out[axis] ?? 0, each[axis] ?? 0);
  }
  return [out];
};

const split: ShapeRule = ({ node, dims, value }) => {
  const from = dims(0);
  if (from === undefined) return [];
  const axis = axisOf(intOf(node, 'axis') ?? 0, from.length);
  const sizes = intsOf(node, 'split') ?? value(1);
  const whole = from[axis] ?? 1;
  return node.outputs.map((_, output) => {
    const size = sizes?.[output] ?? divide(whole, node.outputs.length);
    return from.map((old, each) => (each === axis ? size : old));
  });
};

const expand: ShapeRule = ({ dims, value, unknown }) => {
  const from = dims(0);
  const shape = value(1);
  if (from === undefined) return [];
  if (shape !== undefined) return [broadcast(from, shape)];
  return [ofRank(dims(1)?.[0], unknown)];
};

const conv: ShapeRule = ({ node, dims, unknown }) => {
  const from = dims(0);
  const kernel = dims(1);
  if (from === undefined || kernel === undefined) return [];
  const strides = intsOf(node, 'strides');
  const pads = intsOf(node, 'pads');
  const dilations = intsOf(node, 'dilations');
  const spatial = from.slice(2).map((size, axis): Dim => {
    const width = kernel[axis + 2];
    if (typeof size !== 'number' || typeof width !== 'number') return unknown();
    const reach = (width - 1) * (dilations?.[axis] ?? 1) + 1;
    const padding = (pads?.[axis] ?? 0) + (pads?.[axis + from.length - 2] ?? 0);
    return Math.floor((size + padding - reach) / (strides?.[axis] ?? 1)) + 1;
  });
  return [[from[0] ?? 1, kernel[0] ?? 1, ...spatial]];
};

/** Explicit or implicit right side, letters only; an ellipsis is left to the declared shapes. */
const einsum: ShapeRule = ({ node, dims }) => {
  const equation = node.attributes.get('equation')?.string?.replaceAll(' ', '') ?? '';
  const [left, right] = equation.split('->');
  if (left === undefined || right === undefined || equation.includes('.')) return [];
  const sizes = new Map<string, Dim>();
  for (const [input, letters] of left.split(',').entries()) {
    const each = dims(input);
    for (const [axis, letter] of [...letters].entries())
      if (each?.[axis] !== undefined) sizes.set(letter, each[axis]);
  }
  const out = [...right].map((letter) => sizes.get(letter));
  return out.every((size) => size !== undefined) ? [out] : [];
};

/** [batch, sequence, heads * size] operators: outputs 1 and 2 are the cache [batch, heads, total, size]. */
const fusedAttention: ShapeRule = ({ node, dims, unknown }) => {
  const query = dims(0);
  if (query === undefined) return [];
  const heads = intOf(node, 'num_heads') ?? unknown();
  const value = dims(2)?.at(-1);
  if (node.op === 'Attention' && node.domain === 'com.microsoft') {
    const packed = dims(1)?.at(-1);
    return [packed === undefined ? query : replaceLast(query, divide(packed, 3))];
  }
  if (node.op === 'Attention') return [query.length === 4 ? replaceLast(query, value ?? unknown()) : query];
  const kvHeads = intOf(node, 'kv_num_heads') ?? heads;
  const packed = (node.inputs[1] ?? '') === '';
  const groups = add(heads, multiply(kvHeads, 2));
  const size = packed ? divide(query.at(-1) ?? 1, groups) : divide(query.at(-1) ?? 1, heads);
  const cache: Dims = [query[0] ?? 1, kvHeads, unknown(), size];
  const out = query.length === 5 ? [query[0] ?? 1, query[1] ?? 1, multiply(heads, query[4] ?? 1)] : undefined;
  return [out ?? replaceLast(query, multiply(heads, size)), cache, cache];
};

const table = <Rule>(rule: Rule, names: string): Record<string, Rule> =>
  Object.fromEntries(names.split(' ').map((name) => [name, rule]));

export const shapeRules: Readonly<Record<string, ShapeRule>> = {
  ...table(
    elementwise,
    'Add Sub Mul Div Pow Where Equal Less Greater LessOrEqual GreaterOrEqual And Or Xor Min Max Mod Sum Mean PRelu BiasGelu BitwiseAnd BitwiseOr',
  ),
  ...table(
    like(0),
    'Relu Gelu FastGelu QuickGelu Tanh Erf Sigmoid HardSigmoid HardSwish Softmax LogSoftmax Cast CastLike Identity Sqrt Neg Not IsNaN IsInf Clip Exp Log Abs Sin Cos Sign Floor Ceil Round Reciprocal Softplus Softsign Elu Selu LeakyRelu Celu Mish Swish ThresholdedRelu CumSum Trilu QuantizeLinear DequantizeLinear ScatterND ScatterElements RotaryEmbedding InstanceNormalization GroupNormalization LpNormalization RMSNormalization SimplifiedLayerNormalization BiasSplitGelu EyeLike NhwcConv',
  ),
  ...table(like(0, 2), 'Dropout'),
  ...table(like(0, 4), 'SkipLayerNormalization SkipSimplifiedLayerNormalization'),
  ...table(
    reduce,
    'ReduceMean ReduceSum ReduceMax ReduceMin ReduceProd ReduceL2 ReduceL1 ReduceSumSquare ReduceLogSumExp',
  ),
  ...table(fusedAttention, 'Attention MultiHeadAttention GroupQueryAttention'),
  MatMul: ({ dims }) => [matmul(dims(0), dims(1))],
  MatMulInteger: ({ dims }) => [matmul(dims(0), dims(1))],
  MatMulIntegerToFloat: ({ dims }) => [matmul(dims(0), dims(1))],
  DynamicQuantizeMatMul: ({ dims }) => [matmul(dims(0), dims(1))],
  FusedMatMul: fusedMatmul,
  Gemm: fusedMatmul,
  MatMulNBits: ({ node, dims, unknown }) => [replaceLast(dims(0), intOf(node, 'N') ?? unknown())],
  DynamicQuantizeLinear: ({ dims }) => [dims(0), [], []],
  LayerNormalization: ({ node, dims }) => {
    const from = dims(0);
    const axis = axisOf(intOf(node, 'axis') ?? -1, from?.length ?? 0);
    const statistics = from?.map((size, each) => (each >= axis ? 1 : size));
    return [from, statistics, statistics];
  },
  Transpose: ({ node, dims }) => {
    const from = dims(0);
    const perm = intsOf(node, 'perm') ?? from?.map((_, axis) => from.length - 1 - axis);
    return from === undefined ? [] : [perm?.map((axis) => from[axis] ?? 1)];
  },
  Reshape: reshape,
  Slice: slice,
  Gather: gather,
  GatherElements: like(1),
  Unsqueeze: unsqueeze,
  Squeeze: squeeze,
  Concat: concat,
  Split: split,
  Expand: expand,
  Conv: conv,
  ConvInteger: conv,
  Einsum: einsum,
  Flatten: ({ node, dims }) => {
    const from = dims(0);
    const axis = axisOf(intOf(node, 'axis') ?? 1, from?.length ?? 0);
    return from === undefined ? [] : [[product(from.slice(0, axis)), product(from.slice(axis))]];
  },
  Tile: ({ dims, value }) => {
    const repeats = value(1);
    return repeats === undefined ? [] : [dims(0)?.map((size, axis) => multiply(size, repeats[axis] ?? 1))];
  },
  Shape: ({ node, dims }) => {
    const from = dims(0);
    return from === undefined ? [] : [[from.slice(intOf(node, 'start') ?? 0, intOf(node, 'end')).length]];
  },
  Size: () => [[]],
  NonZero: ({ dims, unknown }) => [[dims(0)?.length ?? unknown(), unknown()]],
  ConstantOfShape: ({ value, dims, unknown }) => {
    return [value(0) ?? ofRank(dims(0)?.[0], unknown)];
  },
  Range: ({ value, unknown }) => {
    const start = value(0)?.[0];
    const limit = value(1)?.[0];
    if (start === undefined || limit === undefined || value(2)?.[0] !== 1) return [[unknown()]];
    const sum =
      typeof limit === 'string' && typeof start === 'string' ? limit.match(/^\((.*)\+(.*)\)$/) : null;
    return [[sum !== null && sum[1] === start ? (sum[2] ?? unknown()) : subtract(limit, start)]];
  },
  EmbedLayerNormalization: ({ dims }) => {
    const ids = dims(0);
    const width = dims(2)?.at(-1);
    const out = ids === undefined || width === undefined ? undefined : [...ids, width];
    return [out, ids?.slice(0, 1), out];
  },
  GatherND: ({ node, dims }) => {
    const data = dims(0);
    const indices = dims(1);
    const depth = indices?.at(-1);
    const batch = intOf(node, 'batch_dims') ?? 0;
    if (data === undefined || indices === undefined || typeof depth !== 'number') return [];
    return [[...indices.slice(0, -1), ...data.slice(batch + depth)]];
  },
  ArgMax: (about) => reduceOne(about),
  ArgMin: (about) => reduceOne(about),
  TopK: ({ node, dims, value, unknown }) => {
    const from = dims(0);
    const axis = axisOf(intOf(node, 'axis') ?? -1, from?.length ?? 0);
    const out = from?.map((size, each) => (each === axis ? (value(1)?.[0] ?? unknown()) : size));
    return [out, out];
  },
  Pad: ({ node, dims, value, unknown }) => {
    const from = dims(0);
    const pads = intsOf(node, 'pads') ?? value(1);
    if (from === undefined || (node.inputs[3] ?? '') !== '') return [from?.map(unknown)];
    return [from.map((size, axis) => add(add(size, pads?.[axis] ?? 0), pads?.[axis + from.length] ?? 0))];
  },
  OneHot: ({ dims, value, unknown }) => {
    const from = dims(0);
    return from === undefined ? [] : [[...from, value(1)?.[0] ?? unknown()]];
  },
};

function reduceOne({ node, dims }: Inference): readonly (Dims | undefined)[] {
  const from = dims(0);
  if (from === undefined) return [];
  const axis = axisOf(intOf(node, 'axis') ?? 0, from.length);
  return intOf(node, 'keepdims') === 0
    ? [from.filter((_, each) => each !== axis)]
    : [from.map((size, each) => (each === axis ? 1 : size))];
}

const arithmetic =
  (operate: (a: Dim, b: Dim) => Dim): ValueRule =>
  ({ value }) => {
    const a = value(0);
    const b = value(1);
    if (a === undefined || b === undefined) return undefined;
    const length = Math.max(a.length, b.length);
    return Array.from({ length }, (_, at) =>
      operate(a[a.length === 1 ? 0 : at] ?? 0, b[b.length === 1 ? 0 : at] ?? 0),
    );
  };

const same: ValueRule = ({ value }) => value(0);

export const valueRules: Readonly<Record<string, ValueRule>> = {
  ...table(same, 'Cast CastLike Identity Unsqueeze Squeeze Reshape Flatten'),
  Add: arithmetic(add),
  Sub: arithmetic(subtract),
  Mul: arithmetic(multiply),
  Div: arithmetic(divide),
  // A symbol is a size, so it is never -1 and never a number in the graph.
  Equal: arithmetic((a, b) => (a === b ? 1 : 0)),
  Shape: ({ node, dims }) => dims(0)?.slice(intOf(node, 'start') ?? 0, intOf(node, 'end')),
  Size: ({ dims }) => {
    const from = dims(0);
    return from === undefined ? undefined : [product(from)];
  },
  Gather: ({ node, dims, value }) => {
    const data = value(0);
    if (data === undefined || dims(0)?.length !== 1 || (intOf(node, 'axis') ?? 0) !== 0) return undefined;
    const picked = value(1)?.map((at) =>
      typeof at === 'number' ? data[at < 0 ? at + data.length : at] : undefined,
    );
    return picked?.every((each) => each !== undefined) ? picked : undefined;
  },
  Slice: ({ node, dims, value }) => {
    const data = value(0);
    const start = intsOf(node, 'starts')?.[0] ?? value(1)?.[0];
    const end = intsOf(node, 'ends')?.[0] ?? value(2)?.[0];
    const step = value(4)?.[0] ?? 1;
    if (dims(0)?.length !== 1 || typeof start !== 'number' || typeof end !== 'number' || step !== 1)
      return undefined;
    return data?.slice(start, end);
  },
  Concat: ({ node, value }) => {
    const parts = node.inputs.map((_, input) => value(input));
    return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
  },
  Where: ({ value }) => {
    const condition = value(0);
    const yes = value(1);
    const no = value(2);
    if (condition === undefined || yes === undefined || no === undefined) return undefined;
    const length = Math.max(condition.length, yes.length, no.length);
    const at = (list: Dims, index: number): Dim => list[list.length === 1 ? 0 : index] ?? 0;
    return Array.from({ length }, (_, index) => (at(condition, index) ? at(yes, index) : at(no, index)));
  },
  ConstantOfShape: ({ node, index, value }) => {
    const length = value(0)?.[0];
    if (typeof length !== 'number' || length > 16 || value(0)?.length !== 1) return undefined;
    const stored = node.attributes.get('value')?.tensor;
    const fill = stored === undefined ? 0 : (index.decode(stored)?.[0] ?? 0);
    return Array.from({ length }, () => fill);
  },
  ReduceProd: ({ value }) => {
    const all = value(0);
    return all === undefined ? undefined : [product(all)];
  },
};

const fixed = (type: string) => (): string => type;

/** Where the element type is not that of the first input. */
export const elementTypeRules: Readonly<
  Record<string, (node: Node, output: number) => string | number | undefined>
> = {
  // A number is the input whose type the output has.
  Where: () => 1,
  DequantizeLinear: () => 1,
  CastLike: () => 1,
  ...table(fixed('bool'), 'Equal Less Greater LessOrEqual GreaterOrEqual And Or Xor Not IsNaN IsInf'),
  ...table(fixed('int64'), 'Shape Size NonZero ArgMax ArgMin'),
  ...table(fixed('int32'), 'MatMulInteger ConvInteger'),
  EmbedLayerNormalization: (_, output) => (output === 1 ? 'int32' : 2),
  TopK: (_, output) => (output === 1 ? 'int64' : 0),
  Cast: (node) => elementType(intOf(node, 'to') ?? 0),
  DynamicQuantizeLinear: (_, output) => (output === 1 ? 'float' : 'uint8'),
  ConstantOfShape: (node) => node.attributes.get('value')?.tensor?.type ?? 'float',
  Constant: (node) => node.attributes.get('value')?.tensor?.type,
};
