import type { Surroundings } from '../inspect/answers.ts';
import { describe } from '../inspect/describe.ts';
import type { StepSender } from '../inspect/generate.ts';
import type { ModelEntry } from '../inspect/model-entry.ts';
import { undigested } from '../inspect/request.ts';
import { openTokenizer } from '../load/tokenizer.ts';
import type { Dtype } from '../protocol/device.ts';
import type { Step } from '../protocol/request.ts';
import type { NodeParts } from '../run/open.node.ts';
import type { FullRecord } from '../schema/record.ts';

/** The model as a worker would hold it, without what only a browser has. */
export async function entryOf({ folder, parts }: NodeParts, dtype: Dtype): Promise<ModelEntry> {
  const model = parts.at(-1)?.model;
  if (model === undefined) throw new RangeError('A model has at least one graph.');
  const fidelity = { kind: 'unproved', reason: 'a command holds no device to a golden' } as const;
  const report = {
    device: 'wasm',
    dtype,
    threads: 1,
    crossOriginIsolated: false,
    fallbacks: [],
    fidelity,
  } as const;
  return {
    info: await describe(folder, { parts, model, report }),
    parts,
    model,
    folder,
    tokenizer: folder.tokenizer === undefined ? undefined : openTokenizer(folder),
    calibration: { current: undefined, keep: async () => false, forget: async () => undefined },
    drift: undefined,
  };
}

/** What a request says of its call, where nobody calls. */
export const uncalled = { call: 0, model: 0, recovered: [] } as const;

/** Nothing leaves, and the key that inputs are digested with is in a browser. @param record hears of each request */
export const surroundings = (record: (record: FullRecord) => void): Surroundings => ({
  digest: undigested,
  consent: undefined,
  record,
  recoveries: [],
  keep(store) {
    store.dispose();
    return 0;
  },
});

/** Takes the steps of a generation as they come. */
export function collected(): StepSender & { readonly all: readonly Step[] } {
  const all: Step[] = [];
  return {
    all,
    send: async (step) => void all.push(step),
    get sent() {
      return all.length;
    },
  };
}
