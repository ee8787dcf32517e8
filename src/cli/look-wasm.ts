import { wantedInputs } from '../inspect/inputs.ts';
import { look, resolveIn } from '../inspect/look.ts';
import { type NodeParts, openNodeParts } from '../run/open.node.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import { requireInputs } from './inputs.ts';
import type { Viewer } from './look.ts';
import type { NamedModel } from './model.ts';

/** Looks into a model that is open in this process already. */
export function viewerOf({ folder, parts }: Pick<NodeParts, 'folder' | 'parts'>): Omit<Viewer, 'close'> {
  const hooks = parts.flatMap(({ model }) => model.instrumented.hooks);
  const wanted = wantedInputs(parts);
  return {
    device: 'wasm',
    async look(inputs, patterns) {
      requireInputs(inputs, wanted);
      const names = resolveIn(parts, patterns);
      const store = await look({ parts, folder, info: { hooks } }, inputs, names);
      const tensors = new Map<string, FloatTensor>();
      for (const name of names.flat()) tensors.set(name, await store.read(name));
      store.dispose();
      return tensors;
    },
  };
}

/** Runs in this process, on onnxruntime's WASM provider. */
export async function openOnWasm({ source, dtype }: NamedModel): Promise<Viewer> {
  const opened = await openNodeParts(source, dtype);
  return { ...viewerOf(opened), close: opened.dispose };
}
