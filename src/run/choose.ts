import type { Copy, Executor, Query } from '../kernels/kernel.ts';
import {
  candidatesOnGpu,
  type LogitsOnGpu,
  mostCandidates,
  type Reduced,
  reducedOnGpu,
  reductionKernels,
  tokenStatisticsOnGpu,
} from '../kernels/token-statistics.gpu.ts';
import { candidatesBySimd, tokenStatisticsBySimd } from '../kernels/token-statistics.simd.ts';
import {
  type Candidates,
  isSeen,
  type Tempering,
  type TokenStatistics,
} from '../kernels/token-statistics.ts';
import { SondeError } from '../shared/errors.ts';
import { halfToFloat } from '../shared/half.ts';
import { toFloatTensor } from './float.ts';
import { generates } from './generates.ts';
import type { LoadedModel } from './model.ts';
import type { OrtTensor } from './runtime.ts';
import type { Sampler } from './sample.ts';

/** The token that was chosen, and what its row of logits says over the full vocabulary. */
export interface Choice {
  readonly id: number;
  /** As the model gave it, before penalties. */
  readonly logit: number;
  readonly statistics: TokenStatistics;
}

/** Chooses token after token of one generation. */
export interface Chooser {
  /**
   * From the last row of logits [1, p, V]. On the GPU the row stays there: it is reduced by kernels, and only the
   * statistics and the likeliest tokens come back; unless they do not decide.
   * @param sequence every token so far, the prompt's first: what a repetition penalty looks at
   * @param beside what else is wanted from the GPU at this step; it comes back in the same read
   */
  choose<T>(
    logits: OrtTensor | undefined,
    sequence: readonly number[],
    beside?: Query<T>,
  ): Promise<{ readonly choice: Choice; readonly beside: T | undefined }>;
  dispose(): void;
}

/** Candidates that are kept for whoever looks, beside those the sampler wants. */
const shown = 10;

export function createChooser({ executor }: LoadedModel, sampler: Sampler): Chooser {
  const { temperature, penalty } = sampler;
  const seen = createSeen(executor);
  return {
    async choose(logits, sequence, beside) {
      if (logits === undefined) throw noLogits();
      const length = logits.dims.at(-1) ?? 0;
      const isOnGpu = logits.location === 'gpu-buffer' && executor !== undefined;
      if (penalty !== 1) seen.add(sequence, length);
      const tempering = { temperature, penalty, seen: seen.words };
      const at = sampler.random();
      const row = (): LogitsOnGpu => ({
        buffer: logits.gpuBuffer as GPUBuffer,
        offset: logits.size - length,
        length,
        half: logits.type === 'float16',
      });
      if (isOnGpu && Math.min(length, sampler.k) <= mostCandidates) {
        const [reduced, other] = await executor.ask(
          reduce(row(), Math.min(length, sampler.k), tempering, seen.buffer),
          beside ?? nothing,
        );
        const id = sampler.choose(reduced.candidates, at);
        if (id !== undefined) {
          return { choice: chosen(id, reduced, tempering), beside: other as never };
        }
        const [values] = await executor.ask(rowOf(row()));
        return { choice: fromRow(values, sampler, tempering, at), beside: other as never };
      }
      if (isOnGpu) {
        const [values, other] = await executor.ask(rowOf(row()), beside ?? nothing);
        return { choice: fromRow(values, sampler, tempering, at), beside: other as never };
      }
      const { data } = toFloatTensor(logits);
      const values = data.subarray(data.length - length);
      return { choice: fromRow(values, sampler, tempering, at), beside: beside?.answer([]) };
    },
    dispose: () => seen.dispose(),
  };
}

/** Compiles what a greedy choice runs, beside all that a load waits for. */
export function prepareChoice({ executor, instrumented }: LoadedModel): void {
  const { anatomy, outputs } = instrumented;
  const logits = outputs.find(({ name }) => name === anatomy.logits);
  const length = logits?.dims.at(-1);
  if (executor === undefined || typeof length !== 'number' || !generates(anatomy)) return;
  executor.prepare(reductionKernels({ length, half: logits?.type === 'float16' }, Math.min(length, shown)));
}

const nothing: Query<undefined> = { steps: [], answer: () => undefined };

