import type { Append } from './append.ts';
import type { Side } from './attention.ts';
import type { Recipe } from './draft.ts';
import { derived } from './found.ts';
import { floatOf, intOf } from './graph.ts';
import { meanLast } from './hooks-norm.ts';
import type { Node } from './onnx.ts';
import { biasOf, folded, input, inside, numeric, type Operator, unfold } from './operator.ts';
import { causalMask, shapeOf, sizeOf, sliceLast } from './recompute.ts';
import { sideOf } from './side.ts';
import type { View } from './view.ts';

const int64 = { type: 'int64' } as const;

/** x · gain / sqrt(mean(x^2) + epsilon) over each head. */
function headNorm(append: Append, x: string, gain: string, epsilon: number): string {
  const square = append.node('Add', [meanLast(append, append.node('Mul', [x, x])), append.float(epsilon)]);
  const normed = append.node('Div', [x, append.node('Sqrt', [square])]);
  return append.node('Mul', [normed, append.wide(gain)]);
}

/**
 * Place of the first new token among the keys, [batch, 1]: `lengths` holds the number of keys less one. In float32: the
 * lengths lie on the GPU, and for arithmetic in int64 a runtime would wait for them.
 */
function firstPlace(append: Append, query: string, lengths: string): string {
  const total = append.node('Add', [append.cast(lengths, 'float'), append.float(1)]);
  const before = append.node('Sub', [total, append.cast(shapeOf(append, query, 1), 'float')]);
  // A padded prompt is longer than its keys and begins at 0 all the same.
  return append.node('Reshape', [append.node('Max', [before, append.float(0)]), append.ints(-1, 1)]);
}

/** Place of each new token, [batch, position]. */
function placesOf(append: Append, node: Node): string {
  const [query, lengths, given] = [input(node, 0), input(node, 5), input(node, 9)];
  if (given !== '') return given;
  const count = append.node('Range', [append.int(0), sizeOf(append, query, 1), append.int(1)], {}, int64);
  const first = firstPlace(append, query, lengths);
  return append.cast(append.node('Add', [first, append.cast(count, 'float')]), 'int64');
}

/**
 * Rotates the first 2·`half` of each head by its token's row of the tables, [batch, head, position, size]. Only these
 * rows are taken from the tables, and made float32 where they are not.
 */
function rotated(append: Append, x: string, node: Node, heads: number, half: number): string {
  const places = placesOf(append, node);
  const rows = (table: string): string => {
    const picked = append.node('Gather', [table, places], { axis: 0 });
    return append.node('Reshape', [append.cast(picked, 'float'), append.ints(-1, half)]);
  };
  const query = input(node, 0);
  const count = append.node('Mul', [sizeOf(append, query, 0), sizeOf(append, query, 1)], {}, int64);
  const all = append.node('Range', [append.int(0), count, append.int(1)], {}, int64);
  const sizes = [shapeOf(append, query, 0), shapeOf(append, query, 1)];
  const own = append.node('Reshape', [all, append.node('Concat', sizes, { axis: 0 }, int64)]);
  const tables = [rows(input(node, 7)), rows(input(node, 8))];
  const interleaved = intOf(node, 'rotary_interleaved') ?? 0;
  return append.node(
    'RotaryEmbedding',
    [x, own, ...tables],
    { interleaved, num_heads: heads, rotary_embedding_dim: 2 * half },
    { domain: 'com.microsoft' },
  );
}

/** Logit of the key that is nowhere, [head]. */
function sinkOf(node: Node, heads: number): Recipe | undefined {
  const sink = input(node, 11);
  if (sink !== '') return (append) => append.wide(sink);
  if (intOf(node, 'smooth_softmax') !== 1) return undefined;
  return (append) => append.node('Expand', [append.float(0), append.ints(heads)]);
}

