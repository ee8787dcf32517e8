import type { GraphIndex } from './graph.ts';
import { origin } from './residual.ts';
import type { Shapes } from './shape.ts';

/** What stands between the ids and the residual stream. */
export interface Embeddings {
  readonly token: string | undefined;
  readonly position: string | undefined;
  /** The stream starts with exactly token + position, nothing else. */
  readonly isTheirSum: boolean;
}

/** The graph input that a lookup's indices are, if they are one but for layout. */
function fedIndices(index: GraphIndex, tensor: string): string | undefined {
  const at = origin(index, tensor);
  return index.graph.inputs.some((input) => input.name === at) ? at : undefined;
}

interface Lookup {
  readonly output: string;
  readonly kind: 'token' | 'position' | 'segment';
}

/** A row of a learned table for each index. */
function lookupBehind(index: GraphIndex, shapes: Shapes, tensor: string): Lookup | undefined {
  const output = origin(index, tensor);
  const node = index.producer(output);
  const [table = '', indices = ''] = node?.inputs ?? [];
  if (index.isConstant(output)) {
    // Positions that are always the same rows: a constant slice of the table.
    return (shapes.dims(output)?.length ?? 0) >= 2 ? { output, kind: 'position' } : undefined;
  }
  if ((node?.op !== 'Gather' && node?.op !== 'GatherBlockQuantized') || !index.isConstant(table))
    return undefined;
  const fed = fedIndices(index, indices);
  if (fed === undefined || /position/i.test(fed)) return { output, kind: 'position' };
  return { output, kind: /type|segment/i.test(fed) ? 'segment' : 'token' };
}

/** Looks up the sum that starts the stream. Which input holds ids is the one thing only its name says. */
export function embeddingsBehind(index: GraphIndex, shapes: Shapes, start: string): Embeddings {
  const found: Lookup[] = [];
  let other = false;
  const queue = [start];
  for (let at = queue.pop(); at !== undefined; at = queue.pop()) {
    const lookup = lookupBehind(index, shapes, at);
    if (lookup !== undefined) {
      found.push(lookup);
      continue;
    }
    const node = index.producer(origin(index, at));
    if (node === undefined) {
      other = true;
      continue;
    }
    if (node.op !== 'Add') other = true;
    if (node.op === 'Add' || node.op === 'Mul' || node.op.endsWith('LayerNormalization')) {
      queue.push(...node.inputs.slice(0, 2));
    }
  }
  const token = found.find((lookup) => lookup.kind === 'token');
  const position = found.find((lookup) => lookup.kind === 'position');
  return {
    token: token?.output,
    position: position?.output,
    isTheirSum:
      !other && token !== undefined && found.every((lookup) => lookup === token || lookup === position),
  };
}
