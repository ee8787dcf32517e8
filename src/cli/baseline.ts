import { readFile, writeFile } from 'node:fs/promises';
import { classify } from '../inspect/answers.ts';
import { generate } from '../inspect/generate.ts';
import { resolveIn } from '../inspect/look.ts';
import type { ModelEntry } from '../inspect/model-entry.ts';
import { preparationOf } from '../inspect/preparation.ts';
import { type Baseline, makeBaseline } from '../observe/drift/baseline.ts';
import type { Traffic } from '../observe/drift/statistics.ts';
import { openNodeParts } from '../run/open.node.ts';
import { SondeError } from '../shared/errors.ts';
import { type Preparation, templateVersion } from '../shared/parity.ts';
import { mulberry32 } from '../shared/random.ts';
import { readArguments } from './arguments.ts';
import { collected, entryOf, surroundings, uncalled } from './entry.ts';
import { modelOptions, namedModel } from './model.ts';

/** Makes one request as a page would. @throws SondeError `wrong_task` of a model that neither classifies nor generates */
async function ask(entry: ModelEntry, text: string, maxNewTokens: number): Promise<void> {
  const around = surroundings(() => undefined);
  const { task, id } = entry.info;
  if (task === 'text-classification') await classify(entry, around, { ...uncalled, text }, {});
  else if (task === 'text-generation' || task === 'text2text-generation')
    await generate(
      entry,
      around,
      { ...uncalled, prompt: text },
      { maxNewTokens },
      collected(),
      new AbortController().signal,
    );
  else
    throw new SondeError(
      'wrong_task',
      `${id} is a ${task} model: it has no confidence.`,
      'A baseline is made of a classifier or of a model that generates text.',
    );
}

/** What a page holds against it: what the records of such requests say, and the sketches of the hook, taken in the same way. */
async function trafficOf(
  model: ModelEntry,
  texts: readonly string[],
  maxNewTokens: number,
  hook: string | undefined,
): Promise<Traffic> {
  const features = { confidence: [] as number[], entropy: [] as number[], length: [] as number[] };
  const embeddings: (readonly number[])[] = [];
  const entry: ModelEntry = {
    ...model,
    drift: {
      embedding: hook,
      state: { window: 0, seen: 0, falseAlarms: 0 },
      see({ confidenceMean, entropyMean, inputTokens = 0 }, { embedding } = {}) {
        features.confidence.push(rounded(confidenceMean ?? Number.NaN));
        features.entropy.push(rounded(entropyMean ?? Number.NaN));
        features.length.push(inputTokens);
        if (embedding !== undefined) embeddings.push(embedding.map(rounded));
        return false;
      },
    },
  };
  for (const text of texts) await ask(entry, text, maxNewTokens);
  return { features, embeddings, attributions: [] };
}

/** @throws SondeError where one forward of this model does not give exactly one hook of that name */
function hookOf({ info, parts }: ModelEntry, pattern: string): string {
  const [hook, ...others] = resolveIn(parts, [pattern]).flat();
  if (hook !== undefined && others.length === 0 && info.task === 'text-classification') return hook;
  throw new SondeError(
    'invalid_argument',
    `${pattern} is not one hook of a classifier.`,
    'Name one hook, such as blocks.1.hook_resid_post; what a model generates has no embedding here.',
  );
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

/** A text of several lines stands there as a JSON string. */
function textOf(line: string): string {
  if (!line.startsWith('"')) return line;
  try {
    const text: unknown = JSON.parse(line);
    return typeof text === 'string' ? text : line;
  } catch {
    return line;
  }
}

const day = 86_400_000;
const periods: ReadonlyMap<string, number> = new Map([
  ['day', day],
  ['week', 7 * day],
]);

/** One text a line; of too many, some from everywhere. */
async function textsIn(file: string): Promise<readonly string[]> {
  const all = (await readFile(file, 'utf8'))
    .split('\n')
    .map(textOf)
    .filter((text) => text.trim() !== '');
  const step = Math.max(1, Math.floor(all.length / mostTexts));
  return all.filter((_, i) => i % step === 0).slice(0, mostTexts);
}

/** `sonde baseline MODEL --texts FILE --out FILE`: what requests of a model are like, one text a line. */
export async function baseline(argv: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(argv, {
    texts: { type: 'string', multiple: true, default: [] },
    period: { type: 'string' },
    smoothing: { type: 'string' },
    out: { type: 'string' },
    window: { type: 'string', default: '200' },
    embedding: { type: 'string' },
    'max-new-tokens': { type: 'string', default: '32' },
    'template-version': { type: 'string' },
    ...modelOptions,
  });
  const { texts: files, out } = values;
  const [period, smoothing] = [periods.get(values.period ?? ''), Number(values.smoothing ?? 1)];
  const [window, maxNewTokens] = [Number(values.window), Number(values['max-new-tokens'])];
  const areCounts = [window, maxNewTokens].every((count) => Number.isInteger(count) && count > 0);
  const isCycle = files.length === 1 ? values.period === undefined : period !== undefined;
  if (files.length === 0 || out === undefined || !areCounts || !isCycle || !(smoothing > 0 && smoothing <= 1))
    throw new SondeError(
      'invalid_argument',
      'A baseline is made of texts: `--texts` and `--out` name files, `--window` and `--max-new-tokens` are whole numbers, `--smoothing` lies in (0, 1], and several `--texts` are the parts of a `--period`, day or week.',
      'Give at least three windows of texts like those that users will send, one a line.',
    );
  const { source, dtype } = await namedModel(positionals, values);
  const opened = await openNodeParts(source, dtype);
  try {
    const entry = await entryOf(opened, dtype);
    const hook = values.embedding && hookOf(entry, values.embedding);
    const made: Baseline[] = [];
    let count = 0;
    for (const file of files) {
      const texts = await textsIn(file);
      count += texts.length;
      const traffic = await trafficOf(entry, texts, maxNewTokens, hook);
      const each = makeBaseline(traffic, { window, random: mulberry32(texts.length) });
      made.push({ ...each, reference: unlinked(each.reference) });
    }
    const [first, ...others] = made;
    if (first === undefined) throw new RangeError('A file of texts makes a baseline.');
    const template = values['template-version'];
    const preparation: Preparation = {
      ...preparationOf(entry.info),
      ...(template === undefined ? {} : { [templateVersion]: template }),
    };
    const whole: Baseline = {
      ...first,
      ...(period === undefined ? {} : { seasons: { period, parts: made.length }, others }),
      ...(values.smoothing === undefined ? {} : { smoothing }),
      ...(hook === undefined || hook === '' ? {} : { embedding: hook }),
      preparation,
    };
    await writeFile(out, `${JSON.stringify(whole)}\n`);
    process.stdout.write(
      `${out}: ${count} texts, windows of ${window}, ${Object.keys(first.scales).length} statistics, ` +
        `a window without drift alarms with chance ${first.falseAlarms}.\n`,
    );
    return 0;
  } finally {
    await opened.dispose();
  }
}
