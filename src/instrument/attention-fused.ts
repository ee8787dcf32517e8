import { type Attention, noSide, type Side } from './attention.ts';
import { whole } from './axes.ts';
import { derived, placed } from './found.ts';
import { intOf } from './graph.ts';
import type { Placed } from './layout.ts';
import type { Node } from './onnx.ts';
import { numeric, type Operator } from './operator.ts';
import { packedAttention } from './operator-attention.ts';
import { groupQuery } from './operator-group-query.ts';
import { multiHead } from './operator-multi-head.ts';
import { standard } from './operator-onnx-attention.ts';
import { pattern, scores } from './recompute.ts';
import type { View } from './view.ts';

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

/** Layout of an operator's output: folded [batch, position, head·size] or [batch, head, position, size]. */
function outputAt(view: View, output: string, heads: number, dHead: number, isHeadsFirst: boolean): Placed {
  const [batch = 'batch', second = 'position', third = 'position'] = view.shapes.dims(output) ?? [];
  const rows = { label: 'position', size: isHeadsFirst ? third : second } as const;
  const head = { label: 'head', size: heads } as const;
  const size = { label: 'size', size: dHead } as const;
  return isHeadsFirst
    ? { tensor: output, axes: whole({ label: 'batch', size: batch }, head, rows, size) }
    : { tensor: output, axes: [[{ label: 'batch', size: batch }], [rows], [head, size]] };
}

const hasWholeSizes = ({ parts: { heads, kvHeads }, dHead }: Operator): boolean =>
  [heads, kvHeads, dHead].every((size) => Number.isInteger(size) && size > 0);

/** An attention inside one operator: what it keeps to itself is recomputed from what it reads. */
export function fusedAttention(view: View, node: Node): Attention | undefined {
  const operator = operatorOf(view, node);
  if (operator === undefined || !hasWholeSizes(operator)) return opaqueAttention(view, node);
  const { parts, dHead, isHeadsFirst, q, k, v, queryOperand, keyOperand, causal, keyed } = operator;
  const output = node.outputs[0] ?? '';
  const from = [queryOperand, keyOperand];
  const how = 'recomputed from what the operator reads';
  return {
    anchor: node,
    heads: parts.heads,
    kvHeads: headsOf(k) ?? parts.kvHeads,
    dHead,
    causal,
    q,
    k,
    v,
    scores: derived(from, how, (append) => scores(append, parts)),
    pattern: {
      ...derived(from, how, (append) => pattern(append, parts)),
      ...(keyed === undefined ? {} : { keyed }),
    },
    z: placed(outputAt(view, output, parts.heads, dHead, isHeadsFirst)),
    output,
    queryOperand,
    keyOperand,
  };
}

/** An attention operator in a form that cannot be recomputed: it still has its place in the model, and its heads. */
function opaqueAttention(view: View, node: Node): Attention | undefined {
  if (!node.op.endsWith('Attention')) return undefined;
  const [queryOperand = '', key = ''] = node.inputs;
  const output = node.outputs[0] ?? '';
  const heads = intOf(node, 'num_heads') ?? intOf(node, 'q_num_heads') ?? view.heads ?? 1;
  const width = numeric(view.shapes.dims(output)?.at(-1));
  return {
    anchor: node,
    heads,
    kvHeads: intOf(node, 'kv_num_heads') ?? heads,
    dHead: (width ?? 0) / heads,
    causal: intOf(node, 'unidirectional') === 1,
    q: noSide,
    k: noSide,
    v: noSide,
    scores: undefined,
    pattern: undefined,
    z: width === undefined ? undefined : placed(outputAt(view, output, heads, width / heads, false)),
    output,
    queryOperand,
    keyOperand: key === '' ? queryOperand : key,
  };
}
