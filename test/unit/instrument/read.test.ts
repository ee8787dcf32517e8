import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instrument } from '../../../src/instrument/instrument.ts';
import { Writer } from '../../../src/instrument/wire.ts';
import { SondeError } from '../../../src/shared/errors.ts';
import { emptyPlan } from '../../../src/shared/plan.ts';

const files = ['gpt2-opset23', 'llama-gqa-genai', 'bert-fused'].map(
  (name) => new Uint8Array(readFileSync(`test/zoo/${name}/onnx/model.onnx`)),
);

/** Reading ends in a model or in a named error; anything else is a defect. */
function outcome(bytes: Uint8Array): string {
  try {
    instrument(bytes, { file: 'model.onnx' }).edit(emptyPlan, 'external');
    return 'model';
  } catch (error) {
    if (error instanceof SondeError) return error.code;
    throw error;
  }
}

/** The part of a file that is not weights: where a changed byte means something. */
const head = (bytes: Uint8Array): Uint8Array =>
  instrument(bytes, { file: 'model.onnx' }).edit(emptyPlan, 'external').bytes;

const node = (op: string, inputs: string[], outputs: string[]): Writer => {
  const written = new Writer();
  for (const input of inputs) written.text(1, input);
  for (const output of outputs) written.text(2, output);
  return written.text(4, op);
};

const modelOf = (graph: Writer): Uint8Array => new Writer().integer(1, 8).message(7, graph).finish();

describe('what is no ONNX file', () => {
  const named: [string, Uint8Array][] = [
    ['an empty file', new Uint8Array()],
    ['a web page', new TextEncoder().encode('<!doctype html><title>404</title>')],
    [
      'a Git LFS pointer',
      new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n'),
    ],
    ['zeros', new Uint8Array(64)],
    ['a length of 2^63', Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)],
    ['a negative length', Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01)],
    ['a number that never ends', new Uint8Array(32).fill(0xff)],
  ];
  for (const [what, bytes] of named) {
    it(`${what} is model_invalid`, () => expect(outcome(bytes)).toBe('model_invalid'));
  }

  it('a cycle is model_invalid', () => {
    const graph = new Writer()
      .message(1, node('Add', ['b', 'x'], ['a']))
      .message(1, node('Add', ['a', 'x'], ['b']));
    expect(outcome(modelOf(graph.message(12, new Writer().text(1, 'a'))))).toBe('model_invalid');
  });

  it('graphs nested a thousand deep are model_invalid', () => {
    let graph = new Writer().message(1, node('Relu', ['x'], ['y']));
    for (let depth = 0; depth < 1000; depth++) {
      const attribute = new Writer().text(1, 'body').message(6, graph);
      graph = new Writer().message(1, node('Loop', ['x'], ['y']).message(5, attribute));
    }
    expect(outcome(modelOf(graph))).toBe('model_invalid');
  });

  it('cut anywhere, a file is model_invalid', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...files),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (bytes, part) => {
          expect(outcome(bytes.subarray(0, Math.floor(bytes.length * part)))).toBe('model_invalid');
        },
      ),
      { numRuns: 60, seed: 3 },
    );
  });
});

describe('any bytes at all', () => {
  it('give a model or a named error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        outcome(bytes);
      }),
      { numRuns: 2000, seed: 1 },
    );
  });

  it('in place of some of a real file give a model or a named error', { timeout: 120_000 }, () => {
    const heads = files.map(head);
    const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(
        fc.constantFrom(...heads),
        fc.array(change, { minLength: 1, maxLength: 6 }),
        (bytes, changes) => {
          const mutant = bytes.slice();
          for (const [at, byte] of changes) mutant[at % mutant.length] = byte;
          outcome(mutant);
        },
      ),
      { numRuns: 150, seed: 2 },
    );
  });
});

describe('a model without attention', () => {
  it('gives its tensors by their own names and says it has no attention', () => {
    const graph = new Writer()
      .message(1, node('Relu', ['x'], ['features/relu']))
      .message(1, node('Sigmoid', ['features/relu'], ['y']))
      .message(11, new Writer().text(1, 'x'))
      .message(12, new Writer().text(1, 'y'));
    const model = instrument(modelOf(graph), { file: 'model.onnx' });
    expect(model.anatomy.kind).toBe('unknown');
    expect(model.hooks).toEqual([]);
    expect(model.resolve(['raw:features/relu'])).toEqual(['raw:features/relu']);
    expect(() => model.resolve(['blocks.*.attn.hook_pattern'])).toThrow(
      expect.objectContaining({ code: 'hook_unknown' }),
    );
  });
});
