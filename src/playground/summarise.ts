import type { HeadSummary, LayerSummary } from '../elements/layers.ts';
import type { AttentionMaps } from '../elements/maps.ts';
import type { Capture, FloatTensor, Hook, Token } from '../index.ts';
import { positionNorms } from '../observe/activations/norms.ts';
import { activationStatistics } from '../observe/activations/statistics.ts';
import { meanAttentionEntropy } from '../observe/attention/attention-entropy.ts';
import { firstTokenMass, previousTokenScore } from '../observe/attention/head-scores.ts';
import { headPattern, type Pattern, weightAt } from '../observe/attention/pattern.ts';
import { breathe } from './breathe.ts';
import type { Insides } from './reading.ts';
import { findRepetition, type Repetition } from './repetition.ts';
import { patternHook, type Stack, whyNot } from './stack.ts';

/** Where the residual stream is measured, down a block; one after what a decoder reads of an encoder. */
const points = ['mid', 'mid_cross', 'post'];

/** Reads a capture back hook by hook and computes what the page draws from it. */
export async function summarise(
  capture: Capture,
  stack: Stack,
  hooks: readonly Hook[],
  tokens: readonly Token[],
): Promise<Insides> {
  const { prefix, layers, attention } = stack;
  const read = async (name: string): Promise<FloatTensor | undefined> => {
    if (!capture.hooks.some((hook) => hook.name === name)) return undefined;
    const tensor = await capture.get(name);
    await breathe();
    return tensor;
  };
  const numbers = Array.from({ length: layers }, (_, layer) => layer);
  const isCross = attention === 'cross_attn';
  const repetition = isCross ? undefined : findRepetition(tokens.map((token) => token.id));

  const patterns: AttentionMaps['layers'][number][] = [];
  const heads: HeadSummary[] = [];
  for (const layer of numbers) {
    const name = patternHook(stack, layer);
    const tensor = await read(name);
    patterns.push(tensor ?? { unavailable: whyNot(hooks, name) });
    for (let head = 0; head < (tensor?.dims[1] ?? 0); head++)
      if (tensor)
        heads.push({
          layer,
          head,
          ...(isCross
            ? { entropy: meanAttentionEntropy(headPattern(tensor, head)) }
            : summariseHead(headPattern(tensor, head), repetition)),
        });
  }

  const profile: { hooks: string[]; norms: Float32Array[] } = { hooks: [], norms: [] };
  const summaries: LayerSummary[] = [];
  for (const layer of numbers) {
    for (const point of layer === 0 ? ['pre', ...points] : points) {
      const name = `${prefix}blocks.${layer}.hook_resid_${point}`;
      const tensor = await read(name);
      if (tensor === undefined) continue;
      profile.hooks.push(name);
      profile.norms.push(Float32Array.from(positionNorms(tensor)));
      if (point === 'post')
        summaries.push(
          await summariseLayer(layer, tensor, (hook) => read(`${prefix}blocks.${layer}.${hook}`)),
        );
    }
  }
  const maps = { layers: patterns, ...(isCross ? { causal: false } : {}) };
  return { maps, profile, layers: summaries, heads };
}

/** Of attention among the tokens of one sequence; a single token has none before it. */
function summariseHead(
  pattern: Pattern,
  repetition: Repetition | undefined,
): Omit<HeadSummary, 'layer' | 'head'> {
  return {
    entropy: meanAttentionEntropy(pattern),
    ...(pattern.queries < 2
      ? {}
      : { previousToken: previousTokenScore(pattern), firstToken: firstTokenMass(pattern) }),
    ...(repetition === undefined ? {} : { induction: inductionOver(pattern, repetition) }),
  };
}

/** Mean weight of each token of the second copy on the token that followed it in the first. */
function inductionOver(pattern: Pattern, { start, length }: Repetition): number {
  let sum = 0;
  for (let query = start + length; query < start + 2 * length; query++)
    sum += weightAt(pattern, query, query - length + 1);
  return sum / length;
}

async function summariseLayer(
  layer: number,
  residual: FloatTensor,
  read: (name: string) => Promise<FloatTensor | undefined>,
): Promise<LayerSummary> {
  const { mean, standardDeviation, absoluteMaximum } = activationStatistics(residual.data);
  const meanNorm = async (name: string): Promise<number | undefined> => {
    const tensor = await read(name);
    return tensor && activationStatistics(positionNorms(tensor)).mean;
  };
  const attentionNorm = await meanNorm('hook_attn_out');
  const crossNorm = await meanNorm('hook_cross_attn_out');
  const mlpNorm = await meanNorm('hook_mlp_out');
  return {
    layer,
    mean,
    deviation: standardDeviation,
    largest: absoluteMaximum,
    ...(attentionNorm === undefined ? {} : { attentionNorm }),
    ...(crossNorm === undefined ? {} : { crossNorm }),
    ...(mlpNorm === undefined ? {} : { mlpNorm }),
  };
}
