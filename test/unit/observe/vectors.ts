import { readFileSync } from 'node:fs';

/** Numbers computed with NumPy and SciPy , the calibration errors cross-checked with torchmetrics 1.9. */
const vectors: Record<string, unknown> = JSON.parse(
  readFileSync(new URL('signal-vectors.json', import.meta.url), 'utf8'),
);

/** One published number. An unknown key throws: a test against `undefined` would show nothing. */
export function scalar(key: string): number {
  const value = vectors[key];
  if (typeof value !== 'number') throw new Error(`signal-vectors.json has no number "${key}"`);
  return value;
}

/** A published vector, or a matrix row by row. */
export function row(key: string, index?: number): number[] {
  const value = vectors[key];
  const found = index === undefined ? value : (value as unknown[] | undefined)?.[index];
  if (!Array.isArray(found)) throw new Error(`signal-vectors.json has no vector "${key}"`);
  return found;
}