/** com.microsoft GroupQueryAttention: packed or not, norm and rotary inside, causal, with a cache. */
export function groupQuery(view: View, node: Node): Operator | undefined {
  const { shapes } = view;
  const [query, key, value, pastKey] = [input(node, 0), input(node, 1), input(node, 2), input(node, 3)];
  const [lengths, cosTable, added] = [input(node, 5), input(node, 7), input(node, 10)];
  const heads = intOf(node, 'num_heads') ?? 1;
  const kvHeads = intOf(node, 'kv_num_heads') ?? heads;
  const isPacked = key === '';
  const width = numeric(shapes.dims(query)?.at(-1));
  const isCacheQuantised = (node.attributes.get('k_quant_type')?.string ?? 'NONE') !== 'NONE';
  if (width === undefined || isCacheQuantised || intOf(node, 'sliding_window_cache') === 1) return undefined;
  const size = isPacked ? width / (heads + 2 * kvHeads) : width / heads;
  const isRotary = intOf(node, 'do_rotary') === 1;
  const isTurned = isRotary || input(node, 14) !== '';

  /** [batch, row, head, size] of the part of the packed projection that begins at head `from`, or of a whole one. */
  const rows =
    (tensor: string, from: number, count: number): Recipe =>
    (append) => {
      const wide = append.wide(isPacked ? query : tensor);
      return unfold(
        append,
        isPacked ? sliceLast(append, wide, from * size, (from + count) * size) : wide,
        count,
        size,
      );
    };
  const turned =
    (recipe: Recipe, count: number, gain: string, epsilon: number): Recipe =>
    (append) => {
      const plain = append.turn(recipe(append), [0, 2, 1, 3]);
      const normed = gain === '' ? plain : headNorm(append, plain, gain, epsilon);
      const half = numeric(shapes.dims(cosTable)?.at(-1)) ?? size / 2;
      return isRotary ? rotated(append, normed, node, count, half) : normed;
    };
  const epsilon = floatOf(node, 'qk_norm_epsilon') ?? 1e-6;
  const own = {
    q: rows(query, 0, heads),
    k: rows(key, heads, kvHeads),
    v: rows(value, heads + kvHeads, kvHeads),
  };
  const queries = turned(own.q, heads, input(node, 14), floatOf(node, 'q_norm_epsilon') ?? epsilon);
  const fresh = turned(own.k, kvHeads, input(node, 15), floatOf(node, 'k_norm_epsilon') ?? epsilon);
  const present = node.outputs[1] ?? '';
  const keys: Recipe = (append) => {
    if (present !== '') return append.wide(present);
    if (pastKey === '') return fresh(append);
    return append.node('Concat', [append.wide(pastKey), fresh(append)], { axis: 2 });
  };

  const packedSource = isPacked
    ? sideOf(view, folded(view, query, heads, size, 'position')).source
    : undefined;
  const side = (tensor: string, recipe: Recipe, count: number, row: 'position' | 'key'): Side =>
    isPacked
      ? inside([query], 'cut from the packed projection', recipe, packedSource ?? query)
      : sideOf(view, folded(view, tensor, count, size, row));
  const shown = (of: Side, recipe: Recipe): Side => {
    if (!isTurned) return of;
    const rotated = derived([query, key, cosTable], 'norm and rotation are inside the operator', (append) =>
      append.turn(recipe(append), [0, 2, 1, 3]),
    );
    return { ...of, rotated };
  };
  const cap = floatOf(node, 'softcap') ?? 0;
  const window = intOf(node, 'local_window_size') ?? 0;
  const sink = sinkOf(node, heads);
  const isCausal = intOf(node, 'causal') !== 0;
  const multiplied = {
    heads,
    kvHeads,
    scale: floatOf(node, 'scale') || 1 / Math.sqrt(size),
    ...(cap > 0 ? { cap } : {}),
  };
  const isKeyed = isCausal && present !== '' && added === '' && sink === undefined;
  return {
    ...(isKeyed ? { keyed: { ...multiplied, keys: present, size, ...(window > 0 ? { window } : {}) } } : {}),
    parts: {
      ...multiplied,
      queries,
      keys,
      ...biasOf([added === '' ? undefined : (append) => append.wide(added)]),
      ...(!isCausal
        ? {}
        : {
            visible: (append) =>
              causalMask(
                append,
                sizeOf(append, query, 1),
                sizeOf(append, present === '' ? keys(append) : present, 2),
                firstPlace(append, query, lengths),
                window,
              ),
          }),
      ...(sink === undefined ? {} : { sink }),
    },
    dHead: size,
    causal: isCausal,
    q: shown(side(query, own.q, heads, 'position'), queries),
    k: { ...shown(side(key, own.k, kvHeads, 'key'), fresh), past: pastKey === '' ? undefined : pastKey },
    v: side(value, own.v, kvHeads, 'key'),
    queryOperand: query,
    keyOperand: isPacked ? query : key,
    isHeadsFirst: false,
  };
}
