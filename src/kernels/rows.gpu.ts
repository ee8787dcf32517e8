/** Rows beyond this are taken in turns: WebGPU allows 65,535 workgroups at least. */
export const mostGroups = 16_384;

const threads = 64;

/** A number of a float32 array, or of a float16 one with two to a word: no device needs the feature shader-f16. */
export const numberAt = (array: string, index: string, isHalf: boolean): string =>
  isHalf ? `unpack2x16float(${array}[(${index}) >> 1u])[(${index}) & 1u]` : `${array}[${index}]`;

/**
 * Sums and maxima of what the threads of a workgroup found, left in place 0. Every thread has to call `gather`.
 * @param sums how many sums, @param peaks how many maxima
 */
export const sumsInWorkgroup = (sums: number, peaks: number): string => /* wgsl */ `
const THREADS = ${threads}u;
var<workgroup> sums: array<array<f32, ${threads}>, ${sums}>;
var<workgroup> peaks: array<array<f32, ${threads}>, ${peaks}>;
fn gather(thread: u32) {
  for (var stride = THREADS / 2u; stride > 0u; stride /= 2u) {
    workgroupBarrier();
    if (thread < stride) {
      for (var j = 0u; j < ${sums}u; j++) { sums[j][thread] += sums[j][thread + stride]; }
      for (var j = 0u; j < ${peaks}u; j++) { peaks[j][thread] = max(peaks[j][thread], peaks[j][thread + stride]); }
    }
  }
  workgroupBarrier();
}
`;

/**
 * `joined(a, b)` of two structs that begin with m, s and f: of weights e^(x - m) the largest x, their sum, and the sum
 * of (x - m) e^(x - m). With d = m_old - m_new and e = e^d, s becomes e s, and f becomes e (f + d s).
 * @param more what the fields behind them become, of a, b, da, db, ea and eb
 * @param given further parameters, each behind a comma
 */
export const joining = (struct: string, more: readonly string[], given = ''): string => /* wgsl */ `
fn joined(a: ${struct}, b: ${struct}${given}) -> ${struct} {
  if (b.s == 0.0) { return a; }
  if (a.s == 0.0) { return b; }
  let m = max(a.m, b.m);
  let da = a.m - m;
  let db = b.m - m;
  let ea = exp(da);
  let eb = exp(db);
  return ${struct}(
    m,
    ea * a.s + eb * b.s,
    ea * (a.f + da * a.s) + eb * (b.f + db * b.s),
    ${more.join(',\n    ')});
}
`;

/** Rows of named numbers as one array a name. */
export function columns<Name extends string>(
  rows: Float32Array,
  names: readonly Name[],
  width: number = names.length,
): Record<Name, Float32Array> {
  const count = rows.length / width;
  const column = (at: number): Float32Array =>
    Float32Array.from({ length: count }, (_, row) => rows[row * width + at] ?? Number.NaN);
  return Object.fromEntries(names.map((name, at) => [name, column(at)])) as Record<Name, Float32Array>;
}
