import type { ModelProof } from '../protocol/proof.ts';
import { proveParts } from '../prove/model.ts';
import type { Watch } from '../prove/prove.ts';
import { milliseconds } from '../shared/units.ts';
import type { ModelEntry } from './model-entry.ts';

/** Every hook held against its identities, on the device in use. */
export async function proveEntry({ parts, folder, info }: ModelEntry, watch: Watch): Promise<ModelProof> {
  const started = performance.now();
  const proved = (await proveParts(parts, folder.json, watch)).map((each) => each.proved);
  return {
    device: info.device.device,
    dtype: info.device.dtype,
    hooks: Object.fromEntries(proved.flatMap(({ hooks }) => [...hooks])),
    verdicts: proved.flatMap(({ verdicts }) => verdicts),
    refused: Object.fromEntries(proved.flatMap(({ refused }) => [...refused])),
    elapsed: milliseconds(performance.now() - started),
  };
}
