import { probeInputs } from '../../../src/prove/probe.ts';
import { forward } from '../../../src/run/model.ts';
import { openNodeParts } from '../../../src/run/open.node.ts';
import type { Hook } from '../../../src/shared/hook.ts';
import type { FloatTensor } from '../../../src/shared/tensor.ts';

export interface Probed {
  readonly hooks: readonly Hook[];
  /** Every hook's value over the probe's inputs, and the ids. */
  readonly values: ReadonlyMap<string, FloatTensor>;
}

/** What `prove` judges, for tests that change it first. */
export async function probed(model: string): Promise<Probed> {
  const opened = await openNodeParts(`test/zoo/${model}`);
  try {
    const [part] = opened.parts;
    if (part === undefined) throw new Error(`${model} has no graph`);
    const { instrumented } = part.model;
    const inputs = probeInputs(instrumented, opened.config, {});
    const names = instrumented.resolve(['**']);
    const { capture } = await forward(part.model, inputs, names);
    const values = new Map<string, FloatTensor>();
    for (const name of names) values.set(name, await capture.read(name));
    const ids = inputs.input_ids;
    if (ids !== undefined)
      values.set('input_ids', { type: 'float32', dims: ids.dims, data: Float32Array.from(ids.data, Number) });
    return { hooks: instrumented.hooks, values };
  } finally {
    await opened.dispose();
  }
}
