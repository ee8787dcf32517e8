import { describe, expect, it } from 'vitest';
import { difference, feeds, largestOf, load, runPlan, type Values, zoo } from './zoo.ts';

/** Not hooks: inputs, and the logits of a generation. */
const notHooks = new Set(['pixel_values', 'input_features', 'generate.logits']);
const comparable = new Set(['fp32', 'fp16']);

for (const folder of zoo()) {
  describe(folder.name, () => {
    for (const [dtype, files] of folder.variants) {
      if (!comparable.has(dtype)) continue;
      it(`captures every golden in ${dtype}`, { timeout: 120_000 }, async () => {
        const wrong: string[] = [];
        const found = new Set<string>();
        for (const [batch, prefix] of [
          ['single', ''],
          ['padded', 'padded.'],
        ] as const) {
          if (folder.batches[batch] === undefined) continue;
          let encoded: Parameters<typeof feeds>[3];
          for (const file of files) {
            const model = load(folder, file);
            const { hooks, inputs } = model.instrumented;
            const taps = hooks.filter((hook) => hook.source.kind !== 'unavailable').map((hook) => hook.name);
            const captured = await runPlan(model, { taps, edits: [] }, feeds(folder, batch, inputs, encoded));
            encoded = captured.outputs.last_hidden_state;
            for (const [name, value] of captured.taps) {
              const golden = folder.goldens.get(prefix + name);
              if (golden === undefined) continue;
              found.add(prefix + name);
              const message = compare(value, golden, name, dtype);
              if (message !== undefined) wrong.push(prefix + message);
            }
          }
        }
        const missing = [...folder.goldens.keys()].filter((name) => !found.has(name) && !notHooks.has(name));
        expect({ wrong, missing }).toEqual({ wrong: [], missing: [] });
      });
    }
  });
}

function compare(value: Values, golden: Values, name: string, dtype: string): string | undefined {
  const isScores = name.endsWith('hook_attn_scores');
  const largest = largestOf(golden, isScores);
  const tolerance = dtype === 'fp32' ? 1e-4 * Math.max(1, largest) : 2e-2 * largest;
  const found = difference(value, golden, isScores);
  return found <= tolerance
    ? undefined
    : `${name}: ${found} > ${tolerance} [${value.dims}] against [${golden.dims}]`;
}
