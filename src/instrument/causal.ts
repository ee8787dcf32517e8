import type { Node } from './onnx.ts';
import type { View } from './view.ts';

const comparisons = new Set(['Trilu', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual']);

/**
 * Does the mask compare positions? Followed back from the softmax, away from Q·K and from learned tables (the buckets
 * of a relative position bias compare positions too). A stored triangle of booleans counts as well.
 */
export function isCausal({ index, shapes }: View, scores: string, qk?: Node): boolean {
  const seen = new Set<string>();
  const queue = [scores];
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    if (seen.has(at) || at === '') continue;
    seen.add(at);
    if (seen.size > 400) return false;
    const node = index.producer(at);
    if (node !== undefined && node === qk) continue;
    const type = shapes.type(at);
    const isTable = index.isConstant(at) && (shapes.dims(at)?.length ?? 0) >= 2;
    if (isTable && (type === 'bool' || type === 'uint8')) return true;
    if (node === undefined || node.op === 'Shape') continue;
    if (comparisons.has(node.op)) return true;
    // Which row is looked up says nothing about what is masked.
    queue.push(...(node.op.startsWith('Gather') ? node.inputs.slice(0, 1) : node.inputs));
  }
  return false;
}
