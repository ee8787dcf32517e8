import type { AttentionStatistics } from '../shared/statistics.ts';
import { attentionFields } from '../shared/statistics.ts';
import type { Kernel, Query } from './kernel.ts';
import type { PatternShape } from './pattern.ts';
import { columns, joining, mostGroups, numberAt } from './rows.gpu.ts';

/** Rows of one workgroup: neighbouring heads and positions over the same keys, so that each key is read once for all. */
const rowsTogether = 8;

/** Numbers of a query; those of all rows of a workgroup lie in its shared memory. */
export const mostHeadSize = 256;

const words = attentionFields.length;

/**
 * One pass over the keys, as FlashAttention goes (Dao et al. 2022): each thread takes every n-th key and keeps, of
 * weights e^(s - m), their sums. With S = sum e^(s-m) and F = sum (s-m) e^(s-m) entropy is ln S - F/S, and the largest
 * probability 1/S.
 */
const code = (isHalf: boolean): string => /* wgsl */ `
struct Parameters {
  heads: u32, keyHeads: u32, queries: u32, keys: u32, size: u32, window: u32, groups: u32, blocks: u32,
  scale: f32, cap: f32,
}
@group(0) @binding(0) var<storage, read> queries: array<f32>;
@group(0) @binding(1) var<storage, read> keys: array<${isHalf ? 'u32' : 'f32'}>;
@group(0) @binding(2) var<storage, read> ids: array<u32>;
@group(0) @binding(3) var<storage, read_write> result: array<f32>;
@group(0) @binding(4) var<uniform> parameters: Parameters;

// m, S, F, and the weight of keys that follow an earlier occurrence of the row's token.
struct Weights { m: f32, s: f32, f: f32, induction: f32 }

const ROWS = ${rowsTogether}u;
const THREADS = 64u;
// WGSL has no infinity: this stands for a score that is nowhere.
const NOTHING = -3.4028234663852886e38f;

var<workgroup> query: array<f32, ${rowsTogether * mostHeadSize}>;
var<workgroup> gathered: array<Weights, THREADS>;
var<workgroup> first: array<f32, ROWS>;
var<workgroup> previous: array<f32, ROWS>;
var<workgroup> broken: array<atomic<u32>, ROWS>;

${joining('Weights', ['ea * a.induction + eb * b.induction'])}
fn added(a: Weights, score: f32, induction: f32) -> Weights {
  if (a.s == 0.0) { return Weights(score, 1.0, 0.0, induction); }
  let d = score - a.m;
  if (d > 0.0) { return joined(a, Weights(score, 1.0, 0.0, induction)); }
  let e = exp(d);
  return Weights(a.m, a.s + e, a.f + d * e, a.induction + e * induction);
}

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_id) local: vec3<u32>, @builtin(workgroup_id) group: vec3<u32>) {
  let thread = local.x;
  let size = parameters.size;
  let shared_by = parameters.heads / parameters.keyHeads;
  let rows = shared_by * parameters.queries;
  let past = parameters.keys - parameters.queries;
  for (var block = group.x; block < parameters.blocks * parameters.keyHeads; block += parameters.groups) {
    let keyHead = block / parameters.blocks;
    let begin = (block % parameters.blocks) * ROWS;
    let count = min(ROWS, rows - begin);
    workgroupBarrier();
    for (var i = thread; i < count * size; i += THREADS) {
      let row = begin + i / size;
      let head = keyHead * shared_by + row % shared_by;
      query[i] = queries[((row / shared_by) * parameters.heads + head) * size + i % size];
    }
    if (thread < ROWS) {
      first[thread] = NOTHING;
      previous[thread] = NOTHING;
      atomicStore(&broken[thread], 0u);
    }
    workgroupBarrier();

    var weights: array<Weights, ROWS>;
    for (var r = 0u; r < ROWS; r++) { weights[r] = Weights(NOTHING, 0.0, 0.0, 0.0); }
    let lowest = past + begin / shared_by;
    let highest = past + (begin + count - 1u) / shared_by;
    var start = 0u;
    if (parameters.window > 0u && lowest >= parameters.window) { start = lowest - parameters.window + 1u; }
    for (var key = start + thread; key <= highest; key += THREADS) {
      var product: array<f32, ROWS>;
      for (var r = 0u; r < ROWS; r++) { product[r] = 0.0; }
      let base = (keyHead * parameters.keys + key) * size;
      for (var i = 0u; i < size; i++) {
        let x = ${numberAt('keys', 'base + i', isHalf)};
        for (var r = 0u; r < count; r++) { product[r] += query[r * size + i] * x; }
      }
      for (var r = 0u; r < count; r++) {
        let position = past + (begin + r) / shared_by;
        if (key > position || (parameters.window > 0u && key + parameters.window <= position)) { continue; }
        var score = product[r] * parameters.scale;
        // NaN and infinities by their bits: compilers may assume that none occurs.
        let bits = bitcast<u32>(score);
        if ((bits & 0x7fffffffu) > 0x7f800000u || (bits == 0x7f800000u && parameters.cap == 0.0)) {
          atomicStore(&broken[r], 1u);
          continue;
        }
        if (parameters.cap > 0.0) {
          // Beyond 10 it is 1, and some drivers compute it as a quotient of infinities.
          score = parameters.cap * tanh(clamp(score / parameters.cap, -10.0, 10.0));
        } else if (bits == 0xff800000u) { continue; }
        if (key == 0u) { first[r] = score; }
        if (key + 1u == position) { previous[r] = score; }
        let follows = key > 0u && ids[max(key, 1u) - 1u] == ids[position];
        weights[r] = added(weights[r], score, select(0.0, 1.0, follows));
      }
    }

    for (var r = 0u; r < count; r++) {
      workgroupBarrier();
      gathered[thread] = weights[r];
      for (var stride = THREADS / 2u; stride > 0u; stride /= 2u) {
        workgroupBarrier();
        if (thread < stride) { gathered[thread] = joined(gathered[thread], gathered[thread + stride]); }
      }
      if (thread == 0u) {
        let row = begin + r;
        let head = keyHead * shared_by + row % shared_by;
        let to = (head * parameters.queries + row / shared_by) * ${words}u;
        let found = gathered[0];
        if (atomicLoad(&broken[r]) != 0u || found.s == 0.0) {
          for (var j = 0u; j < ${words - 1}u; j++) { result[to + j] = 0.0; }
          result[to + ${words - 1}u] = f32(parameters.keys);
        } else {
          result[to] = max(0.0, log(found.s) - found.f / found.s);
          result[to + 1u] = exp(first[r] - found.m) / found.s;
          result[to + 2u] = exp(previous[r] - found.m) / found.s;
          result[to + 3u] = found.induction / found.s;
          result[to + 4u] = 1.0 / found.s;
          result[to + 5u] = 0.0;
        }
      }
    }
  }
}
`;

