import { writeFile } from 'node:fs/promises';
import { probeDigest, recordGolden, writeGolden } from '../prove/golden.ts';
import { openNodeParts } from '../run/open.node.ts';
import { SondeError } from '../shared/errors.ts';
import { readArguments } from './arguments.ts';
import { modelOptions, namedModel } from './model.ts';

/** `sonde probe MODEL --out FILE`: what WASM gives at every hook, for browsers to hold their devices to. */
export async function probe(argv: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(argv, { out: { type: 'string' }, ...modelOptions });
  const { out } = values;
  if (out === undefined)
    throw new SondeError(
      'invalid_argument',
      'Wanted is --out, the file to be written.',
      'Beside the model it is found under the name probe.safetensors, for q8 probe.q8.safetensors.',
    );
  const { source, dtype } = await namedModel(positionals, values);
  const { parts, config, dispose } = await openNodeParts(source, dtype);
  try {
    const golden = await recordGolden(parts, config);
    const file = writeGolden(golden, await probeDigest(parts, config));
    await writeFile(out, file);
    process.stdout.write(`${out}: ${golden.size} hooks of ${source.id} in ${dtype}, ${file.length} bytes.\n`);
    return 0;
  } finally {
    await dispose();
  }
}
