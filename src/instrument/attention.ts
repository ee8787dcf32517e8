import type { Placed } from './layout.ts';
import type { Node } from './onnx.ts';

/** How one of q, k, v comes into an attention. */
export interface Side {
  /** After the projection (bias included), before norm, rotary and scale. */
  readonly projected: Placed | undefined;
  /** After norm and rotary, before scale, cache and repetition; absent where there is neither. */
  readonly rotated: Placed | undefined;
  /** The cached part that is put before it. */
  readonly past: string | undefined;
  /** What the projection reads; undefined if none was found (cross attention from a cache). */
  readonly source: string | undefined;
}

/** An attention found in the graph, whatever ops spell it. */
export interface Attention {
  readonly anchor: Node;
  readonly heads: number;
  readonly kvHeads: number;
  readonly dHead: number;
  readonly q: Side;
  readonly k: Side;
  readonly v: Side;
  /** Before softmax and after, [batch, head, position, key] in some layout; undefined inside a fused operator. */
  readonly scores: Placed | undefined;
  readonly pattern: Placed | undefined;
  /** Weighted values, before the output projection. */
  readonly z: Placed | undefined;
  /** The tensor that leaves the attention towards its output projection. */
  readonly output: string;
  /** The tensor through which queries enter: to tell what the attention depends on. */
  readonly queryOperand: string;
  /** The tensor through which keys enter. */
  readonly keyOperand: string;
}
