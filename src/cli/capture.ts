import { writeFile } from 'node:fs/promises';
import { sondeVersion } from '../protocol/version.ts';
import { SondeError } from '../shared/errors.ts';
import { deviceOf, dtypeOf, onlyFolder, readArguments } from './arguments.ts';
import { look } from './look.ts';
import { writeSafetensors } from './safetensors.ts';

/** `sonde capture`: hooks of one text as a safetensors file, tensors named by hook. */
export async function capture(argv: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(argv, {
    text: { type: 'string' },
    capture: { type: 'string', multiple: true },
    out: { type: 'string' },
    device: { type: 'string', default: 'wasm' },
    dtype: { type: 'string', default: 'fp32' },
  });
  const { text, capture: patterns, out } = values;
  if (text === undefined || patterns === undefined || out === undefined)
    throw new SondeError(
      'invalid_argument',
      'Nothing can be captured without --text, --capture and --out.',
      "For example: --text 'To be' --capture 'blocks.*.attn.hook_pattern' --out t.safetensors",
    );
  const dtype = dtypeOf(values.dtype);
  const folder = onlyFolder(positionals);
  const seen = await look(deviceOf(values.device), { folder, text, patterns, dtype });
  const metadata = {
    sonde: sondeVersion,
    model: seen.model,
    dtype,
    device: seen.device,
    tokens: JSON.stringify(seen.tokens),
  };
  await writeFile(out, writeSafetensors({ tensors: seen.tensors, metadata }));
  for (const [name, { dims }] of seen.tensors) process.stdout.write(`${name} [${dims.join(', ')}]\n`);
  process.stdout.write(
    `${out}: ${seen.tensors.size} hooks of ${seen.tokens.length} tokens, run on ${seen.device}\n`,
  );
  return 0;
}
