import { beforeAll, describe, expect, it } from 'vitest';
import { identitiesOf } from '../../../src/prove/identities.ts';
import { judge, proofsOf } from '../../../src/prove/proof.ts';
import { tolerances } from '../../../src/prove/prove.ts';
import type { FloatTensor } from '../../../src/shared/tensor.ts';
import { type Probed, probed } from './probed.ts';

type Change = (tensor: FloatTensor) => FloatTensor;

const mapped =
  (change: (value: number, at: number) => number): Change =>
  (tensor) => ({ ...tensor, data: Float32Array.from(tensor.data, change) });
const scaled = (factor: number): Change => mapped((value) => value * factor);

/** Swaps the first two entries of one axis. */
const swapped =
  (axis: number): Change =>
  ({ type, dims, data }) => {
    const inner = dims.slice(axis + 1).reduce((product, size) => product * size, 1);
    const size = dims[axis] ?? 1;
    const turned = Float32Array.from(data, (_, at) => {
      const place = Math.floor(at / inner) % size;
      const other = place === 0 ? 1 : place === 1 ? 0 : place;
      return data[at + (other - place) * inner] ?? Number.NaN;
    });
    return { type, dims, data: turned };
  };

/** What `judge` says once one hook shows something else than it should: claims that fail, hooks that stay proved. */
function sabotage({ hooks, values }: Probed, name: string, change: Change | FloatTensor) {
  const tensor = values.get(name);
  if (tensor === undefined) throw new Error(`${name} was not captured`);
  const changed = new Map(values).set(name, typeof change === 'function' ? change(tensor) : change);
  const concerned = identitiesOf(hooks).filter((identity) => identity.hooks.includes(name));
  const verdicts = judge(concerned, changed, tolerances.float32);
  const captured = new Set(hooks.map((hook) => hook.name));
  return {
    failing: verdicts.flatMap(({ claim, outcome }) => (outcome.kind === 'fails' ? [claim] : [])),
    proof: proofsOf(hooks, captured, verdicts).get(name),
  };
}

/** Attention has heads on axis 1 in [b, h, q, k] and on axis 2 in [b, p, h, e]. */
const defects: readonly (readonly [string, string, Change, string])[] = [
  ['two heads of a pattern are swapped', 'attn.hook_pattern', swapped(1), 'z = pattern · v'],
  ['a pattern is transposed', 'attn.hook_pattern', transposed, 'pattern = softmax(scores)'],
  ['a pattern is halved', 'attn.hook_pattern', scaled(0.5), 'pattern = softmax(scores)'],
  ['scores lack their scale', 'attn.hook_attn_scores', scaled(4), 'pattern = softmax(scores)'],
  ['two heads of the scores are swapped', 'attn.hook_attn_scores', swapped(1), 'scores = factor · q · k'],
  ['two heads of q are swapped', 'attn.hook_q', swapped(2), 'scores = factor · q · k'],
  ['two channels of k are swapped', 'attn.hook_k', swapped(3), 'scores = factor · q · k'],
  ['two positions of k are swapped', 'attn.hook_k', swapped(1), 'scores = factor · q · k'],
  ['v is 1 % too large', 'attn.hook_v', scaled(1.01), 'z = pattern · v'],
  ['two heads of v are swapped', 'attn.hook_v', swapped(2), 'z = pattern · v'],
  ['two heads of z are swapped', 'attn.hook_z', swapped(2), 'z = pattern · v'],
  [
    'attn_out lacks its bias',
    'hook_attn_out',
    mapped((value) => value - 0.01),
    'resid_mid = resid_pre + attn_out',
  ],
  ['mlp_out is 1 % too small', 'hook_mlp_out', scaled(0.99), 'mlp_out'],
  ['two channels of resid_mid are swapped', 'hook_resid_mid', swapped(2), 'resid_mid = resid_pre + attn_out'],
  ['two positions of resid_post are swapped', 'hook_resid_post', swapped(1), 'mlp_out'],
  [
    'a normalised row still has its gain',
    'ln1.hook_normalized',
    mapped((value, at) => value * (1 + 0.1 * (at % 7))),
    'normalized',
  ],
  [
    'the scale of a norm is its square',
    'ln2.hook_scale',
    mapped((value) => value * value),
    'normalized · scale',
  ],
  [
    'pre lacks its bias',
    'mlp.hook_pre',
    mapped((value, at) => value - 0.01 * (at % 7)),
    'post = activation(pre)',
  ],
];

function transposed({ type, dims, data }: FloatTensor): FloatTensor {
  const width = dims.at(-1) ?? 1;
  const square = width * width;
  const turned = Float32Array.from(data, (_, at) => {
    const [matrix, place] = [Math.floor(at / square), at % square];
    return data[matrix * square + (place % width) * width + Math.floor(place / width)] ?? Number.NaN;
  });
  return { type, dims, data: turned };
}

describe.each(['gpt2', 'bert-classifier', 'vit'])('identities of %s', (model) => {
  let honest: Probed;
  beforeAll(async () => {
    honest = await probed(model);
  }, 60_000);

  it('hold where nothing is wrong', () => {
    const verdicts = judge(identitiesOf(honest.hooks), honest.values, tolerances.float32);
    expect(verdicts.filter(({ outcome }) => outcome.kind === 'fails')).toEqual([]);
  });

  it.each(defects)('fail when %s', (_, hook, change, claim) => {
    const name = `blocks.1.${hook}`;
    const { failing, proof } = sabotage(honest, name, change);
    expect(failing).toContainEqual(expect.stringContaining(claim));
    expect(proof).toBe('inferred');
  });

  it('never let the hook of another layer pass, not even for the linear maps', () => {
    const passed: string[] = [];
    for (const name of honest.values.keys()) {
      const other = honest.values.get(name.replace('blocks.1.', 'blocks.0.'));
      if (!name.startsWith('blocks.1.') || other === undefined) continue;
      if (sabotage(honest, name, other).failing.length === 0) passed.push(name);
    }
    expect(passed).toEqual([]);
  });

  it('fail when a value is no number', () => {
    const { failing } = sabotage(honest, 'blocks.0.attn.hook_v', (tensor) => ({
      ...tensor,
      data: tensor.data.map((value, at) => (at === 3 ? Number.NaN : value)),
    }));
    expect(failing).toContain('z = pattern · v');
  });
});
