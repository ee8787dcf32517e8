import { readFile } from 'node:fs/promises';
import type { ParseArgsConfig } from 'node:util';
import { SondeError } from '../shared/errors.ts';

type Options = NonNullable<ParseArgsConfig['options']>;

const toArguments = (name: string, value: unknown): readonly string[] => {
  if (value === true) return [`--${name}`];
  if (value === false) return [];
  return (Array.isArray(value) ? value : [value]).map((each) => `--${name}=${String(each)}`);
};

async function fromFile(file: string): Promise<readonly string[]> {
  let settings: unknown;
  try {
    settings = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new SondeError(
      'invalid_argument',
      `The configuration file ${file} cannot be read, or is not JSON.`,
      'Write an object whose keys are options, such as {"port": 4318, "origin": ["https://shop.example"]}.',
      { cause },
    );
  }
  return Object.entries(settings ?? {}).flatMap(([name, value]) => toArguments(name, value));
}

const inEnvironment = (environment: NodeJS.ProcessEnv, name: string): string | undefined =>
  environment[`SONDE_COLLECT_${name.toUpperCase().replaceAll('-', '_')}`] || undefined;

const isOn = (value: string): boolean => value === '1' || value === 'true';

/** `SONDE_COLLECT_TRUST_PROXY=10.0.0.1,10.0.0.2` is `--trust-proxy` twice; a flag is on with `1` or `true`. */
function fromEnvironment(options: Options, environment: NodeJS.ProcessEnv): readonly string[] {
  return Object.entries(options).flatMap(([name, { type, multiple }]) => {
    const value = inEnvironment(environment, name);
    if (value === undefined) return [];
    if (type === 'boolean') return toArguments(name, isOn(value));
    return toArguments(name, multiple === true ? value.split(',') : value);
  });
}

/** Flags that the environment turns off: no argument can, so the file's must not stand. */
function turnedOff(options: Options, environment: NodeJS.ProcessEnv): ReadonlySet<string> {
  const off = Object.entries(options).filter(([name, { type }]) => {
    const value = inEnvironment(environment, name);
    return type === 'boolean' && value !== undefined && !isOn(value);
  });
  return new Set(off.map(([name]) => `--${name}`));
}

/**
 * The arguments with those of the configuration file and of the environment before them. Of an option that is
 * given once the last one counts, so the command line wins over the environment, and that over the file.
 * @param file named by `--config`, or by SONDE_COLLECT_CONFIG
 */
export async function withSettings(
  argv: readonly string[],
  options: Options,
  file: string | undefined,
  environment: NodeJS.ProcessEnv,
): Promise<readonly string[]> {
  const path = file ?? environment.SONDE_COLLECT_CONFIG;
  const off = turnedOff(options, environment);
  return [
    ...(path === undefined ? [] : await fromFile(path)).filter((argument) => !off.has(argument)),
    ...fromEnvironment(options, environment),
    ...argv,
  ];
}
