import { describe, expect, it } from 'vitest';
import { instrument } from '../../../src/instrument/instrument.ts';
import { fields, Writer } from '../../../src/instrument/wire.ts';
import { emptyPlan } from '../../../src/shared/plan.ts';
import { load, readFolder } from './zoo.ts';

const folder = readFolder('test/zoo/gpt2', 'gpt2');
const { bytes, instrumented } = load(folder, 'model.onnx');

/** The published file with its weights moved to `model.onnx_data`, as torch and the genai builder write it. */
function moved(): { graph: Uint8Array; data: Uint8Array } {
  const { bytes: graph, weights } = instrumented.edit(emptyPlan, 'external');
  const end = Math.max(...weights.map((weight) => weight.offset + weight.length));
  const renamed = new TextDecoder('latin1')
    .decode(graph)
    .replaceAll('\x0a\x08location\x12\x0amodel.onnx', '\x0a\x08location\x12\x0amodel.data');
  return {
    graph: Uint8Array.from(renamed, (character) => character.charCodeAt(0)),
    data: bytes.slice(0, end),
  };
}

describe('weights in another file', () => {
  const { graph, data } = moved();
  const model = instrument(graph, { file: 'model.onnx', external: new Map([['model.data', data]]) });

  it('are understood like weights in the model file', () => {
    expect(model.anatomy).toEqual(instrumented.anatomy);
    expect(model.hooks).toEqual(instrumented.hooks);
  });

  it('stay where they are', () => {
    const edited = model.edit(emptyPlan, 'external');
    expect(edited.weights).toEqual(
      instrumented.edit(emptyPlan, 'external').weights.map((weight) => ({ ...weight, file: 'model.data' })),
    );
    expect(edited.bytes.length).toBeLessThan(graph.length * 1.01);
  });

  it('as inputs leave no reference to the file', () => {
    const edited = model.edit(emptyPlan, 'inputs');
    expect(new TextDecoder('latin1').decode(edited.bytes)).not.toContain('model.data');
  });
});

describe('a field of a later version of ONNX', () => {
  it('survives an edit', () => {
    const unknown = new Writer().text(4000, 'from the future').finish();
    const later = Uint8Array.from([...bytes, ...unknown]);
    const edited = instrument(later, { file: 'model.onnx' }).edit(emptyPlan, 'external').bytes;
    const kept = [...fields(edited, { start: 0, end: edited.length })].filter(
      (field) => field.number === 4000,
    );
    expect(kept).toHaveLength(1);
  });
});
