import type { Dispatch, Kernel, Query } from './kernel.ts';
import { joining, numberAt } from './rows.gpu.ts';
import {
  type Candidate,
  type Candidates,
  fromMoments,
  notANumber,
  type Tempering,
  type TokenStatistics,
} from './token-statistics.ts';

/** Shared memory every WebGPU device has, in bytes; statistics and the candidates of all threads must fit. */
const workgroupStorage = 16_384;
/** f32 and u32 of a candidate. */
const candidateBytes = 8;
const momentBytes = 20;

/** With more, too few threads would be left to share the row. */
export const mostCandidates = 60;

/** A program is compiled for each of these only: some drivers take seconds. */
const sizes = [12, 28, mostCandidates] as const;

/** Words before the candidates: flags, max, sum, first, second, tempered. */
const head = 6;

/** Logits of one workgroup; longer rows are shared out, and the shares merged by a second dispatch. */
const share = 8192;

const wordsFor = (k: number): number => head + 2 * k;

/** Threads for which k candidates each fit into shared memory. */
function threadsFor(k: number): number {
  let threads = 256;
  while (threads * (k * candidateBytes + momentBytes) > workgroupStorage - 64) threads /= 2;
  return threads;
}

interface Shape {
  readonly k: number;
  readonly half: boolean;
  readonly isPenalised: boolean;
}

const placesFor = (wanted: number): number => sizes.find((size) => size >= wanted) ?? mostCandidates;
const groupsFor = (length: number): number => Math.max(1, Math.ceil(length / share));

const kernels = new Map<string, Kernel>();

function kernelFor(stage: 'row' | 'merge', shape: Shape): Kernel {
  // What the shares are merged from is the same for all of them.
  const key = JSON.stringify(stage === 'row' ? shape : shape.k);
  const known = kernels.get(key);
  if (known !== undefined) return known;
  const made: Kernel = {
    label: `token statistics, ${stage}, top ${shape.k}`,
    code: stage === 'row' ? rowCode(shape) : mergeCode(shape.k),
  };
  kernels.set(key, made);
  return made;
}

/** Of q, in the same way as f, and of t. */
const joinedTails = [
  'ea * (a.q + 2.0 * da * a.f + da * da * a.s) + eb * (b.q + 2.0 * db * b.f + db * db * b.s)',
  'exp(da * cold) * a.t + exp(db * cold) * b.t',
];

/** What both stages share: moments, the k best of each thread, and the merge of all threads in log2(threads) rounds. */
const common = (k: number): string => /* wgsl */ `
// Moments of weights e^(x - m): m, sum, sum (x-m) e^(x-m), sum (x-m)^2 e^(x-m); t is sum e^((x-m)/temperature).
struct Moments { m: f32, s: f32, f: f32, q: f32, t: f32 }

const K = ${k}u;
const WORDS = ${wordsFor(k)}u;
const THREADS = ${threadsFor(k)}u;
// WGSL has no infinity: this stands for "nothing", and no finite float32 logit is below it.
const NOTHING = -3.4028234663852886e38f;
const NO_ID = 0xffffffffu;

var<workgroup> moments: array<Moments, THREADS>;
var<workgroup> value: array<f32, ${threadsFor(k) * k}>;
var<workgroup> id: array<u32, ${threadsFor(k) * k}>;
var<workgroup> broken: atomic<u32>;

${joining('Moments', joinedTails, ', cold: f32')}
fn added(a: Moments, x: f32, cold: f32) -> Moments {
  if (a.s == 0.0) { return Moments(x, 1.0, 0.0, 0.0, 1.0); }
  let d = x - a.m;
  if (d > 0.0) { return joined(a, Moments(x, 1.0, 0.0, 0.0, 1.0), cold); }
  let e = exp(d);
  return Moments(a.m, a.s + e, a.f + d * e, a.q + d * d * e, a.t + exp(d * cold));
}

fn before(va: f32, ia: u32, vb: f32, ib: u32) -> bool {
  return va > vb || (va == vb && ia < ib);
}

fn mergeThreads(thread: u32, cold: f32, group: u32) {
  for (var stride = THREADS / 2u; stride > 0u; stride /= 2u) {
    workgroupBarrier();
    if (thread < stride) {
      moments[thread] = joined(moments[thread], moments[thread + stride], cold);
      var best: array<f32, K>;
      var who: array<u32, K>;
      var a = thread * K;
      var b = (thread + stride) * K;
      for (var j = 0u; j < K; j++) {
        if (before(value[a], id[a], value[b], id[b])) { best[j] = value[a]; who[j] = id[a]; a++; }
        else { best[j] = value[b]; who[j] = id[b]; b++; }
      }
      for (var j = 0u; j < K; j++) { value[thread * K + j] = best[j]; id[thread * K + j] = who[j]; }
    }
  }
  workgroupBarrier();
  if (thread == 0u) {
    let to = group * WORDS;
    result[to] = atomicLoad(&broken);
    result[to + 1u] = bitcast<u32>(moments[0].m);
    result[to + 2u] = bitcast<u32>(moments[0].s);
    result[to + 3u] = bitcast<u32>(moments[0].f);
    result[to + 4u] = bitcast<u32>(moments[0].q);
    result[to + 5u] = bitcast<u32>(moments[0].t);
    for (var j = 0u; j < K; j++) {
      result[to + ${head}u + j] = bitcast<u32>(value[j]);
      result[to + ${head}u + K + j] = id[j];
    }
  }
}
`;

