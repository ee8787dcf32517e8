/** One key/value pair of the cache: graph input and the graph output that continues it. */
export interface CacheSlot {
  readonly past: string;
  readonly present: string;
  /** ONNX element type, `float` or `float16`. */
  readonly type: string;
  /** [batch, kvHeads, pastSequence, dHead] with fixed sizes as numbers. */
  readonly dims: readonly (string | number)[];
}

/** What the graph is, found by its dataflow. */
export interface Anatomy {
  readonly kind: 'decoder' | 'encoder' | 'encoder-decoder' | 'unknown';
  readonly layers: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly dModel: number;
  readonly dHead: number;
  readonly norm: 'pre' | 'post' | 'sandwich' | 'none';
  readonly parallelBlocks: boolean;
  /** Name of the output that holds logits, where the model has a head. */
  readonly logits?: string;
  readonly cache: readonly CacheSlot[];
}
