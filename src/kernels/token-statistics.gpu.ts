import type { Executor, Kernel } from './kernel.ts';
import { fromMoments, notANumber, type TokenStatistics } from './token-statistics.ts';

/** Shared memory every WebGPU device has, in bytes; statistics and the candidates of all threads must fit. */
const workgroupStorage = 16_384;
/** f32 and u32 of a candidate. */
const candidateBytes = 8;
const momentBytes = 16;

/** With more, too few threads would be left to share the row. */
export const mostCandidates = 64;

/** Words before the candidates: flags, max, sum, first, second. */
const head = 5;

const kernels = new Map<string, Kernel>();

/** Threads for which k candidates each fit into shared memory. */
export function threadsFor(k: number): number {
  let threads = 256;
  while (threads * (k * candidateBytes + momentBytes) > workgroupStorage - 64) threads /= 2;
  return threads;
}

/**
 * One workgroup, one pass over the row: each thread keeps the moments and the k best of its share, then all
 * shares are merged in log2(threads) rounds. Written for rows on the GPU already; the row is never copied.
 */
function kernelFor(k: number, half: boolean): Kernel {
  const key = `${k}:${half}`;
  const known = kernels.get(key);
  if (known !== undefined) return known;
  const threads = threadsFor(k);
  const made: Kernel = {
    label: `token statistics, top ${k}`,
    code: code(k, threads, half),
    inputs: 1,
    outputBytes: 4 * (head + 2 * k),
  };
  kernels.set(key, made);
  return made;
}

const code = (k: number, threads: number, half: boolean): string => /* wgsl */ `
${half ? 'enable f16;' : ''}
struct Parameters { offset: u32, length: u32 }
// Moments of weights e^(x - m): m, sum, sum (x-m) e^(x-m), sum (x-m)^2 e^(x-m).
struct Moments { m: f32, s: f32, f: f32, q: f32 }

@group(0) @binding(0) var<storage, read> logits: array<${half ? 'f16' : 'f32'}>;
@group(0) @binding(1) var<storage, read_write> result: array<u32>;
@group(0) @binding(2) var<uniform> parameters: Parameters;

const K = ${k}u;
const THREADS = ${threads}u;
// WGSL has no infinity: this stands for "nothing", and no finite float32 logit is below it.
const NOTHING = -3.4028234663852886e38f;
const NO_ID = 0xffffffffu;

var<workgroup> moments: array<Moments, THREADS>;
var<workgroup> value: array<f32, ${threads * k}>;
var<workgroup> id: array<u32, ${threads * k}>;
var<workgroup> broken: atomic<u32>;

fn joined(a: Moments, b: Moments) -> Moments {
  if (b.s == 0.0) { return a; }
  if (a.s == 0.0) { return b; }
  let m = max(a.m, b.m);
  let da = a.m - m;
  let db = b.m - m;
  let ea = exp(da);
  let eb = exp(db);
  return Moments(
    m,
    ea * a.s + eb * b.s,
    ea * (a.f + da * a.s) + eb * (b.f + db * b.s),
    ea * (a.q + 2.0 * da * a.f + da * da * a.s) + eb * (b.q + 2.0 * db * b.f + db * db * b.s));
}

fn before(va: f32, ia: u32, vb: f32, ib: u32) -> bool {
  return va > vb || (va == vb && ia < ib);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_id) local: vec3<u32>) {
  let thread = local.x;
  var mine = Moments(NOTHING, 0.0, 0.0, 0.0);
  var best: array<f32, K>;
  var who: array<u32, K>;
  for (var j = 0u; j < K; j++) { best[j] = NOTHING; who[j] = NO_ID; }

  for (var i = thread; i < parameters.length; i += THREADS) {
    let x = f32(logits[parameters.offset + i]);
    let bits = bitcast<u32>(x);
    // NaN and +inf by their bits: compilers may assume that neither occurs.
    if ((bits & 0x7fffffffu) > 0x7f800000u || bits == 0x7f800000u) { atomicStore(&broken, 1u); continue; }
    if (bits == 0xff800000u) { continue; }
    mine = joined(mine, Moments(x, 1.0, 0.0, 0.0));
    if (before(x, i, best[K - 1u], who[K - 1u])) {
      var j = K - 1u;
      for (; j > 0u && before(x, i, best[j - 1u], who[j - 1u]); j--) { best[j] = best[j - 1u]; who[j] = who[j - 1u]; }
      best[j] = x;
      who[j] = i;
    }
  }
  moments[thread] = mine;
  for (var j = 0u; j < K; j++) { value[thread * K + j] = best[j]; id[thread * K + j] = who[j]; }

  for (var stride = THREADS / 2u; stride > 0u; stride /= 2u) {
    workgroupBarrier();
    if (thread < stride) {
      moments[thread] = joined(moments[thread], moments[thread + stride]);
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
    result[0] = atomicLoad(&broken);
    result[1] = bitcast<u32>(moments[0].m);
    result[2] = bitcast<u32>(moments[0].s);
    result[3] = bitcast<u32>(moments[0].f);
    result[4] = bitcast<u32>(moments[0].q);
    for (var j = 0u; j < K; j++) {
      result[${head}u + j] = bitcast<u32>(value[j]);
      result[${head}u + K + j] = id[j];
    }
  }
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

/**
 * `tokenStatistics` of a row that lies on the GPU; reads back 20 + 8 k bytes.
 * @param k at most `mostCandidates`
 * @throws SondeError `run_failed` for NaN, +inf, or a row without a finite logit
 */
export async function tokenStatisticsOnGpu(
  executor: Executor,
  row: LogitsOnGpu,
  k: number,
): Promise<TokenStatistics> {
  const kernel = kernelFor(k, row.half);
  const bytes = await executor.run(kernel, [row.buffer], Uint32Array.of(row.offset, row.length), 1);
  const floats = new Float32Array(bytes);
  const words = new Uint32Array(bytes);
  const [, max = 0, sum = 0, first = 0, second = 0] = floats;
  if (words[0] !== 0 || sum === 0) throw notANumber();
  const top = Array.from({ length: k }, (_, index) => ({
    id: words[head + k + index] ?? 0xffffffff,
    logit: floats[head + index] ?? 0,
  })).filter(({ id }) => id !== 0xffffffff);
  return { ...fromMoments({ max, sum, first, second }), top };
}
