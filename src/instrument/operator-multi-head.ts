import { noSide, type Side } from './attention.ts';
import { whole } from './axes.ts';
import type { Recipe } from './draft.ts';
import { floatOf, intOf } from './graph.ts';
import type { Dim, Node } from './onnx.ts';
import {
  afterPast,
  biasOf,
  folded,
  input,
  inside,
  maskBias,
  numeric,
  type Operator,
  unfold,
} from './operator.ts';
import { sideOf } from './side.ts';
import type { View } from './view.ts';

const multiplyHeads = (heads: number, size: Dim | undefined): number | undefined => {
  const each = numeric(size);
  return each === undefined ? undefined : heads * each;
};

/** com.microsoft MultiHeadAttention: projections outside, their bias inside. */
export function multiHead(view: View, node: Node): Operator | undefined {
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
      append.turn(recipe(append), [0, 2, 1, 3]);
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
