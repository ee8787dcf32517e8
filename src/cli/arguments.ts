import { type ParseArgsConfig, parseArgs } from 'node:util';
import { dtypes } from '../load/graph-file.ts';
import type { Dtype } from '../protocol/device.ts';
import { SondeError } from '../shared/errors.ts';

/** Exit status of a command that was called wrongly. */
export const usageExit = 2;

type Options = NonNullable<ParseArgsConfig['options']>;

/**
 * Options and positional arguments of one subcommand.
 * @throws SondeError `invalid_argument` for an option that does not exist or lacks its value
 */
export function readArguments<const T extends Options>(
  argv: readonly string[],
  options: T,
): ReturnType<typeof parseArgs<{ options: T; allowPositionals: true; strict: true }>> {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new SondeError('invalid_argument', error.message, 'Run sonde --help for all commands.');
  }
}

/** @throws SondeError `invalid_argument` unless exactly one model is named */
export function onlyModel(positionals: readonly string[]): string {
  const [model, ...more] = positionals;
  if (model === undefined || more.length > 0)
    throw new SondeError(
      'invalid_argument',
      model === undefined ? 'No model was named.' : `More than one model: ${positionals.join(', ')}.`,
      'Name one: a folder such as public/models/shakespeare-gpt, an .onnx file, or a hub id such as org/name.',
    );
  return model;
}

/** @throws SondeError `invalid_argument` */
export function oneOf<T extends string>(option: string, value: string, choices: readonly T[]): T {
  const choice = choices.find((candidate) => candidate === value);
  if (choice === undefined)
    throw new SondeError(
      'invalid_argument',
      `--${option} ${value} is not a choice.`,
      `Choose one of: ${choices.join(', ')}.`,
    );
  return choice;
}

/** What names something in a log or a file of the collector. @throws SondeError `invalid_argument` */
export function wordOf(option: string, text: string | undefined): string {
  if (text !== undefined && /^[A-Za-z0-9._-]{1,64}$/.test(text)) return text;
  throw new SondeError(
    'invalid_argument',
    `--${option} needs a word.`,
    'Write 1 to 64 letters, digits, dots, dashes and underscores.',
  );
}

export const deviceOf = (value: string): 'wasm' | 'webgpu' => oneOf('device', value, ['wasm', 'webgpu']);
export const dtypeOf = (value: string): Dtype => oneOf('dtype', value, dtypes);
