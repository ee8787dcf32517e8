import { readFile, writeFile } from 'node:fs/promises';
import { temperatureOf } from '../load/card.ts';
import { observeClasses } from '../observe/classes.ts';
import { makeBaseline } from '../observe/drift/baseline.ts';
import type { Traffic } from '../observe/drift/statistics.ts';
import { idTensor } from '../run/feeds.ts';
import { readFloatTensor } from '../run/float.ts';
import { forward } from '../run/model.ts';
import { type NodeModel, openNodeModel } from '../run/open.node.ts';
import { SondeError } from '../shared/errors.ts';
import { mulberry32 } from '../shared/random.ts';
import { readArguments } from './arguments.ts';
import { modelOptions, namedModel } from './model.ts';

async function logitsOf({ model }: NodeModel, ids: readonly number[]): Promise<Float32Array> {
  const { outputs } = await forward(model, { input_ids: idTensor([ids]) }, []);
  const tensor = outputs[model.instrumented.anatomy.logits ?? ''];
  if (tensor === undefined || tensor.dims.length !== 2)
    throw new SondeError(
      'wrong_task',
      'This model gives no class logits.',
      'A baseline is made of a classifier.',
    );
  return (await readFloatTensor(model.runtime, tensor)).data;
}

/** Confidence, entropy and length as `classify` gives them (`provenance.inputTokens`). */
async function trafficOf(opened: NodeModel, temperature: number, texts: readonly string[]): Promise<Traffic> {
  const tokenizer = opened.tokenizer();
  const features = { confidence: [] as number[], entropy: [] as number[], length: [] as number[] };
  for (const text of texts) {
    const { ids } = tokenizer.encode(text, opened.folder.config.context, 'start');
    const { confidence, entropy } = observeClasses(await logitsOf(opened, ids), temperature);
    features.confidence.push(rounded(confidence));
    features.entropy.push(rounded(entropy));
    features.length.push(ids.length);
  }
  return { features, embeddings: [], attributions: [] };
}

/** Each feature sorted by itself: a judgement needs no more, and no row of the file is a text any more. */
const unlinked = ({ features, ...rest }: Traffic): Traffic => ({
  ...rest,
  features: Object.fromEntries(
    Object.entries(features).map(([name, values]) => [name, [...values].sort((a, b) => a - b)]),
  ),
});

/** Enough decimals to tell any two requests apart, and a third of the bytes. */
const rounded = (value: number): number => Number(value.toFixed(6));

/** Too few for the limit of a window to mean anything; more than these only cost time. */
const mostTexts = 2000;

/** `sonde baseline MODEL --texts FILE --out FILE`: what requests of a classifier are like, one text a line. */
export async function baseline(argv: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(argv, {
    texts: { type: 'string' },
    out: { type: 'string' },
    window: { type: 'string', default: '200' },
    ...modelOptions,
  });
  const { texts: file, out } = values;
  const window = Number(values.window);
  if (file === undefined || out === undefined || !(Number.isInteger(window) && window > 0))
    throw new SondeError(
      'invalid_argument',
      'A baseline is made of texts: `--texts` and `--out` name files, `--window` is a whole number.',
      'Give at least three windows of texts like those that users will send, one a line.',
    );
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line.trim() !== '');
  const step = Math.max(1, Math.floor(lines.length / mostTexts));
  const texts = lines.filter((_, i) => i % step === 0).slice(0, mostTexts);
  const { source, dtype } = await namedModel(positionals, values);
  const opened = await openNodeModel(source, dtype);
  try {
    const traffic = await trafficOf(opened, temperatureOf(opened.folder.card, dtype) ?? 1, texts);
    const made = makeBaseline(traffic, { window, random: mulberry32(texts.length) });
    await writeFile(out, `${JSON.stringify({ ...made, reference: unlinked(made.reference) })}\n`);
    process.stdout.write(
      `${out}: ${texts.length} texts, windows of ${window}, ${Object.keys(made.scales).length} statistics, ` +
        `a window without drift alarms with chance ${made.falseAlarms}.\n`,
    );
    return 0;
  } finally {
    await opened.dispose();
  }
}
