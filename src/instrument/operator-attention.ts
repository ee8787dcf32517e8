import type { Append } from './append.ts';
import type { Side } from './attention.ts';
import type { Recipe } from './draft.ts';
import { floatOf, intOf, intsOf } from './graph.ts';
import type { Node } from './onnx.ts';
import { afterPast, biasOf, input, inside, maskBias, numeric, type Operator, unfold } from './operator.ts';
import { headsFirst, sliceLast } from './recompute.ts';
import type { View } from './view.ts';

/** com.microsoft Attention: input · packed weight + bias inside the operator. */
export function packedAttention({ shapes }: View, node: Node): Operator | undefined {
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
