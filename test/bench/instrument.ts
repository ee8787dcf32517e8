import { instrument } from '../../src/instrument/instrument.ts';
import { transformer } from '../transformer.ts';
import { median } from './table.ts';

const layers = 12;
const headSize = 16;
/** A block holds 12 · width² weights of 4 bytes. */
const widthFor = (megabytes: number): number =>
  Math.max(headSize, Math.round(Math.sqrt((megabytes * 2 ** 20) / (layers * 12 * 4)) / headSize) * headSize);

export interface Instrumenting {
  readonly megabytes: number;
  readonly hooks: number;
  /** Reading and recognising, and writing the graph with every hook tapped, ms. */
  readonly read: number;
  readonly edit: number;
  /** Bytes of the written graph, of the weights it refers to, and how much array memory both steps took. */
  readonly graph: number;
  readonly weights: number;
  readonly allocated: number;
}

/** Models of equal depth and growing width: what instrumenting costs must not grow with the weights. */
export function instrumenting(megabytes: readonly number[]): Instrumenting[] {
  return megabytes.map((size) => {
    const bytes = transformer({ layers, width: widthFor(size), headSize, vocabulary: 256 });
    const reads: number[] = [];
    const edits: number[] = [];
    let found: Omit<Instrumenting, 'read' | 'edit' | 'megabytes'> | undefined;
    for (let round = 0; round < 9; round++) {
      const before = process.memoryUsage().arrayBuffers;
      const start = performance.now();
      const model = instrument(bytes, { file: 'model.onnx' });
      const middle = performance.now();
      const taps = model.resolve(['**']);
      const edited = model.edit({ taps, edits: [] }, 'external');
      edits.push(performance.now() - middle);
      reads.push(middle - start);
      found = {
        hooks: model.hooks.length,
        graph: edited.bytes.length,
        weights: edited.weights.reduce((sum, { length }) => sum + length, 0),
        allocated: Math.max(found?.allocated ?? 0, process.memoryUsage().arrayBuffers - before),
      };
    }
    if (found === undefined) throw new Error('nothing was measured');
    return { megabytes: bytes.length / 2 ** 20, read: median(reads), edit: median(edits), ...found };
  });
}
