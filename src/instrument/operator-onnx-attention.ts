import type { Side } from './attention.ts';
import { whole } from './axes.ts';
import { isCausal } from './causal.ts';
import type { Recipe } from './draft.ts';
import { floatOf, intOf } from './graph.ts';
import type { Node } from './onnx.ts';
import { biasOf, folded, input, numeric, type Operator } from './operator.ts';
import { causalMask, headsFirst, sizeOf } from './recompute.ts';
import { sideOf } from './side.ts';
import type { View } from './view.ts';

/** In ai.onnx the first query stands after the cache, whatever the number of keys. */
const afterCache =
  (queries: Recipe, keys: Recipe, pastKey: string): Recipe =>
  (append) => {
    const start = pastKey === '' ? append.int(0) : sizeOf(append, pastKey, 2);
    const [positions, count] = [sizeOf(append, queries(append), 2), sizeOf(append, keys(append), 2)];
    return causalMask(append, positions, count, start, 0);
  };

/** ai.onnx Attention, opset 23 and 24: three or four dimensions, grouped heads, mask, cache. */
export function standard(view: View, node: Node): Operator | undefined {
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
