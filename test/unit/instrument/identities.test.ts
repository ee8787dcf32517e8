import { describe, expect, it } from 'vitest';
import { feeds, load, runPlan, type Values, zoo } from './zoo.ts';

/** sum[i] = parts added, within a tolerance relative to the largest sum. */
function expectSum(name: string, sum: Values, parts: readonly Values[], tolerance: number): void {
  const largest = sum.data.reduce((most, value) => Math.max(most, Math.abs(value)), 1);
  for (const [at, value] of sum.data.entries()) {
    const added = parts.reduce((total, part) => total + (part.data[at] ?? Number.NaN), 0);
    if (!(Math.abs(value - added) <= tolerance * largest))
      throw new Error(`${name}[${at}]: ${value} is not ${added}`);
  }
}

/** z[b,q,h,e] = sum over k of pattern[b,h,q,k] · v[b,k,g(h),e], in float64. */
function weighted(pattern: Values, v: Values): Values {
  const [batch = 0, heads = 0, queries = 0, keys = 0] = pattern.dims;
  const [, , kvHeads = 1, size = 0] = v.dims;
  const data = new Float32Array(batch * queries * heads * size);
  for (let b = 0; b < batch; b++)
    for (let h = 0; h < heads; h++)
      for (let q = 0; q < queries; q++)
        for (let e = 0; e < size; e++) {
          let sum = 0;
          for (let k = 0; k < keys; k++) {
            const weight = pattern.data[((b * heads + h) * queries + q) * keys + k] ?? 0;
            const group = Math.floor((h * kvHeads) / heads);
            sum += weight * (v.data[((b * keys + k) * kvHeads + group) * size + e] ?? 0);
          }
          data[((b * queries + q) * heads + h) * size + e] = sum;
        }
  return { dims: [batch, queries, heads, size], data };
}

const tolerances: Readonly<Record<string, number>> = {
  fp32: 1e-5,
  q8: 1e-5,
  q4: 1e-5,
  fp16: 1e-2,
  q4f16: 1e-2,
};

/** What must hold in any model of any precision, whatever its weights. */
for (const folder of zoo()) {
  describe(folder.name, () => {
    for (const [dtype, files] of folder.variants) {
      it(`adds up in ${dtype}, layer by layer and head by head`, { timeout: 120_000 }, async () => {
        const tolerance = tolerances[dtype] ?? 1e-5;
        let encoded: Parameters<typeof feeds>[3];
        const names = new Set<string>();
        for (const file of files) {
          const model = load(folder, file);
          const { hooks, inputs } = model.instrumented;
          const taps = hooks.filter((hook) => hook.source.kind !== 'unavailable').map((hook) => hook.name);
          const { taps: got, outputs } = await runPlan(
            model,
            { taps, edits: [] },
            feeds(folder, 'single', inputs, encoded),
          );
          encoded = outputs.last_hidden_state;
          for (const hook of hooks)
            if (hook.source.kind !== 'unavailable')
              expect(got.get(hook.name)?.dims.length, hook.name).toBe(hook.dims.length);
          for (const [name, value] of got) {
            names.add(name);
            const other = (to: string): Values | undefined => got.get(name.replace(/hook_\w+$/, to));
            if (name.endsWith('hook_pattern')) {
              const keys = value.dims.at(-1) ?? 1;
              for (let row = 0; row < value.data.length; row += keys) {
                expect(
                  value.data.subarray(row, row + keys).reduce((sum, each) => sum + each, 0),
                  name,
                ).toBeCloseTo(1, dtype.endsWith('16') ? 2 : 4);
              }
              const [v, z] = [other('hook_v'), other('hook_z')];
              if (v !== undefined && z !== undefined)
                expectSum(name, z, [weighted(value, v)], Math.max(tolerance, 1e-4));
            }
            const mid = name.endsWith('hook_resid_mid')
              ? [other('hook_resid_pre'), other('hook_attn_out')]
              : [];
            const post =
              name.endsWith('hook_resid_post') && !name.includes('normalized')
                ? [other('hook_resid_mid_cross') ?? other('hook_resid_mid'), other('hook_mlp_out')]
                : [];
            const parts = [...mid, ...post].filter((part) => part !== undefined);
            const isPostNorm = got.has(name.replace('hook_resid_post', 'hook_normalized_resid_post'));
            if (parts.length === 2 && !isPostNorm) expectSum(name, value, parts, tolerance);
          }
        }
        const missing = [...folder.goldens.keys()].filter(
          (name) => !name.startsWith('padded.') && !names.has(name) && !/^(generate|pixel|input_)/.test(name),
        );
        expect(missing).toEqual([]);
      });
    }
  });
}
