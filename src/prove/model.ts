import type { JsonObject } from '../load/config.ts';
import type { ModelWeights } from '../load/load.ts';
import type { ModelInputs } from '../run/feeds.ts';
import type { ModelPart } from '../run/model.ts';
import { probeInputs } from './probe.ts';
import { type Precision, type Proved, prove, type Watch } from './prove.ts';

const precisions: Readonly<Record<ModelWeights['dtype'], Precision>> = {
  fp32: 'float32',
  fp16: 'float16',
  q8: 'quantised products',
  q4: 'quantised products',
  q4f16: 'float16',
};

/** One graph of a model with what its probe forward showed. */
export interface ProvedPart {
  readonly part: ModelPart;
  readonly proved: Proved;
}

/**
 * Proves every graph of a model; what the encoder gave is what the decoder is fed.
 * @throws SondeError `run_failed` | `aborted`
 */
export async function proveParts(
  parts: readonly ModelPart[],
  config: JsonObject,
  watch: Watch = {},
): Promise<readonly ProvedPart[]> {
  const done: ProvedPart[] = [];
  let given: ModelInputs = {};
  for (const part of parts) {
    const { model, weights } = part;
    const inputs = probeInputs(model.instrumented, config, given);
    const proved = await prove(model, inputs, precisions[weights.dtype], watch);
    done.push({ part, proved });
    const states = proved.outputs.get('last_hidden_state');
    given = states === undefined ? {} : { encoder_hidden_states: states };
  }
  return done;
}
