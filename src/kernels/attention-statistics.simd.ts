import { type AttentionStatistics, attentionFields } from '../shared/statistics.ts';
import { assembled, type Memory, reserve } from './assembled.ts';
import { type AttentionShape, attentionStatistics } from './attention-statistics.ts';
import { program } from './attention-statistics.wasm.ts';

/** What the program of attention-statistics.wat gives. */
interface Program {
  readonly memory: Memory;
  rows(at: number, ids: number, rows: number, queries: number, keys: number, out: number): void;
}

const opened = assembled<Program>(program);
/** No token's id. */
const beforeFirst = -1;

/**
 * `attentionStatistics`, four probabilities at a time.
 * @param pattern probabilities [heads, queries, keys]
 * @param ids of the keys' tokens, [keys]
 * @returns within 1e-6 of it, absolute or relative, whichever is more; all views of one buffer
 */
export function attentionStatisticsBySimd(
  pattern: Float32Array,
  { heads, queries, keys }: AttentionShape,
  ids: readonly number[],
): AttentionStatistics {
  const rows = heads * queries;
  const isWhole = rows > 0 && queries <= keys && ids.length >= keys;
  if (!isWhole) return attentionStatistics(pattern, { heads, queries, keys }, ids);
  const { memory, rows: run } = opened();
  const size = rows * attentionFields.length;
  // Four words are read where a row ends, and where the ids do.
  const own = 4 * (rows * keys + 4 + 1);
  const out = own + 4 * (keys + 4);
  reserve(memory, out + 4 * size);
  new Float32Array(memory.buffer).set(pattern);
  const tokens = new Int32Array(memory.buffer, own - 4, keys + 1);
  tokens[0] = beforeFirst;
  for (let key = 0; key < keys; key++) tokens[key + 1] = ids[key] as number;
  run(0, own, rows, queries, keys, out);
  const found = new Float32Array(memory.buffer.slice(out, out + 4 * size));
  const column = (at: number): Float32Array => found.subarray(at * rows, (at + 1) * rows);
  return {
    entropy: column(0),
    first: column(1),
    previous: column(2),
    induction: column(3),
    max: column(4),
    notFinite: column(5),
  };
}
