import type { GraphIndex } from './graph.ts';
import type { Node } from './onnx.ts';

/** A learned projection: x · W + b, whatever ops the exporter or quantiser made of it. */
export interface Linear {
  /** The op that multiplies. */
  readonly node: Node;
  /** Its input as a float tensor, before any quantisation. */
  readonly input: string;
  /** Name of the weight as stored. */
  readonly weight: string;
}

/** Ops that hand their first input on: layout, precision, nothing else. */
const passing = new Set([
  'Reshape',
  'Cast',
  'Identity',
  'Dropout',
  'Squeeze',
  'Unsqueeze',
  'Flatten',
  'Transpose',
]);

export const isPassing = (node: Node): boolean => passing.has(node.op);

/** The float tensor that was quantised into `tensor`. */
function beforeQuantisation(index: GraphIndex, tensor: string): string {
  const node = index.producer(tensor);
  if (node?.op === 'DynamicQuantizeLinear' || node?.op === 'QuantizeLinear') return node.inputs[0] ?? tensor;
  if (node?.op === 'DequantizeLinear') return beforeQuantisation(index, node.inputs[0] ?? '');
  return tensor;
}

const weighted = new Set([
  'MatMul',
  'Gemm',
  'FusedMatMul',
  'MatMulNBits',
  'MatMulBnb4',
  'MatMulInteger',
  'MatMulIntegerToFloat',
  'DynamicQuantizeMatMul',
  'Conv',
  'FusedConv',
  'Einsum',
]);

/** Is the node itself a multiplication by a constant? */
export function linearNode(index: GraphIndex, node: Node): Linear | undefined {
  if (!weighted.has(node.op)) return undefined;
  const [input = '', weight = ''] = node.inputs;
  if (!index.isConstant(weight) || index.isConstant(input)) return undefined;
  return { node, input: beforeQuantisation(index, input), weight };
}

/** The operand of a two-input op that is not constant, if just one is. */
export function varyingInput(index: GraphIndex, node: Node): string | undefined {
  const varying = node.inputs.filter((input) => input !== '' && !index.isConstant(input));
  return varying.length === 1 ? varying[0] : undefined;
}

/**
 * The projection whose finished output is `tensor`: looks back through its bias, the scales of quantisation, casts
 * and reshapes, and through constant factors.
 */
export function linearBehind(index: GraphIndex, tensor: string): Linear | undefined {
  return lookBack(index, tensor, (node) => varyingInput(index, node) ?? dequantised(index, node));
}

/** The same, but a constant factor is arithmetic of its own: in an activation it is no part of the projection. */
export function projectionAt(index: GraphIndex, tensor: string): Linear | undefined {
  return lookBack(index, tensor, (node) => {
    const bias = node.op === 'Add' ? varyingInput(index, node) : undefined;
    const isVector = node.inputs.some(
      (input) => index.isConstant(input) && index.numbers(input)?.length !== 1,
    );
    return bias !== undefined && isVector ? bias : dequantised(index, node);
  });
}

function lookBack(
  index: GraphIndex,
  tensor: string,
  through: (node: Node) => string | undefined,
): Linear | undefined {
  let at = tensor;
  for (let node = index.producer(at); node !== undefined; node = index.producer(at)) {
    const linear = linearNode(index, node);
    if (linear !== undefined) return linear;
    const isArithmetic = node.op === 'Add' || node.op === 'Mul' || node.op === 'Div';
    const next = isPassing(node) ? node.inputs[0] : isArithmetic ? through(node) : undefined;
    if (next === undefined) return undefined;
    at = next;
  }
  return undefined;
}

/** In Mul(Cast(MatMulInteger), scale of x · scale of W), the operand that carries the product. */
function dequantised(index: GraphIndex, node: Node): string | undefined {
  return node.inputs.find((input) => {
    let from = index.producer(input);
    while (from?.op === 'Cast') from = index.producer(from.inputs[0] ?? '');
    return from?.op === 'MatMulInteger';
  });
}
