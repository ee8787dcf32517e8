import { readFileSync } from 'node:fs';
import type { Traffic } from '../../../src/observe/drift/statistics.ts';
import { entropy } from '../../../src/observe/entropy.ts';
import { softmax } from '../../../src/observe/softmax.ts';
import { halfToFloat } from '../../../src/shared/half.ts';
import { readSafetensors } from '../../../src/shared/safetensors.ts';

/** What the sentiment model says of texts, by `training/sentiment_features.py`. */
const { tensors } = readSafetensors(
  new Uint8Array(readFileSync(new URL('sentiment-features.safetensors', import.meta.url))),
);

/** A tensor row by row, [n][columns]. */
export function rows(name: string): number[][] {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new Error(`There is no ${name}.`);
  const [n = 0, columns = 1] = tensor.dims;
  const at = (i: number): number =>
    tensor.type === 'float16' ? halfToFloat(Number(tensor.data[i])) : Number(tensor.data[i]);
  return Array.from({ length: n }, (_, row) =>
    Array.from({ length: columns }, (_, column) => at(row * columns + column)),
  );
}

/** A set of 1,066 texts as traffic: held-out reviews (`validation`, `test`) or lines of Shakespeare. */
export function traffic(set: 'validation' | 'test' | 'shakespeare'): Traffic {
  const probabilities = rows(`${set}.logits`).map((logits) => softmax(logits));
  return {
    features: {
      confidence: probabilities.map((p) => Math.max(...p)),
      entropy: probabilities.map((p) => entropy(p)),
      length: rows(`${set}.tokens`).map(([tokens]) => tokens as number),
    },
    embeddings: rows(`${set}.embedding`),
    attributions: rows(`${set}.attribution`),
  };
}
