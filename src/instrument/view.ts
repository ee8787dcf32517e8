import type { GraphIndex } from './graph.ts';
import type { Norms } from './norm.ts';
import type { Graph } from './onnx.ts';
import type { Shapes } from './shape.ts';

/** One graph with everything a recogniser may ask about it. */
export interface View {
  readonly index: GraphIndex;
  readonly shapes: Shapes;
  readonly norms: Norms;
  /** The shapes of this graph, or of one inside it. */
  shapesOf(graph: Graph): Shapes;
  /** Number of heads from the configuration, for graphs that leave it open. */
  readonly heads: number | undefined;
}
