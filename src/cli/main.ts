import { SondeError } from '../shared/errors.ts';
import { usageExit } from './arguments.ts';

/** A subcommand: its arguments in, its exit status out. */
type Command = (argv: readonly string[]) => Promise<number>;

interface Entry {
  readonly usage: string;
  readonly summary: string;
  /** Loaded when it is called: `sonde --help` starts no runtime and no server. */
  readonly load: () => Promise<Command>;
}

const commands: Readonly<Record<string, Entry>> = {
  inspect: {
    usage: 'sonde inspect <folder> [--dtype fp32]',
    summary: 'what a model is and every hook it has, unavailable ones with their reason',
    load: async () => (await import('./inspect.ts')).inspect,
  },
  capture: {
    usage: 'sonde capture <folder> --text <text> --capture <pattern>… --out <file> [--device wasm|webgpu]',
    summary: 'activations and attention of one text, as a safetensors file',
    load: async () => (await import('./capture.ts')).capture,
  },
  verify: {
    usage: 'sonde verify <folder> [--self] [--device wasm|webgpu] [--dtype fp32|fp16|q8|q4|q4f16]',
    summary:
      "compares a folder's goldens with what Sonde captures; --self holds every variant's hooks against identities instead, without goldens; exit status 1 if anything differs",
    load: async () => (await import('./verify.ts')).verify,
  },
  baseline: {
    usage: 'sonde baseline <folder> --texts FILE --out FILE [--window 200] [--dtype fp32]',
    summary: 'what requests of a classifier are like, one text a line, to see drift against',
    load: async () => (await import('./baseline.ts')).baseline,
  },
  signals: {
    usage: 'sonde signals [--json]',
    summary: 'the signal map: every signal with its unit, tier, privacy class and stability',
    load: async () => (await import('./signals.ts')).signals,
  },
  collect: {
    usage: 'sonde collect [--help]',
    summary: 'the collector of masked telemetry; serves the playground too',
    load: async () => (await import('./collect.ts')).collect,
  },
  audit: {
    usage: 'sonde audit [--help]',
    summary: "checks a collector's log from its first record to its last",
    load: async () => (await import('./audit.ts')).audit,
  },
};

const help = (): string =>
  [
    'sonde: see inside a model that runs in the browser',
    '',
    ...Object.values(commands).flatMap(({ usage, summary }) => [`  ${usage}`, `      ${summary}`]),
    '',
  ].join('\n');

/**
 * The command line. An error is one sentence and what to do about it on stderr, never a stack.
 * @returns exit status: 0 done, 1 failed, 2 called wrongly
 */
export async function main(argv: readonly string[]): Promise<number> {
  const [name, ...rest] = argv;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    process.stdout.write(help());
    return name === undefined ? usageExit : 0;
  }
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (entry === undefined) {
    process.stderr.write(`sonde: there is no command "${name}".\n\n${help()}`);
    return usageExit;
  }
  try {
    return await (await entry.load())(rest);
  } catch (error) {
    if (!(error instanceof SondeError)) throw error;
    process.stderr.write(`sonde: ${error.message}\n       ${error.remedy}\n`);
    if (error.code !== 'invalid_argument') return 1;
    process.stderr.write(`usage: ${entry.usage}\n`);
    return usageExit;
  }
}
