import { mulberry32 } from '../../shared/random.ts';
import type { FloatTensor } from '../../shared/tensor.ts';

/** Enough to tell kinds of text apart, and few enough for a covariance from some hundred texts. */
const columns = 16;

/**
 * A short stand-in for a hook's value: its mean over all but the last axis, by 16 fixed directions of random signs, which
 * keep distances up to a factor near 1 (Johnson & Lindenstrauss 1984; Achlioptas 2003).
 * @param tensor [..., d]
 * @returns [16]
 */
export function sketchOf({ dims, data }: FloatTensor): readonly number[] {
  const d = dims.at(-1) ?? 0;
  const rows = data.length / d;
  const random = mulberry32(d);
  const sketch = Array<number>(columns).fill(0);
  for (let i = 0; i < d; i++) {
    let mean = 0;
    for (let row = 0; row < rows; row++) mean += (data[row * d + i] as number) / rows;
    for (let column = 0; column < columns; column++)
      sketch[column] = (sketch[column] ?? 0) + (random() < 0.5 ? -mean : mean) / Math.sqrt(columns);
  }
  return sketch;
}
