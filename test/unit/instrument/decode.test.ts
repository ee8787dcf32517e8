import * as ort from 'onnxruntime-web';
import { describe, expect, it } from 'vitest';
import { feeds, load, runPlan, type Values, zoo } from './zoo.ts';

const ints = (values: readonly number[]): ort.Tensor =>
  new ort.Tensor('int64', BigInt64Array.from(values, BigInt), [1, values.length]);

/** The last position of [batch, position, ...] or [batch, head, position, key], as one list. */
function lastPosition({ dims, data }: Values, axis: number): Float32Array {
  const size = dims[axis] ?? 1;
  const inner = dims.slice(axis + 1).reduce((product, each) => product * each, 1);
  const out: number[] = [];
  for (let at = 0; at < data.length; at += size * inner)
    out.push(...data.subarray(at + (size - 1) * inner, at + size * inner));
  return Float32Array.from(out);
}

const axisOf = (name: string): number => (/pattern|scores/.test(name) ? 2 : 1);

describe('one token after a cache', () => {
  for (const folder of zoo()) {
    const file = folder.variants.get('fp32')?.[0];
    const ids = folder.batches.single?.input_ids?.[0];
    if (file === undefined || ids === undefined || !file.startsWith('model')) continue;
    const model = load(folder, file);
    const { anatomy, hooks, inputs } = model.instrumented;
    if (anatomy.cache.length === 0) continue;
    it(`gives ${folder.name} the rows that the whole text gives`, async () => {
      const taps = hooks.filter((hook) => hook.source.kind !== 'unavailable').map((hook) => hook.name);
      const whole = await runPlan(model, { taps, edits: [] }, feeds(folder, 'single', inputs));
      const prefix = {
        ...folder,
        batches: { single: { input_ids: [ids.slice(0, -1)], attention_mask: [ids.slice(1).map(() => 1)] } },
      };
      const before = await runPlan(model, { taps: [], edits: [] }, feeds(prefix, 'single', inputs));
      const step: Record<string, ort.Tensor> = {
        input_ids: ints(ids.slice(-1)),
        attention_mask: ints(ids.map(() => 1)),
      };
      if (inputs.some((port) => port.name === 'position_ids')) step.position_ids = ints([ids.length - 1]);
      for (const slot of anatomy.cache) {
        const present = before.outputs[slot.present];
        if (present === undefined) throw new Error(`no ${slot.present}`);
        step[slot.past] = present;
      }
      const after = await runPlan(model, { taps, edits: [] }, step);
      for (const name of taps) {
        const expected = lastPosition(whole.taps.get(name) as Values, axisOf(name));
        const got = after.taps.get(name) as Values;
        expect(got.dims[axisOf(name)], name).toBe(1);
        expect(got.data.length, name).toBe(expected.length);
        for (const [at, value] of expected.entries()) {
          if (value <= -1e30) expect(got.data[at], name).toBeLessThanOrEqual(-1e30);
          else expect(Math.abs((got.data[at] ?? Number.NaN) - value), `${name}[${at}]`).toBeLessThan(1e-3);
        }
      }
    });
  }
});
