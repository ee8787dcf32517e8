import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

/** Published, and not held: the reason. */
const notHeld: Readonly<Record<string, string>> = {
  'T*': 'stops 4e-8 short of 2/ln3, the known answer, which is held',
  'KL zero evidently (renorm by scipy)': 'another definition of an empty bin, not an oracle',
  'W1 weighted': "the example of SciPy's manual for weighted samples; ours have no weights",
  chi: 'its inputs are not written down',
  'SE mean': 'its inputs are not written down',
  KS: 'its inputs are not written down; calibration-golden.json has others',
  minprob: 'the least of three given probabilities: no formula',
  'prev score (mul)': "TransformerLens' detect_head divides by all queries: not the score used here",
  'prev abs': "TransformerLens' detect_head with error_measure abs: not the score used here",
};

it('every published vector is held by a test, or its reason stands here', () => {
  const folder = new URL('./', import.meta.url);
  const sources = readdirSync(folder)
    .filter((name) => name.endsWith('.test.ts') && name !== 'vectors.test.ts')
    .map((name) => readFileSync(new URL(name, folder), 'utf8'))
    .join('');
  const keys = Object.keys(JSON.parse(readFileSync(new URL('signal-vectors.json', folder), 'utf8')));
  expect(keys.filter((key) => !sources.includes(`'${key}'`)).sort()).toEqual(Object.keys(notHeld).sort());
});
