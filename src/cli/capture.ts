import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadFolder } from '../load/load.ts';
import { sondeVersion } from '../protocol/version.ts';
import { SondeError } from '../shared/errors.ts';
import { writeSafetensors } from '../shared/safetensors.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import { deviceOf, readArguments } from './arguments.ts';
import { openViewer } from './look.ts';
import { modelOptions, namedModel } from './model.ts';
import { type Prompt, preparer, promptsIn, type Ready, tensorsIn, tokensOf } from './prompts.ts';

const options = {
  ...modelOptions,
  text: { type: 'string' },
  tokens: { type: 'string' },
  inputs: { type: 'string' },
  batch: { type: 'string' },
  'decoder-tokens': { type: 'string' },
  capture: { type: 'string', multiple: true },
  out: { type: 'string' },
  device: { type: 'string', default: 'wasm' },
} as const;

type Values = {
  readonly [Option in 'text' | 'tokens' | 'inputs' | 'batch' | 'decoder-tokens']?: string | undefined;
};

/** `sonde capture`: hooks of one input, or of each of many, as safetensors files, tensors named by hook. */
export async function capture(argv: readonly string[]): Promise<number> {
  const { values, positionals } = readArguments(argv, options);
  const { capture: patterns, out } = values;
  const given = (['text', 'tokens', 'inputs', 'batch'] as const).filter((each) => values[each] !== undefined);
  if (given.length !== 1 || patterns === undefined || out === undefined)
    throw new SondeError(
      'invalid_argument',
      'Wanted are one of --text, --tokens, --inputs and --batch, and --capture and --out.',
      "For example: --text 'To be' --capture 'blocks.*.attn.hook_pattern' --out t.safetensors",
    );
  const device = deviceOf(values.device);
  const prompts = await promptsOf(values);
  const model = await namedModel(positionals, values);
  const prepare = preparer(await loadFolder(model.source, {}));
  const ready = prompts.map((prompt) => ({ prompt, ready: prepare(prompt) }));
  const viewer = await openViewer(device, model);
  try {
    if (values.batch !== undefined) await mkdir(out, { recursive: true });
    for (const { prompt, ready: input } of ready) {
      const tensors = await viewer.look(input.inputs, patterns);
      const file = prompt.id === undefined ? out : join(out, `${prompt.id}.safetensors`);
      const metadata = {
        sonde: sondeVersion,
        model: model.source.id,
        dtype: model.dtype,
        device: viewer.device,
        tokens: JSON.stringify(input.tokens),
        ...(prompt.id === undefined ? {} : { id: prompt.id }),
      };
      await writeFile(file, writeSafetensors({ tensors, metadata }));
      process.stdout.write(told(file, tensors, input, viewer.device, prompt.id === undefined));
    }
    return 0;
  } finally {
    await viewer.close();
  }
}

async function promptsOf(values: Values): Promise<readonly Prompt[]> {
  const { text, tokens, inputs, batch, 'decoder-tokens': decoder } = values;
  if (batch !== undefined) return promptsIn(batch);
  const decoderTokens = decoder === undefined ? undefined : tokensOf('--decoder-tokens', decoder);
  const rest = decoderTokens === undefined ? {} : { decoderTokens };
  if (tokens !== undefined) return [{ input: tokensOf('--tokens', tokens), ...rest }];
  if (inputs !== undefined) return [{ input: await tensorsIn(inputs), ...rest }];
  return [{ input: text ?? '', ...rest }];
}

function told(
  file: string,
  tensors: ReadonlyMap<string, FloatTensor>,
  { tokens, truncated }: Ready,
  device: string,
  inFull: boolean,
): string {
  const names = [...tensors].map(([name, { dims }]) => `${name} [${dims.join(', ')}]\n`);
  const of = tokens.length === 0 ? 'the given tensors' : `${tokens.length} tokens`;
  const cut = truncated ? ' (the text was longer than the model reads, and was cut)' : '';
  return `${inFull ? names.join('') : ''}${file}: ${tensors.size} hooks of ${of}${cut}, run on ${device}\n`;
}
