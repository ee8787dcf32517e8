/** Stands before each branch in `GraphNode.within`: names of nodes have slashes of their own. */
export const branchMark = ' › ';

/** One operator of a graph. */
export interface GraphNode {
  readonly op: string;
  /** '' is ai.onnx. */
  readonly domain: string;
  /** As the exporter named it; may be empty, and may lie. */
  readonly name: string;
  /** Names of tensors; '' is an optional input left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** For a node of a subgraph: the nodes and branches it stands in, e.g. ` › optimum::if then_branch`. */
  readonly within?: string;
}

/** One ONNX graph as the file has it, without its weights, as plain data. Nodes of subgraphs follow their node. */
export interface RawGraph {
  /** `model.onnx`, `encoder_model_fp16.onnx` … */
  readonly file: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** In an order in which each comes after those it reads. */
  readonly nodes: readonly GraphNode[];
}
