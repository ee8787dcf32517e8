import { histogramBins, type RowStatistics, rowFields } from '../shared/statistics.ts';
import { outlierDistance, rowStatistics } from './activation-statistics.ts';
import { program } from './activation-statistics.wasm.ts';
import { assembled, type Memory, reserve } from './assembled.ts';

/** What the program of activation-statistics.wat gives. */
interface Program {
  readonly memory: Memory;
  rows(at: number, rows: number, width: number, stride: number, distance: number, out: number): void;
}

const opened = assembled<Program>(program);
const fields = rowFields.length;
const lanes = 4;

/**
 * `rowStatistics`, four values at a time.
 * @param values [rows, width]
 * @returns within a float32's rounding of it; all views of one buffer
 */
export function rowStatisticsBySimd(values: Float32Array, rows: number, width: number): RowStatistics {
  if (rows === 0 || width === 0) return rowStatistics(values, rows, width);
  const { memory, rows: run } = opened();
  const size = rows * (fields + histogramBins);
  const padded = Math.ceil(width / lanes) * lanes;
  const out = 4 * rows * padded;
  // One word behind the histogram is scratch.
  reserve(memory, out + 4 * (size + 1));
  const there = new Float32Array(memory.buffer, 0, rows * padded);
  if (padded === width) there.set(values.subarray(0, rows * width));
  else {
    there.fill(Number.NaN);
    for (let row = 0; row < rows; row++)
      there.set(values.subarray(row * width, (row + 1) * width), row * padded);
  }
  run(0, rows, width, 4 * padded, outlierDistance, out);
  const found = new Float32Array(memory.buffer.slice(out, out + 4 * size));
  const column = (at: number): Float32Array => found.subarray(at * rows, (at + 1) * rows);
  return {
    mean: column(0),
    standardDeviation: column(1),
    absoluteMaximum: column(2),
    zeroFraction: column(3),
    outlierFraction: column(4),
    notFinite: column(5),
    histogram: found.subarray(fields * rows),
  };
}
