import type { Found } from './found.ts';
import type { Node } from './onnx.ts';

/** How one of q, k, v comes into an attention. */
export interface Side {
  /** After the projection (bias included), before norm, rotary and scale: [batch, position, head, size]. */
  readonly projected: Found | undefined;
  /** After norm and rotary, before scale, cache and repetition; absent where there is neither. */
  readonly rotated: Found | undefined;
  /** The cached part that is put before it. */
  readonly past: string | undefined;
  /** What the projection reads; undefined if none was found (cross attention from a cache). */
  readonly source: string | undefined;
}

export const noSide: Side = { projected: undefined, rotated: undefined, past: undefined, source: undefined };

/** An attention found in the graph, whatever ops spell it. */
export interface Attention {
  readonly anchor: Node;
  readonly heads: number;
  readonly kvHeads: number;
  readonly dHead: number;
  readonly causal: boolean;
  readonly q: Side;
  readonly k: Side;
  readonly v: Side;
  /** Before softmax and after, [batch, head, position, key]. */
  readonly scores: Found | undefined;
  readonly pattern: Found | undefined;
  /** Weighted values, before the output projection. */
  readonly z: Found | undefined;
  /** The tensor that leaves the attention towards its output projection. */
  readonly output: string;
  /** The tensors through which queries and keys enter: they tell what the attention depends on. */
  readonly queryOperand: string;
  readonly keyOperand: string;
}