/** Each workgroup takes one share of the row, each thread every n-th logit of it. The row is never copied. */
const rowCode = ({ k, half, isPenalised }: Shape): string => /* wgsl */ `
struct Parameters { offset: u32, length: u32, cold: f32, penalty: f32 }
@group(0) @binding(0) var<storage, read> logits: array<${half ? 'u32' : 'f32'}>;
${isPenalised ? '@group(0) @binding(1) var<storage, read> seen: array<u32>;' : ''}
@group(0) @binding(${isPenalised ? 2 : 1}) var<storage, read_write> result: array<u32>;
@group(0) @binding(${isPenalised ? 3 : 2}) var<uniform> parameters: Parameters;
${common(k)}
@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_id) local: vec3<u32>, @builtin(workgroup_id) group: vec3<u32>) {
  let thread = local.x;
  var mine = Moments(NOTHING, 0.0, 0.0, 0.0, 0.0);
  var best: array<f32, K>;
  var who: array<u32, K>;
  for (var j = 0u; j < K; j++) { best[j] = NOTHING; who[j] = NO_ID; }

  let end = min(parameters.length, (group.x + 1u) * ${share}u);
  for (var i = group.x * ${share}u + thread; i < end; i += THREADS) {
    var x = ${numberAt('logits', 'parameters.offset + i', half)};
    let bits = bitcast<u32>(x);
    // NaN and +inf by their bits: compilers may assume that neither occurs.
    if ((bits & 0x7fffffffu) > 0x7f800000u || bits == 0x7f800000u) { atomicStore(&broken, 1u); continue; }
    if (bits == 0xff800000u) { continue; }
    ${isPenalised ? 'if (((seen[i >> 5u] >> (i & 31u)) & 1u) == 1u) { x = select(x / parameters.penalty, x * parameters.penalty, x < 0.0); }' : ''}
    mine = added(mine, x, parameters.cold);
    if (before(x, i, best[K - 1u], who[K - 1u])) {
      var j = K - 1u;
      for (; j > 0u && before(x, i, best[j - 1u], who[j - 1u]); j--) { best[j] = best[j - 1u]; who[j] = who[j - 1u]; }
      best[j] = x;
      who[j] = i;
    }
  }
  moments[thread] = mine;
  for (var j = 0u; j < K; j++) { value[thread * K + j] = best[j]; id[thread * K + j] = who[j]; }
  mergeThreads(thread, parameters.cold, group.x);
}
`;

/** One workgroup over what the others found. */
const mergeCode = (k: number): string => /* wgsl */ `
struct Parameters { groups: u32, unused: u32, cold: f32 }
@group(0) @binding(0) var<storage, read> shares: array<u32>;
@group(0) @binding(1) var<storage, read_write> result: array<u32>;
@group(0) @binding(2) var<uniform> parameters: Parameters;
${common(k)}
@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_id) local: vec3<u32>) {
  let thread = local.x;
  var mine = Moments(NOTHING, 0.0, 0.0, 0.0, 0.0);
  for (var j = 0u; j < K; j++) { value[thread * K + j] = NOTHING; id[thread * K + j] = NO_ID; }
  for (var group = thread; group < parameters.groups; group += THREADS) {
    let base = group * WORDS;
    if (shares[base] != 0u) { atomicStore(&broken, 1u); }
    mine = joined(mine, Moments(
      bitcast<f32>(shares[base + 1u]), bitcast<f32>(shares[base + 2u]), bitcast<f32>(shares[base + 3u]),
      bitcast<f32>(shares[base + 4u]), bitcast<f32>(shares[base + 5u])), parameters.cold);
    var best: array<f32, K>;
    var who: array<u32, K>;
    var a = thread * K;
    var b = 0u;
    for (var j = 0u; j < K; j++) {
      let x = bitcast<f32>(shares[base + ${head}u + b]);
      let i = shares[base + ${head}u + K + b];
      if (before(value[a], id[a], x, i)) { best[j] = value[a]; who[j] = id[a]; a++; }
      else { best[j] = x; who[j] = i; b++; }
    }
    for (var j = 0u; j < K; j++) { value[thread * K + j] = best[j]; id[thread * K + j] = who[j]; }
  }
  moments[thread] = mine;
  mergeThreads(thread, parameters.cold, 0u);
}
`;

