import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import wabt from 'wabt';

const room = '../../../src/kernels';

it.each(['activation-statistics', 'attention-statistics', 'token-statistics'])(
  'the program in the repository is the one that %s.wat says',
  async (name) => {
    const text = await readFile(new URL(`${room}/${name}.wat`, import.meta.url), 'utf8');
    const { parseWat } = await wabt();
    const parsed = parseWat(`${name}.wat`, text, { simd: true });
    const { buffer } = parsed.toBinary({});
    const base64 = Buffer.from(buffer).toString('base64');
    await expect(
      `/** ${name}.wat, assembled by test/unit/kernels/assembled.test.ts (vitest -u). */\nexport const program =\n  '${base64}';\n`,
    ).toMatchFileSnapshot(`${room}/${name}.wasm.ts`);
  },
);
