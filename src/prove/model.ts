import type { JsonObject } from '../load/config.ts';
import type { ModelWeights } from '../load/load.ts';
import type { ModelInputs } from '../run/feeds.ts';
import type { ModelPart } from '../run/model.ts';
import { SondeError } from '../shared/errors.ts';
import { availableHooks } from './capture.ts';
import { identitiesOf } from './identities.ts';
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
  const inOrder = inTotal(parts, watch);
  let given: ModelInputs = {};
  for (const [at, part] of parts.entries()) {
    const { model, weights } = part;
    const probe = (rows?: number): Promise<Proved> =>
      prove(
        model,
        probeInputs(model.instrumented, config, given, rows),
        precisions[weights.dtype],
        inOrder(at),
      );
    const proved = await probe().catch((error: unknown) => {
      if (!(error instanceof SondeError) || error.code !== 'run_failed') throw error;
      // Some exports take one row at a time, whatever their inputs declare.
      return probe(1);
    });
    done.push({ part, proved });
    const states = proved.outputs.get('last_hidden_state');
    given = states === undefined ? {} : { encoder_hidden_states: states };
  }
  return done;
}

/** Each graph's progress as that of the whole model, so that it never goes back. */
function inTotal(parts: readonly ModelPart[], { onProgress, ...watch }: Watch): (at: number) => Watch {
  const sizes = parts.map(({ model: { instrumented } }) => ({
    hooks: availableHooks(instrumented.hooks).length,
    identities: identitiesOf(instrumented.hooks).length,
  }));
  const sum = (key: 'hooks' | 'identities', end: number): number =>
    sizes.slice(0, end).reduce((total, size) => total + size[key], 0);
  return (at) => ({
    ...watch,
    onProgress: ({ captured, judged }) =>
      onProgress?.({
        captured: sum('hooks', at) + captured,
        hooks: sum('hooks', sizes.length),
        judged: sum('identities', at) + judged,
        identities: sum('identities', sizes.length),
      }),
  });
}
