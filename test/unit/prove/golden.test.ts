import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { goldenFile, recordOnWasm } from '../../../src/inspect/fidelity.ts';
import { errorOf, errorsOf, worstOf } from '../../../src/prove/fidelity.ts';
import { probeDigest, readGolden, recordGolden, writeGolden } from '../../../src/prove/golden.ts';
import type { ModelPart } from '../../../src/run/model.ts';
import { openNodeParts } from '../../../src/run/open.node.ts';
import type { FloatTensor } from '../../../src/shared/tensor.ts';

const tensor = (...data: number[]): FloatTensor => ({
  type: 'float32',
  dims: [data.length],
  data: Float32Array.from(data),
});

describe('how far a hook lies from its golden', () => {
  it.each([
    ['is the largest difference over the largest value', tensor(1, -4), tensor(1, -3), 0.25],
    ['is none where both are zero', tensor(0, 0), tensor(0, 0), 0],
    ['is infinite beside nothing but zeros', tensor(0), tensor(1e-9), Number.POSITIVE_INFINITY],
    ['is infinite for what is no number', tensor(1), tensor(Number.NaN), Number.POSITIVE_INFINITY],
    ['is infinite for another shape', tensor(1, 1), tensor(1), Number.POSITIVE_INFINITY],
    ['takes no masked score for a large value', tensor(-3.4e38, 2), tensor(-1.2e38, 1), 0.5],
  ])('%s', (_what, golden, value, error) => {
    expect(errorOf(golden, value)).toBe(error);
  });

  it('is not asked where the golden is no number itself, and is where the mask hides a score', () => {
    const golden = new Map([
      ['a', tensor(Number.NaN)],
      ['b', tensor(Number.POSITIVE_INFINITY)],
      ['c', tensor(Number.NEGATIVE_INFINITY, 1)],
    ]);
    expect(errorsOf(golden, golden)).toEqual([{ hook: 'c', error: 0 }]);
  });
});

describe.each(['shakespeare-gpt', 'sentiment'])('the golden that ships with %s', (name) => {
  it.each(['fp32', 'q8'] as const)('in %s is what WASM gives for this file, at every hook', async (dtype) => {
    const folder = `public/models/${name}`;
    const { parts, config, dispose } = await openNodeParts(folder, dtype);
    const file = new Uint8Array(readFileSync(`${folder}/${goldenFile(dtype)}`));
    expect(file.length).toBeLessThan(200 * 1024);
    // Another digest means that files or hooks changed since: `sonde probe` makes it anew.
    const shipped = readGolden(file, await probeDigest(parts, config));
    const values = await recordGolden(parts, config);
    await dispose();
    expect([...(shipped ?? [])].map(([hook]) => hook)).toEqual([...values.keys()]);
    expect(worstOf(errorsOf(shipped ?? new Map(), values))?.error).toBeLessThan(1e-6);
  });
});

describe('a golden', () => {
  it('keeps 512 values of a longer hook, and is that of no other file', async () => {
    const { parts, config, dispose } = await openNodeParts('test/zoo/vit');
    const golden = await recordGolden(parts, config);
    const digest = await probeDigest(parts, config);
    await dispose();
    const sizes = [...golden.values()].map(({ data }) => data.length);
    expect(Math.max(...sizes)).toBe(512);
    expect([...golden.values()].every(({ data }) => data.every(Number.isFinite))).toBe(true);

    const other = await openNodeParts('test/zoo/vit', 'q8');
    const otherDigest = await probeDigest(other.parts, other.config);
    await other.dispose();
    const file = writeGolden(golden, digest);
    expect(readGolden(file, otherDigest)).toBeUndefined();
    expect(readGolden(file, digest)).toEqual(golden);
  });

  it('is not recorded of weights that WASM could not hold twice', async () => {
    const files = [{ path: 'model.onnx_data', bytes: 2 ** 30 + 1, sha256: '' }];
    const part = { part: 'model', weights: { files } } as unknown as ModelPart;
    await expect(recordOnWasm([part], {})).rejects.toMatchObject({
      code: 'run_failed',
      message: expect.stringContaining('1.1 GB of weights'),
    });
  });
});
