import type { Dtype } from '../../src/protocol/device.ts';

/** What a file of the zoo comes to: `pass`, or `refused: ` and a part of what the runtime says. */
export type Expected = 'pass' | `refused: ${string}`;

export type Table = Readonly<Record<string, Readonly<Partial<Record<Dtype, Expected>>>>>;

const everywhere = { fp32: 'pass', fp16: 'pass', q8: 'pass' } as const;

/** Every folder and variant on onnxruntime's WASM provider. A deviation either way is a failed test. */
export const onWasm: Table = {
  'bert-classifier': everywhere,
  'bert-fused': { fp32: 'pass' },
  'bert-fused-mha': { fp32: 'pass' },
  distilbert: everywhere,
  gpt2: { ...everywhere, q4: 'pass' },
  'gpt2-dynamo': { fp32: 'pass' },
  'gpt2-opset23': { fp32: 'pass' },
  'llama-gqa-genai': { fp32: 'pass', fp16: 'pass', q4: 'pass', q4f16: 'pass' },
  'llama-optimum': { ...everywhere, q4: 'pass' },
  t5: everywhere,
  vit: everywhere,
};

/** SwiftShader, the software adapter of the tests, has no shader-f16. */
const half = 'refused: requires f16';
const withoutHalf = { fp32: 'pass', fp16: half, q8: 'pass' } as const;

/** The same on WebGPU in Chromium, on SwiftShader. */
export const onWebgpu: Table = {
  'bert-classifier': withoutHalf,
  'bert-fused': { fp32: 'pass' },
  // onnxruntime has no kernel for a padding mask there.
  'bert-fused-mha': { fp32: 'refused: key_padding_mask' },
  distilbert: withoutHalf,
  gpt2: { ...withoutHalf, q4: 'pass' },
  'gpt2-dynamo': { fp32: 'pass' },
  'gpt2-opset23': { fp32: 'pass' },
  'llama-gqa-genai': { fp32: 'pass', fp16: half, q4: 'pass', q4f16: half },
  'llama-optimum': { ...withoutHalf, q4: 'pass' },
  t5: withoutHalf,
  vit: withoutHalf,
};

/**
 * Files whose logits move when every hook is tapped on WASM, by at most 5e-4: a residual tap splits a fused addition and
 * norm. In all others they stay bit for bit, and so they do everywhere when only attention is tapped.
 */
export const moved: Readonly<Partial<Record<string, readonly Dtype[]>>> = {
  gpt2: ['fp32', 'q4'],
  'gpt2-dynamo': ['fp32'],
  'gpt2-opset23': ['fp32'],
};

/** Hooks of the zoo that no identity decides; all others are proved in every variant. */
export const inferred: Readonly<Record<string, readonly string[]>> = {
  // Segments are added to the embeddings, beside positions.
  'bert-classifier': ['hook_pos_embed'],
  'bert-fused': ['hook_pos_embed'],
  'bert-fused-mha': ['hook_pos_embed'],
};

export const matches = (expected: Expected | undefined, found: string): boolean =>
  expected === 'pass' ? found === 'pass' : expected !== undefined && found.includes(expected.slice('refused: '.length));