export interface LogitsOnGpu {
  /** float32, or float16 where `half`; padded at will. */
  readonly buffer: GPUBuffer;
  /** Where the row begins, in elements. */
  readonly offset: number;
  readonly length: number;
  readonly half: boolean;
}

/** What one pass over a row gives. */
export interface Reduced {
  readonly statistics: TokenStatistics;
  readonly candidates: Candidates;
}

function reduction(
  row: LogitsOnGpu,
  wanted: number,
  temperature: number,
  penalty?: { readonly factor: number; readonly seen: GPUBuffer },
): Query<Reduced> {
  const k = placesFor(wanted);
  const shape: Shape = { k, half: row.half, isPenalised: penalty !== undefined };
  const groups = groupsFor(row.length);
  const bits = (value: number): number => new Uint32Array(Float32Array.of(value).buffer)[0] ?? 0;
  const cold = bits(1 / temperature);
  const bytes = 4 * wordsFor(k);
  const first: Dispatch = {
    kernel: kernelFor('row', shape),
    inputs: penalty === undefined ? [row.buffer] : [row.buffer, penalty.seen],
    parameters: Uint32Array.of(row.offset, row.length, cold, bits(penalty?.factor ?? 1)),
    workgroups: groups,
    bytes: bytes * groups,
    isRead: groups === 1,
  };
  const second: Dispatch = {
    kernel: kernelFor('merge', shape),
    inputs: [first],
    parameters: Uint32Array.of(groups, 0, cold),
    workgroups: 1,
    bytes,
    isRead: true,
  };
  return {
    steps: groups === 1 ? [first] : [first, second],
    answer: ([read = new ArrayBuffer(bytes)]) => parse(read, { k, wanted, temperature, length: row.length }),
  };
}

interface Layout {
  /** Candidates in the bytes, and how many of them were asked for. */
  readonly k: number;
  readonly wanted: number;
  readonly temperature: number;
  readonly length: number;
}

function parse(read: ArrayBuffer, { k, wanted, temperature, length }: Layout): Reduced {
  const floats = new Float32Array(read);
  const words = new Uint32Array(read);
  const [, max = 0, sum = 0, first = 0, second = 0, tempered = 0] = floats;
  if (words[0] !== 0 || sum === 0) throw notANumber();
  const top: Candidate[] = Array.from({ length: wanted }, (_, index) => ({
    id: words[head + k + index] ?? 0xffffffff,
    logit: floats[head + index] ?? 0,
  })).filter(({ id }) => id !== 0xffffffff);
  return {
    statistics: { ...fromMoments({ max, sum, first, second }), top },
    candidates: {
      top,
      logSumExp: max / temperature + Math.log(tempered),
      isWhole: wanted >= length || top.length < wanted,
    },
  };
}

/**
 * `tokenStatistics` of a row that lies on the GPU; reads back at most 24 + 8 `mostCandidates` bytes.
 * @param k at most `mostCandidates`
 * @throws SondeError `run_failed` for NaN, +inf, or a row without a finite logit
 */
export function tokenStatisticsOnGpu(row: LogitsOnGpu, k: number): Query<TokenStatistics> {
  const { steps, answer } = reduction(row, k, 1);
  return { steps, answer: (read) => answer(read).statistics };
}

/** `candidatesOf` of a row on the GPU. @param seen `Tempering.seen`, on the GPU */
export function candidatesOnGpu(
  row: LogitsOnGpu,
  k: number,
  { temperature, penalty }: Omit<Tempering, 'seen'>,
  seen: GPUBuffer,
): Query<Candidates> {
  const { steps, answer } = reduction(row, k, temperature, { factor: penalty, seen });
  return { steps, answer: (read) => answer(read).candidates };
}

/** Both of a row without penalties, in one pass over it. */
export const reducedOnGpu = (row: LogitsOnGpu, k: number, temperature: number): Query<Reduced> =>
  reduction(row, k, temperature);

/** What `reducedOnGpu` runs, so that it can be compiled before there is a row. */
export function reductionKernels(
  { length, half }: Omit<LogitsOnGpu, 'buffer' | 'offset'>,
  k: number,
): readonly Kernel[] {
  const shape: Shape = { k: placesFor(k), half, isPenalised: false };
  const row = kernelFor('row', shape);
  return groupsFor(length) === 1 ? [row] : [row, kernelFor('merge', shape)];
}