const kernelOf = (isHalf: boolean): Kernel => ({ label: 'pattern statistics', code: code(isHalf) });
const kernels = { float32: kernelOf(false), float16: kernelOf(true) };

/** Keys in a buffer [kvHeads, keys, size], padded at will. */
export interface KeysOnGpu {
  readonly buffer: GPUBuffer;
  readonly type: 'float32' | 'float16';
}

/**
 * `attentionStatistics` of `patternOf` queries and keys that lie on the GPU: the pattern itself is written nowhere.
 * @param queries float32 [queries, heads, size]
 * @param ids uint32 [keys]
 */
export function patternStatisticsOnGpu(
  queries: GPUBuffer,
  keys: KeysOnGpu,
  shape: PatternShape,
  ids: GPUBuffer,
): Query<AttentionStatistics> {
  const { heads, kvHeads, size, scale, cap = 0, window = 0 } = shape;
  const blocks = Math.ceil(((heads / kvHeads) * shape.queries) / rowsTogether);
  const groups = Math.min(blocks * kvHeads, mostGroups);
  const bytes = heads * shape.queries * words * 4;
  const numbers = [heads, kvHeads, shape.queries, shape.keys, size, window, groups, blocks];
  const factors = new Uint32Array(Float32Array.of(scale, cap).buffer);
  return {
    steps: [
      {
        kernel: kernels[keys.type],
        inputs: [queries, keys.buffer, ids],
        parameters: Uint32Array.of(...numbers, ...factors),
        workgroups: groups,
        bytes,
        isRead: true,
      },
    ],
    answer: ([read = new ArrayBuffer(bytes)]) => columns(new Float32Array(read), attentionFields),
  };
}
