import { readModel } from '../../src/instrument/read.ts';
import { weightsOf } from '../../src/instrument/weights.ts';
import { writeModel } from '../../src/instrument/write.ts';

/**
 * A model with its weights dealt out to files, as exporters leave large ones.
 * @param locations as the graph will name them
 */
export function splitWeights(
  model: Uint8Array,
  locations: readonly string[],
): { readonly graph: Uint8Array<ArrayBuffer>; readonly data: ReadonlyMap<string, Uint8Array<ArrayBuffer>> } {
  const read = readModel(model);
  const { own } = weightsOf(read, read.graph, 'whole', 'external');
  const data = new Map(locations.map((location) => [location, [] as Uint8Array[]]));
  const moved = [...own.values()].map((weight, index) => {
    const file = locations[index % locations.length] ?? '';
    const pieces = data.get(file) ?? [];
    const offset = pieces.reduce((sum, { length }) => sum + length, 0);
    pieces.push(model.subarray(weight.offset, weight.offset + weight.length));
    return [weight.name, { ...weight, file, offset }] as const;
  });
  const graph = writeModel(
    read,
    {
      weights: new Map(moved),
      weightsAs: 'external',
      renamed: new Map(),
      nodes: [],
      behind: new Map(),
      initializers: [],
      inputs: [],
      outputs: [],
      inner: new Map(),
      gained: new Map(),
    },
    [],
  );
  return {
    graph,
    data: new Map([...data].map(([file, pieces]) => [file, Uint8Array.from(Buffer.concat(pieces))])),
  };
}
