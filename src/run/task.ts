import type { Instrumented } from '../instrument/instrumented.ts';
import type { ModelConfig } from '../load/config.ts';
import type { Task } from '../protocol/model.ts';

/**
 * What the model is for: as its config says (`architectures`), else as its graph shows. Many exports leave the
 * class out of the config, but logits [b, p, vocabulary] of a decoder choose tokens and logits [b, labels] classes.
 */
export function taskOf(config: ModelConfig, { anatomy, inputs, outputs }: Instrumented): Task {
  if (/ForCausalLM$|LMHeadModel$/.test(config.architecture)) return 'text-generation';
  const readsText = inputs.some(({ name }) => name === 'input_ids');
  if (config.isEncoderDecoder && anatomy.kind === 'encoder-decoder' && readsText)
    return 'text2text-generation';
  if (config.architecture.endsWith('ForSequenceClassification')) return 'text-classification';
  const logits = outputs.find(({ name }) => name === 'logits');
  if (logits === undefined) return 'feature-extraction';
  if (logits.dims.length === 3 && anatomy.kind === 'decoder') return 'text-generation';
  return readsText && logits.dims.length === 2 && config.labels !== undefined
    ? 'text-classification'
    : 'other';
}