/** Without a penalty one pass gives both; with one, what the model said and what is chosen from are two rows. */
function reduce(
  row: LogitsOnGpu,
  k: number,
  tempering: Tempering,
  seen: GPUBuffer | undefined,
): Query<Reduced> {
  const plain = Math.min(row.length, Math.max(shown, k));
  if (tempering.penalty === 1 || seen === undefined) return reducedOnGpu(row, plain, tempering.temperature);
  const statistics = tokenStatisticsOnGpu(row, Math.min(row.length, shown));
  const candidates = candidatesOnGpu(row, k, tempering, seen);
  return {
    steps: [...statistics.steps, ...candidates.steps],
    answer: ([first = new ArrayBuffer(), second = new ArrayBuffer()]) => ({
      statistics: statistics.answer([first]),
      candidates: candidates.answer([second]),
    }),
  };
}

/** The row itself, where its likeliest tokens do not decide. */
function rowOf({ buffer, offset, length, half }: LogitsOnGpu): Query<Float32Array> {
  const size = half ? 2 : 4;
  const lead = (offset * size) % 4;
  const bytes = Math.ceil((lead + length * size) / 4) * 4;
  const step: Copy = { buffer, offset: offset * size - lead, bytes };
  return {
    steps: [step],
    answer: ([read = new ArrayBuffer(bytes)]) =>
      half
        ? Float32Array.from(new Uint16Array(read, lead, length), halfToFloat)
        : new Float32Array(read, lead, length),
  };
}

function fromRow(row: Float32Array, sampler: Sampler, tempering: Tempering, at: number): Choice {
  const { temperature, penalty } = tempering;
  const k = Math.min(row.length, Math.max(shown, sampler.k));
  const statistics = tokenStatisticsBySimd(row, k);
  const { top, logSumExp } = statistics;
  const likeliest = top[0]?.logit ?? 0;
  // Without a penalty they are those of the statistics; the row is weighed again only where its rest counts.
  const isKnown = penalty === 1 && (sampler.isCutByK || temperature === 1);
  const candidates: Candidates = isKnown
    ? {
        top,
        logSumExp: sampler.isCutByK ? likeliest / temperature : logSumExp,
        isWhole: k >= row.length || top.length < k,
      }
    : candidatesBySimd(row, k, tempering);
  const id =
    sampler.choose(candidates, at) ?? sampler.choose(candidatesBySimd(row, row.length, tempering), at) ?? 0;
  return { id, logit: row[id] ?? Number.NEGATIVE_INFINITY, statistics };
}

/** A penalty is undone: the candidate's logit is the penalised one. */
function chosen(id: number, { statistics, candidates }: Reduced, { penalty, seen }: Tempering): Choice {
  const plain = statistics.top.find((candidate) => candidate.id === id)?.logit;
  const found = candidates.top.find((candidate) => candidate.id === id)?.logit ?? Number.NEGATIVE_INFINITY;
  const undone = !isSeen(seen, id) ? found : found < 0 ? found / penalty : found * penalty;
  return { id, logit: plain ?? undone, statistics };
}

/** Which ids were there, on the CPU and on the GPU: one bit each, and only what changed is written. */
function createSeen(executor: Executor | undefined) {
  let words = new Uint32Array();
  let buffer: GPUBuffer | undefined;
  let counted = 0;
  return {
    get words() {
      return words;
    },
    get buffer() {
      return buffer;
    },
    add(sequence: readonly number[], vocabulary: number) {
      if (words.length === 0) words = new Uint32Array(Math.ceil(vocabulary / 32));
      const isFirst = counted === 0;
      for (; counted < sequence.length; counted++) {
        const id = sequence[counted] ?? 0;
        const word = id >>> 5;
        words[word] = (words[word] ?? 0) | (1 << (id & 31));
        if (!isFirst && buffer !== undefined) executor?.write(buffer, word * 4, words.slice(word, word + 1));
      }
      if (buffer === undefined && executor !== undefined) {
        const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
        buffer = executor.device.createBuffer({ size: words.byteLength, usage });
        executor.write(buffer, 0, words);
      }
    },
    dispose: () => buffer?.destroy(),
  };
}

const noLogits = (): SondeError =>
  new SondeError(
    'wrong_task',
    'This model has no logits to choose a token from.',
    'Load a text-generation model.',
  );
