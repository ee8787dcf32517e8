import { readFile } from 'node:fs/promises';
import { classify, type Surroundings } from '../inspect/answers.ts';
import { describe } from '../inspect/describe.ts';
import { generate } from '../inspect/generate.ts';
import type { ModelEntry } from '../inspect/model-entry.ts';
import { undigested } from '../inspect/request.ts';
import { openTokenizer } from '../load/tokenizer.ts';
import type { Dtype } from '../protocol/device.ts';
import { compareReplay, type Replayed } from '../protocol/replay.ts';
import type { Step } from '../protocol/request.ts';
import { parseSavedRequest, type SavedRequest } from '../protocol/saved-request.ts';
import { type NodeParts, openNodeParts } from '../run/open.node.ts';
import { SondeError } from '../shared/errors.ts';
import { readArguments } from './arguments.ts';
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

/** The model as a worker would hold it, without what only a browser has. */
async function entryOf({ folder, parts }: NodeParts, dtype: Dtype): Promise<ModelEntry> {
  const model = parts.at(-1)?.model;
  if (model === undefined) throw new RangeError('A model has at least one graph.');
  const fidelity = { kind: 'unproved', reason: 'a replay is compared with what was saved' } as const;
  const report = {
    device: 'wasm',
    dtype,
    threads: 1,
    crossOriginIsolated: false,
    fallbacks: [],
    fidelity,
  } as const;
  return {
    info: await describe(folder, { parts, model, report }),
    parts,
    model,
    folder,
    tokenizer: folder.tokenizer === undefined ? undefined : openTokenizer(folder),
    calibration: { current: undefined, keep: async () => false, forget: async () => undefined },
    drift: undefined,
  };
}

/** Nothing is recorded, and the key that the input was digested with is in the browser that made it. */
const around: Surroundings = {
  digest: undigested,
  consent: undefined,
  record: () => undefined,
  recoveries: [],
  keep(store) {
    store.dispose();
    return 0;
  },
};

async function run(entry: ModelEntry, saved: SavedRequest): Promise<Replayed> {
  const to = { call: 0, model: 0, recovered: [] };
  if (saved.operation === 'classify') {
    const { classes, provenance } = await classify(entry, around, { ...to, text: saved.input }, {});
    return { classes, provenance };
  }
  const steps: Step[] = [];
  const sender = {
    send: async (step: Step) => void steps.push(step),
    get sent() {
      return steps.length;
    },
  };
  const request = { ...to, prompt: saved.input };
  const { end } = await generate(entry, around, request, saved.options, sender, new AbortController().signal);
  return {
    provenance: end.provenance,
    tokens: steps.map(({ token, logProbability }) => ({ ...token, logProbability })),
  };
}
