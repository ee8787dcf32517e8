import type { HookSource } from '../shared/hook.ts';
import type { Append } from './append.ts';
import type { Atom } from './axes.ts';
import type { Placed } from './layout.ts';
import type { Graph, Node } from './onnx.ts';

/** Appends what is needed and names the tensor that holds the hook's value, in the hook's own dims. */
export type Recipe = (append: Append) => string;

/** Where an edit takes hold: a tensor everything later is computed from. */
export interface Site {
  readonly placed: Placed;
  readonly order: readonly Atom['label'][];
  /** Where the hook's value is inside the operator that makes the tensor: what it is, and the tensor from it again. */
  readonly within?: {
    /** @param tensor what the operator made, before the change */
    readonly value: (append: Append, tensor: string) => string;
    readonly finish: (append: Append, changed: string) => string;
    /** The tensor has a hook of its own, and only makes up for a change to this one. */
    readonly isMakeshift?: true;
  };
}

/** A causal pattern without bias that an operator keeps to itself: keys as they are multiplied, and how. */
export interface Keyed {
  /** Tensor of the keys, the cache included, [batch, kvHead, key, size]. */
  readonly keys: string;
  readonly heads: number;
  readonly kvHeads: number;
  readonly size: number;
  /** Factor on q·k. */
  readonly scale: number;
  /** cap · tanh(score / cap). */
  readonly cap?: number;
  /** Keys that are seen, a query's own the last of them. */
  readonly window?: number;
}

/** A hook and how to get it. */
export interface Draft {
  readonly name: string;
  readonly dims: readonly (string | number)[];
  readonly source: HookSource;
  readonly recipe?: Recipe;
  readonly site?: Site;
  readonly keyed?: Keyed;
  /** Where the value is made in each branch of an `If`, and so leaves through that node. */
  readonly branches?: { readonly node: Node; readonly drafts: ReadonlyMap<Graph, Draft> };
}
