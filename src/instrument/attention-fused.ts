import type { Append } from './append.ts';
import { type Attention, noSide, type Side } from './attention.ts';
import { whole } from './axes.ts';
import { isCausal } from './causal.ts';
import type { Recipe } from './draft.ts';
import { derived, type Found, placed } from './found.ts';
import { floatOf, intOf, intsOf } from './graph.ts';
import type { Placed } from './layout.ts';
import type { Dim, Node } from './onnx.ts';
import {
  causalMask,
  headsFirst,
  type Parts,
  pattern,
  rotate,
  scores,
  shapeOf,
  sizeOf,
  sliceLast,
} from './recompute.ts';
import { sideOf } from './side.ts';
import type { View } from './view.ts';

/** What the four operators have in common once their inputs are read. */
interface Operator {
  readonly parts: Parts;
  readonly dHead: number;
  readonly causal: boolean;
  readonly q: Side;
  readonly k: Side;
  readonly v: Side;
  readonly queryOperand: string;
  readonly keyOperand: string;
  /** Layout of the output: folded [batch, position, head·size] or [batch, head, position, size]. */
  readonly isHeadsFirst: boolean;
}

const numeric = (dim: Dim | undefined): number | undefined => (typeof dim === 'number' ? dim : undefined);

const input = (node: Node, at: number): string => node.inputs[at] ?? '';

/** [batch, row, head·size] to the hook's [batch, row, head, size]. */
const unfold = (append: Append, tensor: string, heads: number, size: number): string =>
  append.node('Reshape', [tensor, append.ints(0, 0, heads, size)]);

/** A [batch, row, head·size] tensor as an operand whose origin can be followed. */
function folded(view: View, tensor: string, heads: number, size: number, row: 'position' | 'key'): Placed {
  const dims = view.shapes.dims(tensor);
  const [batch, position] = whole(
    { label: 'batch', size: dims?.[0] ?? 'batch' },
    { label: row, size: dims?.[1] ?? row },
  );
  return {
    tensor,
    axes: [
      batch ?? [],
      position ?? [],
      [
        { label: 'head', size: heads },
        { label: 'size', size },
      ],
    ],
  };
}

/** A projection whose bias, or whose cut from a packed tensor, is inside the operator. */
const inside = (from: readonly string[], how: string, recipe: Recipe, source: string | undefined): Side => ({
  projected: derived(from, how, recipe),
  rotated: undefined,
  past: undefined,
  source,
});

