import { subgraphs } from '../instrument/graph.ts';
import type { Constant, Graph, Node } from '../instrument/onnx.ts';
import { elementCount } from '../shared/tensor.ts';

/** Inputs that say how to read a quantised weight, and are none themselves. */
const readers: Readonly<Record<string, number>> = {
  MatMulNBits: 2,
  GatherBlockQuantized: 2,
  DequantizeLinear: 1,
  MatMulBnb4: 2,
};

const stored = new Set(['float', 'float16', 'bfloat16', 'double', 'uint8', 'int8', 'uint4', 'int4']);

/** Two 4-bit numbers lie in each byte, in rows padded to whole blocks: the node says how many there really are. */
function packedCount({ attributes }: Node): number | undefined {
  const [rows, columns] = [attributes.get('N')?.int, attributes.get('K')?.int];
  return rows === undefined || columns === undefined ? undefined : rows * columns;
}

/** Elements of all stored weights: quantised ones unpacked, without their scales and zero points. */
export function parameterCount(graph: Graph): number {
  const packed = new Map<string, number>();
  const skipped = new Set<string>();
  for (const node of graph.nodes) {
    const first = readers[node.op];
    if (first === undefined) continue;
    for (const input of node.inputs.slice(first)) skipped.add(input);
    const count = packedCount(node);
    if (count !== undefined) packed.set(node.inputs[1] ?? '', count);
  }
  const own = [...graph.initializers.values()]
    .filter(({ name, type }) => stored.has(type) && !skipped.has(name))
    .reduce((sum, constant) => sum + (packed.get(constant.name) ?? countOf(constant)), 0);
  const inner = graph.nodes.flatMap(subgraphs);
  return inner.reduce((sum, each) => sum + parameterCount(each), own);
}

/** A single number is an epsilon, a scale or a fill, no parameter. */
function countOf({ dims }: Constant): number {
  const count = elementCount(dims);
  return count === 1 ? 0 : count;
}
