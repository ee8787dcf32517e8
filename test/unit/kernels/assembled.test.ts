import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import wabt from 'wabt';

const room = '../../../src/kernels';

it('the program in the repository is the one that token-statistics.wat says', async () => {
  const text = await readFile(new URL(`${room}/token-statistics.wat`, import.meta.url), 'utf8');
  const { parseWat } = await wabt();
  const parsed = parseWat('token-statistics.wat', text, { simd: true });
  const { buffer } = parsed.toBinary({});
  const base64 = Buffer.from(buffer).toString('base64');
  await expect(
    `/** token-statistics.wat, assembled by test/unit/kernels/assembled.test.ts (vitest -u). */\nexport const program =\n  '${base64}';\n`,
  ).toMatchFileSnapshot(`${room}/token-statistics.wasm.ts`);
});
