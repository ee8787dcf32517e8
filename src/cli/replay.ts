import { readFile } from 'node:fs/promises';
import { classify } from '../inspect/answers.ts';
import { generate } from '../inspect/generate.ts';
import type { ModelEntry } from '../inspect/model-entry.ts';
import { compareReplay, type Replayed } from '../protocol/replay.ts';
import { parseSavedRequest, type SavedRequest } from '../protocol/saved-request.ts';
import { openNodeParts } from '../run/open.node.ts';
import { SondeError } from '../shared/errors.ts';
import { readArguments } from './arguments.ts';
import { collected, entryOf, surroundings, uncalled } from './entry.ts';
import { modelOptions, namedModel } from './model.ts';
import { table } from './table.ts';

/** `sonde replay REQUEST.json`: makes a saved request again, on WASM in this process, and says what differs. */
export async function replay(argv: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(argv, {
    ...modelOptions,
    model: { type: 'string' },
    json: { type: 'boolean', default: false },
  });
  const [file, ...more] = positionals;
  if (file === undefined || more.length > 0)
    throw new SondeError(
      'invalid_argument',
      'One saved request is replayed.',
      'Name its file, for example request.json.',
    );
  const saved = parseSavedRequest(await readFile(file, 'utf8'));
  const { modelId, dtype: answered } = saved.provenance;
  const asked = { ...values, dtype: values.dtype ?? answered };
  const { source, dtype } = await namedModel([values.model ?? modelId], asked);
  const opened = await openNodeParts(source, dtype);
  try {
    const result = compareReplay(saved, await run(await entryOf(opened, dtype), saved));
    const rows = result.findings.map(({ of, verdict, why }) => [of, verdict, why]);
    process.stdout.write(
      values.json
        ? `${JSON.stringify(result, null, 2)}\n`
        : `${table(['what', 'verdict', 'why'], rows)}\n${result.sentence}\n`,
    );
    return result.reproduced ? 0 : 1;
  } finally {
    await opened.dispose();
  }
}

async function run(entry: ModelEntry, saved: SavedRequest): Promise<Replayed> {
  const around = surroundings(() => undefined);
  if (saved.operation === 'classify') {
    const { classes, provenance } = await classify(entry, around, { ...uncalled, text: saved.input }, {});
    return { classes, provenance };
  }
  const steps = collected();
  const request = { ...uncalled, prompt: saved.input };
  const { end } = await generate(entry, around, request, saved.options, steps, new AbortController().signal);
  return {
    provenance: end.provenance,
    tokens: steps.all.map(({ token, logProbability }) => ({ ...token, logProbability })),
  };
}