/** com.microsoft Attention: input · packed weight + bias inside the operator. */
function packedAttention({ shapes }: View, node: Node): Operator | undefined {
  const [x, weight, bias, mask, past, added] = [0, 1, 2, 3, 4, 5].map((at) => input(node, at)) as [
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const heads = intOf(node, 'num_heads') ?? 1;
  const sizes = intsOf(node, 'qkv_hidden_sizes');
  const width = numeric(shapes.dims(weight)?.at(-1));
  if (width === undefined || intOf(node, 'do_rotary') === 1) return undefined;
  const [qWidth, kWidth, vWidth] = sizes ?? [width / 3, width / 3, width / 3];
  if (qWidth === undefined || kWidth === undefined || vWidth === undefined) return undefined;
  const packed: Recipe = (append) => {
    const product = append.node('MatMul', [append.wide(x), append.wide(weight)]);
    return bias === '' ? product : append.node('Add', [product, append.wide(bias)]);
  };
  const cut = (from: number, to: number): Side =>
    inside(
      [x, weight, bias],
      'the projection is inside the operator',
      (append) => unfold(append, sliceLast(append, packed(append), from, to), heads, (to - from) / heads),
      x,
    );
  const first = (append: Append, from: number, to: number): string =>
    headsFirst(append, sliceLast(append, packed(append), from, to), heads, (to - from) / heads);
  const size = qWidth / heads;
  const queries: Recipe = (append) => first(append, 0, qWidth);
  const fresh: Recipe = (append) => first(append, qWidth, qWidth + kWidth);
  const keys: Recipe = (append) => {
    if (past === '') return fresh(append);
    const cached = append.node('Gather', [append.wide(past), append.int(0)], { axis: 0 });
    return append.node('Concat', [cached, fresh(append)], { axis: 2 });
  };
  const causal = intOf(node, 'unidirectional') === 1;
  const masks = maskBias(shapes.dims(mask), mask, keys, floatOf(node, 'mask_filter_value') ?? -10_000);
  const end = qWidth + kWidth;
  const q = cut(0, qWidth);
  return {
    parts: {
      heads,
      kvHeads: heads,
      queries,
      keys,
      scale: floatOf(node, 'scale') || 1 / Math.sqrt(size),
      ...biasOf([masks, added === '' ? undefined : (append) => append.wide(added)]),
      ...(causal ? { visible: afterPast(queries, keys) } : {}),
    },
    dHead: vWidth / heads,
    causal,
    q,
    k: { ...cut(qWidth, end), past: past === '' ? undefined : past },
    v: cut(end, end + vWidth),
    queryOperand: x,
    keyOperand: x,
    isHeadsFirst: false,
  };
}

/** Queries stand at the end of the keys. */
const afterPast =
  (queries: Recipe, keys: Recipe): Recipe =>
  (append) => {
    const q = queries(append);
    const k = keys(append);
    const start = append.node('Sub', [sizeOf(append, k, 2), sizeOf(append, q, 2)], {}, { type: 'int64' });
    return causalMask(append, q, k, start, 0);
  };

function biasOf(biases: readonly (Recipe | undefined)[]): { bias?: Recipe } {
  const present = biases.filter((bias) => bias !== undefined);
  const [first, ...rest] = present;
  if (first === undefined) return {};
  return {
    bias: (append) => rest.reduce((sum, bias) => append.node('Add', [sum, bias(append)]), first(append)),
  };
}

/**
 * The masks of com.microsoft Attention and MultiHeadAttention as what they add: `filter` where a key is masked.
 * [batch] holds how many keys of a row are real; [batch, key] and [batch, position, key] hold 0 where masked.
 */
function maskBias(
  dims: readonly Dim[] | undefined,
  mask: string,
  keys: Recipe,
  filter: number,
): Recipe | undefined {
  if (mask === '' || dims === undefined) return undefined;
  return (append) => {
    let seen: string;
    if (dims.length === 1) {
      const count = append.node('Reshape', [append.cast(mask, 'float'), append.ints(-1, 1, 1, 1)]);
      const range = append.node(
        'Range',
        [append.int(0), sizeOf(append, keys(append), 2), append.int(1)],
        {},
        { type: 'int64' },
      );
      seen = append.node('Less', [append.cast(range, 'float'), count], {}, { type: 'bool' });
    } else {
      const flags = append.node(
        'Greater',
        [append.cast(mask, 'float'), append.float(0)],
        {},
        { type: 'bool' },
      );
      if (dims.length === 4) seen = flags;
      else {
        const parts = [shapeOf(append, mask, 0), append.ints(1)];
        parts.push(dims.length === 3 ? shapeOf(append, mask, 1) : append.ints(1), append.ints(-1));
        seen = append.node('Reshape', [flags, append.node('Concat', parts, { axis: 0 }, { type: 'int64' })]);
      }
    }
    return append.node('Where', [seen, append.float(0), append.float(filter)], {}, { type: 'float' });
  };
}

/** com.microsoft MultiHeadAttention: projections outside, their bias inside. */
function multiHead(view: View, node: Node): Operator | undefined {
  const { shapes } = view;
  const [query, key, value, bias, mask, added, pastKey] = [0, 1, 2, 3, 4, 5, 6].map((at) =>
    input(node, at),
  ) as [string, string, string, string, string, string, string];
  const heads = intOf(node, 'num_heads') ?? 1;
  const dims = shapes.dims(query);
  const isPacked = key === '';
  const width = isPacked ? multiplyHeads(heads, dims?.at(-1)) : numeric(dims?.at(-1));
  if (width === undefined || (isPacked && dims?.length !== 5)) return undefined;
  const size = width / heads;
  const keyDims = shapes.dims(key);
  if (keyDims?.length === 5) return undefined;
  const vWidth = shapes.dims(value)?.length === 3 ? (numeric(shapes.dims(value)?.at(-1)) ?? width) : width;
  /** [batch, row, head, size] with the bias added. */
  const rows = (tensor: string, at: number, from: number, each: number): Recipe => {
    const own: Recipe = (append) =>
      isPacked
        ? append.node('Gather', [append.wide(query), append.int(at)], { axis: 3 })
        : unfold(append, append.wide(tensor), heads, each);
    return (append) => {
      if (bias === '') return own(append);
      const slice = append.node('Slice', [
        append.wide(bias),
        append.ints(from),
        append.ints(from + heads * each),
      ]);
      return append.node('Add', [own(append), append.node('Reshape', [slice, append.ints(heads, each)])]);
    };
  };
  const side = (tensor: string, at: number, from: number, each: number, row: 'position' | 'key'): Side => {
    const tensorDims = shapes.dims(tensor);
    if (!isPacked && tensorDims?.length === 4) {
      const [batch = 1, , rowSize = 1] = tensorDims;
      return sideOf(view, {
        tensor,
        axes: whole(
          { label: 'batch', size: batch },
          { label: 'head', size: heads },
          { label: row, size: rowSize },
          { label: 'size', size: each },
        ),
      });
    }
    const traced = isPacked ? noSide : sideOf(view, folded(view, tensor, heads, each, row));
    if (!isPacked && bias === '') return traced;
    const from_ = isPacked ? [query, bias] : [tensor, bias];
    return {
      ...inside(
        from_,
        'the bias is added inside the operator',
        rows(tensor, at, from, each),
        traced.source ?? tensor,
      ),
    };
  };
  const turn =
    (recipe: Recipe): Recipe =>
    (append) =>
      append.node('Transpose', [recipe(append)], { perm: [0, 2, 1, 3] });
  const queries = turn(rows(query, 0, 0, size));
  const fresh = turn(rows(key, 1, width, size));
  const keys: Recipe = (append) => {
    if (keyDims?.length === 4) return append.wide(key);
    if (pastKey === '') return fresh(append);
    return append.node('Concat', [append.wide(pastKey), fresh(append)], { axis: 2 });
  };
  const causal = intOf(node, 'unidirectional') === 1;
  const masks = maskBias(shapes.dims(mask), mask, keys, floatOf(node, 'mask_filter_value') ?? -10_000);
  const past = pastKey === '' ? undefined : pastKey;
  return {
    parts: {
      heads,
      kvHeads: heads,
      queries,
      keys,
      scale: floatOf(node, 'scale') || 1 / Math.sqrt(size),
      ...biasOf([masks, added === '' ? undefined : (append) => append.wide(added)]),
      ...(causal ? { visible: afterPast(queries, keys) } : {}),
    },
    dHead: vWidth / heads,
    causal,
    q: side(query, 0, 0, size, 'position'),
    k: { ...side(key, 1, width, size, 'key'), ...(past === undefined ? {} : { past }) },
    v: side(value, 2, 2 * width, vWidth / heads, 'key'),
    queryOperand: query,
    keyOperand: isPacked ? query : key,
    isHeadsFirst: false,
  };
}

const multiplyHeads = (heads: number, size: Dim | undefined): number | undefined => {
  const each = numeric(size);
  return each === undefined ? undefined : heads * each;
};

/** com.microsoft GroupQueryAttention: packed or not, rotary inside, always causal, with a cache. */
function groupQuery(view: View, node: Node): Operator | undefined {
  const { shapes } = view;
  const [query, key, value, pastKey, , lengths, , cosCache, sinCache, positions, added, sinks] = Array.from(
    { length: 12 },
    (_, at) => input(node, at),
  ) as [string, string, string, string, string, string, string, string, string, string, string, string];
  const heads = intOf(node, 'num_heads') ?? 1;
  const kvHeads = intOf(node, 'kv_num_heads') ?? heads;
  const isPacked = key === '';
  const width = numeric(shapes.dims(query)?.at(-1));
  if (width === undefined || input(node, 14) !== '' || input(node, 15) !== '') return undefined;
  const size = isPacked ? width / (heads + 2 * kvHeads) : width / heads;
  const cut =
    (from: number, count: number): Recipe =>
    (append) =>
      unfold(append, sliceLast(append, append.wide(query), from * size, (from + count) * size), count, size);
  const rows = {
    q: isPacked ? cut(0, heads) : (((append) => unfold(append, append.wide(query), heads, size)) as Recipe),
    k: isPacked
      ? cut(heads, kvHeads)
      : (((append) => unfold(append, append.wide(key), kvHeads, size)) as Recipe),
  };
  const isRotary = intOf(node, 'do_rotary') === 1;
  const isInterleaved = intOf(node, 'rotary_interleaved') === 1;
  /** Place of the first new token among the keys, [batch, 1]: `lengths` holds the number of keys less one. */
  const start: Recipe = (append) => {
    const total = append.node('Add', [append.cast(lengths, 'float'), append.float(1)]);
    const shape = shapeOf(append, query, 1);
    const before = append.node('Sub', [total, append.cast(shape, 'float')]);
    const zero = append.node('Max', [before, append.float(0)]);
    return append.node('Reshape', [zero, append.ints(-1, 1)]);
  };
  const places: Recipe = (append) => {
    if (positions !== '') return positions;
    const range = append.node(
      'Range',
      [append.int(0), sizeOf(append, query, 1), append.int(1)],
      {},
      { type: 'int64' },
    );
    return append.cast(append.node('Add', [start(append), append.cast(range, 'float')]), 'int64');
  };
  /** Table rows for each place, [batch, 1, position, width / 2]. */
  const table = (append: Append, cache: string): string => {
    const picked = append.node('Gather', [append.wide(cache), places(append)], { axis: 0 });
    const parts = [shapeOf(append, picked, 0), append.ints(1), shapeOf(append, picked, 1), append.ints(-1)];
    return append.node('Reshape', [picked, append.node('Concat', parts, { axis: 0 }, { type: 'int64' })]);
  };
  const turned =
    (recipe: Recipe): Recipe =>
    (append) => {
      const first = append.node('Transpose', [recipe(append)], { perm: [0, 2, 1, 3] });
      if (!isRotary) return first;
      const half = numeric(shapes.dims(cosCache)?.at(-1)) ?? size / 2;
      return rotate(
        append,
        first,
        table(append, cosCache),
        table(append, sinCache),
        2 * half,
        size,
        isInterleaved,
      );
    };
  const queries = turned(rows.q);
  const fresh = turned(rows.k);
  const present = node.outputs[1] ?? '';
  const keys: Recipe = (append) => {
    if (present !== '') return append.wide(present);
    return pastKey === ''
      ? fresh(append)
      : append.node('Concat', [append.wide(pastKey), fresh(append)], { axis: 2 });
  };
  const shown = (recipe: Recipe, from: readonly string[]): Found =>
    derived(from, 'the rotation is inside the operator', (append) =>
      append.node('Transpose', [recipe(append)], { perm: [0, 2, 1, 3] }),
    );
  const side = (tensor: string, count: number, row: 'position' | 'key', from: number): Side => {
    if (!isPacked) return sideOf(view, folded(view, tensor, count, size, row));
    const traced = sideOf(view, { ...folded(view, query, heads, size, row) });
    return inside([query], 'cut from the packed projection', cut(from, count), traced.source ?? query);
  };
  const rotated = (of: Side, recipe: Recipe): Side =>
    isRotary ? { ...of, rotated: shown(recipe, [of.source ?? query, cosCache, sinCache]) } : of;
  const smooth = intOf(node, 'smooth_softmax') === 1;
  const sink: Recipe | undefined =
    sinks !== ''
      ? (append) => append.wide(sinks)
      : smooth
        ? (append) => append.node('Expand', [append.float(0), append.ints(heads)])
        : undefined;
  const cap = floatOf(node, 'softcap') ?? 0;
  const past = pastKey === '' ? undefined : pastKey;
  return {
    parts: {
      heads,
      kvHeads,
      queries,
      keys,
      scale: floatOf(node, 'scale') || 1 / Math.sqrt(size),
      ...(cap > 0 ? { cap } : {}),
      ...biasOf([added === '' ? undefined : (append) => append.wide(added)]),
      visible: (append) =>
        causalMask(
          append,
          queries(append),
          keys(append),
          start(append),
          intOf(node, 'local_window_size') ?? 0,
        ),
      ...(sink === undefined ? {} : { sink }),
    },
    dHead: size,
    causal: true,
    q: rotated(side(query, heads, 'position', 0), queries),
    k: { ...rotated(side(key, kvHeads, 'key', heads), fresh), past },
    v: side(value, kvHeads, 'key', heads + kvHeads),
    queryOperand: query,
    keyOperand: isPacked ? query : key,
    isHeadsFirst: false,
  };
}

/** ai.onnx Attention, opset 23 and 24: three or four dimensions, grouped heads, mask, cache. */
function standard(view: View, node: Node): Operator | undefined {
  const { shapes } = view;
  const [query, key, value, mask, pastKey] = [0, 1, 2, 3, 4].map((at) => input(node, at)) as [
    string,
    string,
    string,
    string,
    string,
  ];
  const dims = shapes.dims(query);
  const isHeadsFirst = dims?.length === 4;
  const heads = isHeadsFirst ? numeric(dims[1]) : intOf(node, 'q_num_heads');
  const kvHeads = isHeadsFirst ? numeric(shapes.dims(key)?.[1]) : intOf(node, 'kv_num_heads');
  const width = numeric(dims?.at(-1));
  const vWidth = numeric(shapes.dims(value)?.at(-1));
  if (heads === undefined || kvHeads === undefined || width === undefined || vWidth === undefined)
    return undefined;
  const size = isHeadsFirst ? width : width / heads;
  const vSize = isHeadsFirst ? vWidth : vWidth / kvHeads;
  const first =
    (tensor: string, count: number): Recipe =>
    (append) =>
      isHeadsFirst ? append.wide(tensor) : headsFirst(append, append.wide(tensor), count, size);
  const side = (tensor: string, count: number, each: number, row: 'position' | 'key'): Side => {
    if (!isHeadsFirst) return sideOf(view, folded(view, tensor, count, each, row));
    const [batch = 1, , rows = 1] = shapes.dims(tensor) ?? [];
    return sideOf(view, {
      tensor,
      axes: whole(
        { label: 'batch', size: batch },
        { label: 'head', size: count },
        { label: row, size: rows },
        { label: 'size', size: each },
      ),
    });
  };
  const queries = first(query, heads);
  const present = node.outputs[1] ?? '';
  const fresh = first(key, kvHeads);
  const keys: Recipe = (append) => {
    if (present !== '') return append.wide(present);
    return pastKey === ''
      ? fresh(append)
      : append.node('Concat', [append.wide(pastKey), fresh(append)], { axis: 2 });
  };
  const causal = intOf(node, 'is_causal') === 1;
  const isFlags = shapes.type(mask) === 'bool';
  const flags: Recipe | undefined = mask !== '' && isFlags ? () => mask : undefined;
  const order: Recipe | undefined = causal ? afterCache(queries, keys, pastKey) : undefined;
  const visible: Recipe | undefined =
    flags !== undefined && order !== undefined
      ? (append) => append.node('And', [flags(append), order(append)])
      : (flags ?? order);
  const cap = floatOf(node, 'softcap') ?? 0;
  return {
    parts: {
      heads,
      kvHeads,
      queries,
      keys,
      scale: floatOf(node, 'scale') || 1 / Math.sqrt(size),
      ...(cap > 0 ? { cap } : {}),
      ...biasOf([mask === '' || isFlags ? undefined : (append) => append.wide(mask)]),
      ...(visible === undefined ? {} : { visible }),
    },
    dHead: vSize,
    causal: causal || (mask !== '' && isCausal(view, mask)),
    q: side(query, heads, size, 'position'),
    k: { ...side(key, kvHeads, size, 'key'), ...(pastKey === '' ? {} : { past: pastKey }) },
    v: side(value, kvHeads, vSize, 'key'),
    queryOperand: query,
    keyOperand: key,
    isHeadsFirst,
  };
}

/** In ai.onnx the first query stands after the cache, whatever the number of keys. */
const afterCache =
  (queries: Recipe, keys: Recipe, pastKey: string): Recipe =>
  (append) => {
    const start = pastKey === '' ? append.int(0) : sizeOf(append, pastKey, 2);
    return causalMask(append, queries(append), keys(append), start, 0);
  };

/** Heads of the projection, where they were repeated before the operator. */
function headsOf({ projected }: Side): number | undefined {
  if (projected?.kind !== 'placed') return undefined;
  const size = projected.placed.axes.flat().find((atom) => atom.label === 'head')?.size;
  return typeof size === 'number' ? size : undefined;
}

function operatorOf(view: View, node: Node): Operator | undefined {
  if (node.op === 'GroupQueryAttention') return groupQuery(view, node);
  if (node.op === 'MultiHeadAttention') return multiHead(view, node);
  if (node.op !== 'Attention') return undefined;
  return node.domain === 'com.microsoft' ? packedAttention(view, node) : standard(view, node);
}

/** An attention inside one operator: what it keeps to itself is recomputed from what it reads. */
export function fusedAttention(view: View, node: Node): Attention | undefined {
  const operator = operatorOf(view, node);
  if (operator === undefined) return undefined;
  const { parts, dHead, isHeadsFirst, q, k, v } = operator;
  const output = node.outputs[0] ?? '';
  const [batch = 'batch', second = 'position', third = 'position'] = view.shapes.dims(output) ?? [];
  const heads = { label: 'head', size: parts.heads } as const;
  const size = { label: 'size', size: dHead } as const;
  const z: Placed = isHeadsFirst
    ? {
        tensor: output,
        axes: whole({ label: 'batch', size: batch }, heads, { label: 'position', size: third }, size),
      }
    : {
        tensor: output,
        axes: [[{ label: 'batch', size: batch }], [{ label: 'position', size: second }], [heads, size]],
      };
  const from = [operator.queryOperand, operator.keyOperand];
  const how = 'recomputed from what the operator reads';
  return {
    anchor: node,
    heads: parts.heads,
    kvHeads: headsOf(k) ?? parts.kvHeads,
    dHead,
    causal: operator.causal,
    q,
    k,
    v,
    scores: derived(from, how, (append) => scores(append, parts)),
    pattern: derived(from, how, (append) => pattern(append, parts)),
    z: placed(z),
    output,
    queryOperand: operator.queryOperand,
    keyOperand: operator.keyOperand,
  };
}
