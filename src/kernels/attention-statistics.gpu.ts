import type { AttentionStatistics } from '../shared/statistics.ts';
import { attentionFields } from '../shared/statistics.ts';
import type { AttentionShape } from './attention-statistics.ts';
import type { Kernel, Query } from './kernel.ts';
import { columns, mostGroups, sumsInWorkgroup } from './rows.gpu.ts';

/** One workgroup a row; each thread every n-th key. */
const kernel: Kernel = {
  label: 'attention row statistics',
  code: /* wgsl */ `
struct Parameters { rows: u32, queries: u32, keys: u32, groups: u32 }
@group(0) @binding(0) var<storage, read> pattern: array<f32>;
@group(0) @binding(1) var<storage, read> ids: array<u32>;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;
@group(0) @binding(3) var<uniform> parameters: Parameters;
${sumsInWorkgroup(3, 1)}
@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_id) local: vec3<u32>, @builtin(workgroup_id) group: vec3<u32>) {
  let thread = local.x;
  let keys = parameters.keys;
  for (var row = group.x; row < parameters.rows; row += parameters.groups) {
    let position = keys - parameters.queries + row % parameters.queries;
    let own = ids[position];
    var entropy = 0.0;
    var induction = 0.0;
    var most = 0.0;
    var broken = 0.0;
    for (var key = thread; key < keys; key += THREADS) {
      let p = pattern[row * keys + key];
      let isFinite = (bitcast<u32>(p) & 0x7f800000u) != 0x7f800000u;
      if (!isFinite) { broken += 1.0; }
      else {
        if (p > 0.0) { entropy -= p * log(p); }
        most = max(most, p);
        if (key > 0u && key != position + 1u && ids[max(key, 1u) - 1u] == own) { induction += p; }
      }
      if (key == 0u) { result[row * 6u + 1u] = select(0.0, p, isFinite); }
      if (key + 1u == position) { result[row * 6u + 2u] = select(0.0, p, isFinite); }
    }
    if (thread == 0u && position == 0u) { result[row * 6u + 2u] = 0.0; }
    sums[0][thread] = entropy;
    sums[1][thread] = induction;
    sums[2][thread] = broken;
    peaks[0][thread] = most;
    gather(thread);
    if (thread == 0u) {
      result[row * 6u] = sums[0][0];
      result[row * 6u + 3u] = sums[1][0];
      result[row * 6u + 4u] = peaks[0][0];
      result[row * 6u + 5u] = sums[2][0];
    }
    workgroupBarrier();
  }
}
`,
};

/**
 * `attentionStatistics` of a pattern on the GPU; reads back 24 bytes a row, however long the rows are.
 * @param pattern float32 [heads, queries, keys]
 * @param ids uint32 [keys]
 */
export function attentionStatisticsOnGpu(
  pattern: GPUBuffer,
  { heads, queries, keys }: AttentionShape,
  ids: GPUBuffer,
): Query<AttentionStatistics> {
  const rows = heads * queries;
  const groups = Math.min(rows, mostGroups);
  const bytes = rows * attentionFields.length * 4;
  return {
    steps: [
      {
        kernel,
        inputs: [pattern, ids],
        parameters: Uint32Array.of(rows, queries, keys, groups),
        workgroups: groups,
        bytes,
        isRead: true,
      },
    ],
    answer: ([read = new ArrayBuffer(bytes)]) => columns(new Float32Array(read), attentionFields),
  };
}
