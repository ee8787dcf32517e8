import type { RowStatistics } from '../shared/statistics.ts';
import { histogramBins, rowFields } from '../shared/statistics.ts';
import { lowestPower, outlierDistance } from './activation-statistics.ts';
import type { Kernel, Query } from './kernel.ts';
import { columns, mostGroups, sumsInWorkgroup } from './rows.gpu.ts';

const words = rowFields.length + histogramBins;

/** One workgroup a row, three passes over it: the mean first, so that a large mean does not eat the variance. */
const kernel: Kernel = {
  label: 'activation statistics',
  code: /* wgsl */ `
struct Parameters { rows: u32, width: u32, groups: u32 }
@group(0) @binding(0) var<storage, read> values: array<f32>;
@group(0) @binding(1) var<storage, read_write> result: array<f32>;
@group(0) @binding(2) var<uniform> parameters: Parameters;
${sumsInWorkgroup(3, 1)}
var<workgroup> bins: array<atomic<u32>, ${histogramBins}>;

// By their bits: compilers may assume that neither NaN nor infinity occurs.
fn isFinite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }

@compute @workgroup_size(THREADS)
fn main(@builtin(local_invocation_id) local: vec3<u32>, @builtin(workgroup_id) group: vec3<u32>) {
  let thread = local.x;
  let width = parameters.width;
  for (var row = group.x; row < parameters.rows; row += parameters.groups) {
    let base = row * width;
    if (thread < ${histogramBins}u) { atomicStore(&bins[thread], 0u); }
    workgroupBarrier();
    var count = 0.0;
    var sum = 0.0;
    var zeros = 0.0;
    var most = 0.0;
    for (var i = thread; i < width; i += THREADS) {
      let x = values[base + i];
      if (!isFinite(x)) { continue; }
      count += 1.0;
      sum += x;
      // By its bits too: a device may take the smallest numbers for 0.
      if ((bitcast<u32>(x) & 0x7fffffffu) == 0u) { zeros += 1.0; }
      most = max(most, abs(x));
      let power = i32((bitcast<u32>(x) >> 23u) & 0xffu) - 127;
      atomicAdd(&bins[clamp(power + ${1 - lowestPower}, 0, ${histogramBins - 1})], 1u);
    }
    sums[0][thread] = count;
    sums[1][thread] = sum;
    sums[2][thread] = zeros;
    peaks[0][thread] = most;
    gather(thread);
    let finite = sums[0][0];
    let mean = sums[1][0] / finite;
    let zero = sums[2][0] / finite;
    let peak = peaks[0][0];
    workgroupBarrier();
    var square = 0.0;
    for (var i = thread; i < width; i += THREADS) {
      let x = values[base + i];
      if (isFinite(x)) { square += (x - mean) * (x - mean); }
    }
    sums[0][thread] = square;
    gather(thread);
    let deviation = sqrt(sums[0][0] / finite);
    workgroupBarrier();
    var outliers = 0.0;
    for (var i = thread; i < width; i += THREADS) {
      let x = values[base + i];
      if (isFinite(x) && abs(x - mean) > ${outlierDistance}.0 * deviation) { outliers += 1.0; }
    }
    sums[0][thread] = outliers;
    gather(thread);
    let to = row * ${words}u;
    if (thread == 0u) {
      result[to] = mean;
      result[to + 1u] = deviation;
      result[to + 2u] = peak;
      result[to + 3u] = zero;
      result[to + 4u] = sums[0][0] / finite;
      result[to + 5u] = f32(width) - finite;
    }
    if (thread < ${histogramBins}u) { result[to + ${rowFields.length}u + thread] = f32(atomicLoad(&bins[thread])); }
    workgroupBarrier();
  }
}
`,
};

/** `rowStatistics` of float32 [rows, width] on the GPU; reads back 88 bytes a row, however long the rows are. */
export function rowStatisticsOnGpu(values: GPUBuffer, rows: number, width: number): Query<RowStatistics> {
  const groups = Math.min(rows, mostGroups);
  const bytes = rows * words * 4;
  return {
    steps: [
      {
        kernel,
        inputs: [values],
        parameters: Uint32Array.of(rows, width, groups),
        workgroups: groups,
        bytes,
        isRead: true,
      },
    ],
    answer: ([read = new ArrayBuffer(bytes)]) => {
      const numbers = new Float32Array(read);
      const histogram = Float32Array.from(
        { length: rows * histogramBins },
        (_, at) =>
          numbers[Math.floor(at / histogramBins) * words + rowFields.length + (at % histogramBins)] ?? 0,
      );
      return emptyRowsAsNaN({ ...columns(numbers, rowFields, words), histogram }, width);
    },
  };
}

/** What a GPU makes of 0 / 0 is its own affair. */
function emptyRowsAsNaN(found: RowStatistics, width: number): RowStatistics {
  found.notFinite.forEach((count, row) => {
    if (count < width) return;
    for (const name of rowFields) if (name !== 'notFinite') found[name][row] = Number.NaN;
  });
  return found;
}
