import { describe, expect, it } from 'vitest';
import { SondeError } from '../../../src/shared/errors.ts';
import { load, readFolder } from './zoo.ts';

const { instrumented } = load(readFolder('test/zoo/gpt2', 'gpt2'), 'model.onnx');

function failure(act: () => unknown): SondeError {
  try {
    act();
  } catch (error) {
    if (error instanceof SondeError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

it('has what can be tapped under its exact name, and nothing else', () => {
  for (const name of ['hook_embed', 'blocks.2.attn.hook_pattern', 'raw:logits'])
    expect(instrumented.has(name)).toBe(true);
  for (const name of ['hook_embeds', 'blocks.*.attn.hook_pattern', 'raw:nothing', 'encoder.hook_embed'])
    expect(instrumented.has(name)).toBe(false);
});

describe('resolve', () => {
  it('spreads a glob over the layers, in graph order', () => {
    expect(instrumented.resolve(['blocks.*.attn.hook_pattern'])).toEqual([
      'blocks.0.attn.hook_pattern',
      'blocks.1.attn.hook_pattern',
      'blocks.2.attn.hook_pattern',
    ]);
  });

  it('orders by the graph, not by the request, and names each hook once', () => {
    expect(instrumented.resolve(['logits', 'hook_embed', '*embed'])).toEqual([
      'hook_embed',
      'hook_pos_embed',
      'hook_full_embed',
      'logits',
    ]);
  });

  it('keeps one star within one part of a name and lets two cross parts', () => {
    expect(failure(() => instrumented.resolve(['*hook_pattern'])).code).toBe('hook_unknown');
    expect(instrumented.resolve(['**hook_pattern'])).toHaveLength(3);
  });

  it('names the nearest hooks of one that does not exist', () => {
    const error = failure(() => instrumented.resolve(['blocks.0.attn.hook_patern']));
    expect(error.code).toBe('hook_unknown');
    expect(error.remedy).toContain('blocks.0.attn.hook_pattern');
  });

  it('takes any tensor of the graph by its own name', () => {
    const name = 'raw:/transformer/h.0/mlp/act/Mul_3_output_0';
    expect(instrumented.resolve([name])).toEqual([name]);
    expect(failure(() => instrumented.resolve(['raw:/transformer/h.9/mlp'])).code).toBe('hook_unknown');
  });

  it('a pattern that matches nothing is an error even beside one that does', () => {
    expect(failure(() => instrumented.resolve(['logits', 'blocks.7.hook_resid_pre'])).code).toBe(
      'hook_unknown',
    );
  });
});
