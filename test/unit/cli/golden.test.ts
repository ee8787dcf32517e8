import { expect, it } from 'vitest';
import { goldensOf } from '../../../src/cli/golden.ts';
import { writeSafetensors } from '../../../src/shared/safetensors.ts';
import type { Tensor } from '../../../src/shared/tensor.ts';

const images = (...values: number[]): Tensor => ({
  type: 'float32',
  dims: [values.length, 1],
  data: Float32Array.from(values),
});

it('feeds each case the images of its own: those of the padded batch bear its name', () => {
  const described = { inputs: { single: { pixel_values: 'tensor' }, padded: { pixel_values: 'tensor' } } };
  const tensors = new Map([
    ['pixel_values', images(1)],
    ['logits', images(2)],
    ['padded.pixel_values', images(3, 4)],
    ['padded.logits', images(5, 6)],
  ]);
  const { cases } = goldensOf(
    'clip',
    new TextEncoder().encode(JSON.stringify(described)),
    writeSafetensors({ tensors, metadata: {} }),
  );
  expect(cases.map(({ name, inputs }) => [name, inputs.pixel_values?.dims])).toEqual([
    ['single', [1, 1]],
    ['padded', [2, 1]],
  ]);
  expect(cases.map(({ activations }) => [...activations.keys()])).toEqual([['logits'], ['logits']]);
});
