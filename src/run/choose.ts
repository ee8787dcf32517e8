import type { Executor } from '../kernels/kernel.ts';
import { mostCandidates, tokenStatisticsOnGpu } from '../kernels/token-statistics.gpu.ts';
import { type TokenStatistics, tokenStatistics } from '../kernels/token-statistics.ts';
import { SondeError } from '../shared/errors.ts';
import { readFloatTensor } from './float.ts';
import type { OrtTensor, Runtime } from './runtime.ts';
import type { Sampler } from './sample.ts';

/** The token that was chosen, and what its row of logits says over the full vocabulary. */
export interface Choice {
  readonly id: number;
  readonly logit: number;
  readonly statistics: TokenStatistics;
}

/** Candidates that are kept for whoever looks, beside those the sampler wants. */
const shown = 10;

/**
 * Chooses from the last row of logits [1, p, V]. On the GPU the row stays there: it is reduced by one kernel, and
 * only the statistics and the likeliest tokens come back; unless the sampler has to see the whole row.
 */
export async function chooseToken(
  runtime: Runtime,
  executor: Executor | undefined,
  logits: OrtTensor | undefined,
  sampler: Sampler,
): Promise<Choice> {
  if (logits === undefined) {
    throw new SondeError(
      'wrong_task',
      'This model has no logits to choose a token from.',
      'Load a text-generation model.',
    );
  }
  const length = logits.dims.at(-1) ?? 0;
  const k = Math.min(length, sampler.needs === 'top' ? Math.max(shown, sampler.k) : shown);
  if (
    logits.location === 'gpu-buffer' &&
    executor !== undefined &&
    sampler.needs === 'top' &&
    k <= mostCandidates
  ) {
    const offset = logits.size - length;
    const row = { buffer: logits.gpuBuffer as GPUBuffer, offset, length, half: logits.type === 'float16' };
    const statistics = await tokenStatisticsOnGpu(executor, row, k);
    return chosen(sampler.choose(statistics.top.slice(0, sampler.k)), statistics);
  }
  const { data } = await readFloatTensor(runtime, logits);
  const row = data.subarray(data.length - length);
  const statistics = tokenStatistics(row, k);
  if (sampler.needs === 'top') return chosen(sampler.choose(statistics.top.slice(0, sampler.k)), statistics);
  const id = sampler.choose(row);
  return { id, logit: row[id] ?? Number.NEGATIVE_INFINITY, statistics };
}

const chosen = (id: number, statistics: TokenStatistics): Choice => ({
  id,
  logit: statistics.top.find((candidate) => candidate.id === id)?.logit ?? Number.NEGATIVE_INFINITY,
  statistics,
});
