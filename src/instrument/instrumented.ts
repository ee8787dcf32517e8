import type { RawGraph } from '../shared/graph.ts';
import type { Hook } from '../shared/hook.ts';
import type { Plan } from '../shared/plan.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import type { Anatomy } from './anatomy.ts';
import type { Keyed } from './draft.ts';

/** An input or output of the graph as published. Symbolic sizes keep their name. */
export interface Port {
  readonly name: string;
  /** ONNX element type in lower case: float, float16, int64, int32, bool, uint8, int8. */
  readonly type: string;
  readonly dims: readonly (string | number)[];
}

/** A large initializer: where its bytes lie in the downloaded files. Never decoded, never copied. */
export interface Weight {
  readonly name: string;
  readonly type: string;
  readonly dims: readonly number[];
  /** Path of the file relative to the model's folder of ONNX files, e.g. `model.onnx` or `model.onnx_data`. */
  readonly file: string;
  readonly offset: number;
  readonly length: number;
}

export type WeightsAs = 'inputs' | 'external' | 'published';

/** Where a hook comes out of an edited graph. The output, or its part, already has the hook's own dims. */
export interface TapOutput {
  readonly hook: string;
  readonly output: string;
  /** Which of the equal parts along the first axis; without it the output is the hook's alone. */
  readonly part?: number;
}

/** What to do to a graph, and how its taps leave it. */
export interface GraphPlan extends Plan {
  /**
   * The same hook of every layer in one output, a layer a part: to a runtime on the CPU an output costs more than a node.
   * For one sequence at a time.
   */
  readonly isGathered?: true;
}

/** A graph to create a session from: everything but the large weights. */
export interface EditedGraph {
  /** A serialized ModelProto. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /**
   * 'inputs': every weight is a graph input of that name, to be fed from a shared GPU buffer.
   * 'external': every weight is external data located in `file`, to be passed as `externalData`.
   * 'published': weights stay where the file as published has them, and `weights` is empty.
   */
  readonly weights: readonly Weight[];
  readonly taps: readonly TapOutput[];
  /** Extra graph inputs that the plan's edits read. */
  readonly edits: readonly Port[];
}

/** A pattern that can be had without the graph's help: from queries and from keys that leave the graph anyway. */
export interface KeyedPattern extends Keyed {
  /** Hook of the queries as they are multiplied, [batch, position, head, size]. */
  readonly queries: string;
}

/** One model file, read and understood. */
export interface Instrumented {
  readonly anatomy: Anatomy;
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  /** Every canonical hook of this architecture, unavailable ones with their reason. */
  readonly hooks: readonly Hook[];
  /** Patterns that would cost the graph more nodes than their queries alone, by hook. */
  readonly keyed: ReadonlyMap<string, KeyedPattern>;
  /** The graph itself as plain data, made when asked for. */
  raw(): RawGraph;
  /** Whether a hook of this exact name, or a tensor `raw:<tensor>`, can be tapped. */
  has(hook: string): boolean;
  /**
   * Globs (`blocks.*.attn.hook_pattern`), exact names and `raw:<tensor>` to exact names, in graph order.
   * @throws SondeError `hook_unknown` for a pattern that matches nothing (names the nearest hooks),
   * `hook_unavailable` for an exact name the model cannot give (says why). A glob skips unavailable hooks
   * and throws only if nothing is left.
   */
  resolve(patterns: readonly string[]): readonly string[];
  /**
   * @param weights where they are to be found; 'published' is for a file that other programs run, so there every tap
   * comes out under its hook's name
   * @param constants values of edits that are part of the graph, by the edit's `input`, which is then no run-time input
   * @throws SondeError `invalid_plan` | `hook_unknown` | `hook_unavailable`
   */
  edit(plan: GraphPlan, weights: WeightsAs, constants?: ReadonlyMap<string, FloatTensor>): EditedGraph;
}
