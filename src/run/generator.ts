import { SondeError } from '../shared/errors.ts';
import { emptyPlan, type Plan } from '../shared/plan.ts';
import { type CaptureStore, release } from './capture.ts';
import { completeFeeds, idTensor } from './feeds.ts';
import { emptyOnGpu } from './gpu-tensor.ts';
import type { LoadedModel, ModelPart } from './model.ts';
import { ownPlan } from './plan.ts';
import type { Feeds } from './sessions.ts';

/** The graphs that make text: a decoder, and of an encoder-decoder the encoder whose states it reads. */
export interface Generator {
  readonly decoder: LoadedModel;
  readonly encoder?: LoadedModel;
}

const generates = ({ model: { instrumented } }: Pick<ModelPart, 'model'>): boolean =>
  instrumented.anatomy.logits !== undefined && /decoder/.test(instrumented.anatomy.kind);

export const hasDecoder = (parts: readonly Pick<ModelPart, 'model'>[]): boolean => parts.some(generates);

/** @throws SondeError `wrong_task` where no graph of the model generates */
export function generatorOf(parts: readonly Pick<ModelPart, 'part' | 'model'>[]): Generator {
  const decoder = parts.find(generates);
  if (decoder === undefined) {
    throw new SondeError(
      'wrong_task',
      'No graph of this model generates text.',
      'Load a model that generates text, such as GPT-2 or T5.',
    );
  }
  const encoder = parts.find(({ part }) => part === 'encoder_model');
  return { decoder: decoder.model, ...(encoder === undefined ? {} : { encoder: encoder.model }) };
}

/** What encoders call their result. */
const encoderStates = 'last_hidden_state';

/**
 * Runs an encoder over one sequence. On WebGPU the states go back there, for every step of the decoder is fed them.
 * @returns its states [1, n, d] by the name of the decoder's input
 */
export async function encode(
  model: LoadedModel,
  ids: readonly number[],
  plan: Plan = emptyPlan,
  capture?: CaptureStore,
): Promise<Feeds> {
  const { runtime, instrumented, gpu } = model;
  const session = await model.sessions.open(ownPlan(model, plan));
  const outputs = await session.run(completeFeeds(runtime.ort, instrumented, { input_ids: idTensor([ids]) }));
  capture?.add(session.graph.taps, outputs);
  const states = outputs[encoderStates];
  if (states === undefined) {
    throw new SondeError(
      'graph_unsupported',
      `The encoder has no output named ${encoderStates}.`,
      'Export the model with Optimum.',
    );
  }
  if (gpu === undefined || states.location !== 'cpu') return { encoder_hidden_states: states };
  const values = states.data as Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer>;
  const { tensor, buffer } = emptyOnGpu(runtime.ort, gpu.device, states, states.dims);
  gpu.device.queue.writeBuffer(buffer, 0, values);
  release(states, capture);
  return { encoder_hidden_states: tensor };
}
