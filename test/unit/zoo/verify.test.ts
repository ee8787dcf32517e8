import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Checked, checkFolder, passes } from '../../../src/cli/check.ts';
import { failed, proveFolder } from '../../../src/cli/verify-self.ts';
import { folderSource } from '../../../src/load/folder.node.ts';
import { dtypesOf } from '../../../src/load/graph-file.ts';
import type { Dtype } from '../../../src/protocol/device.ts';
import { SondeError } from '../../../src/shared/errors.ts';
import { inferred, matches, moved, onWasm } from '../../zoo/expected.ts';

const folders = readdirSync('test/zoo', { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

const variants = new Map(
  await Promise.all(
    folders.map(async (name) => [name, await dtypesOf(folderSource(`test/zoo/${name}`))] as const),
  ),
);

it('has an expectation for every folder and variant, and for no other', () => {
  const there = [...variants].map(([name, dtypes]) => [name, [...dtypes].sort()]);
  const expected = Object.entries(onWasm).map(([name, dtypes]) => [name, Object.keys(dtypes).sort()]);
  expect(there).toEqual(expected);
});

/**
 * Fractions of the tolerance. It allows for activations that two kernels round to different steps; in the zoo none is,
 * so files with 8- and 4-bit weights are held to 1e-4 of the largest golden, and to 1e-3 where all else is half.
 */
const closer: Partial<Record<Dtype, number>> = { q8: 1e-2, q4: 1e-2, q4f16: 5e-2 };

const distance = ({ comparison }: Checked): number =>
  comparison.kind === 'compared' && comparison.tolerance > 0
    ? comparison.difference / comparison.tolerance
    : 0;

/** `pass`, or what the runtime said. */
async function outcomeOf(work: () => Promise<void>): Promise<string> {
  try {
    await work();
    return 'pass';
  } catch (error) {
    if (!(error instanceof SondeError)) throw error;
    return `refused: ${error.message}`;
  }
}

describe.each(folders)('%s on WASM', (name) => {
  const folder = `test/zoo/${name}`;

  it.each(variants.get(name) ?? [])(
    '%s: every hook is proved, and no identity fails',
    { timeout: 120_000 },
    async (dtype) => {
      const found = await outcomeOf(async () => {
        for (const part of await proveFolder(folder, dtype)) {
          expect(failed(part)).toEqual([]);
          expect([...part.proved.refused]).toEqual([]);
          const undecided = [...part.proved.hooks].filter(([, proof]) => proof !== 'proved');
          expect(undecided.map(([hook]) => hook)).toEqual(inferred[name] ?? []);
        }
      });
      expect(found).toSatisfy((outcome: string) => matches(onWasm[name]?.[dtype], outcome));
    },
  );

  it.each(variants.get(name) ?? [])(
    '%s: every golden agrees, generated tokens too, and looking moves the logits as the table says',
    { timeout: 120_000 },
    async (dtype) => {
      const found = await outcomeOf(async () => {
        const checked = await checkFolder(folder, 'wasm', dtype);
        expect(checked.length).toBeGreaterThan(30);
        expect(checked.filter((each) => !passes(each))).toEqual([]);
        const isMove = ({ name: line }: Checked): boolean => line.includes('moved by tapping');
        const compared = checked.filter((each) => !isMove(each));
        expect(compared.filter((each) => distance(each) > (closer[dtype] ?? 1))).toEqual([]);
        const moves = checked.filter((each) => isMove(each) && distance(each) > 0);
        expect(moves.length > 0).toBe(moved[name]?.includes(dtype) ?? false);
      });
      expect(found).toSatisfy((outcome: string) => matches(onWasm[name]?.[dtype], outcome));
    },
  );
});
