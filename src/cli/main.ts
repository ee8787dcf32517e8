import { SondeError } from '../shared/errors.ts';
import { usageExit } from './arguments.ts';
import {
  baselineHelp,
  captureHelp,
  inspectHelp,
  instrumentHelp,
  probeHelp,
  replayHelp,
  signalsHelp,
  verifyHelp,
} from './help.ts';

/** A subcommand: its arguments in, its exit status out. */
type Command = (argv: readonly string[]) => Promise<number>;

interface Entry {
  readonly usage: string;
  readonly summary: string;
  /** Absent where the command has commands of its own, and help for them. */
  readonly help?: string;
  /** Loaded when it is called: `sonde --help` starts no runtime and no server. */
  readonly load: () => Promise<Command>;
}

const commands: Readonly<Record<string, Entry>> = {
  inspect: {
    usage: 'sonde inspect MODEL [--dtype D] [--json]',
    summary: 'what a model is and every hook it has, unavailable ones with their reason',
    help: inspectHelp,
    load: async () => (await import('./inspect.ts')).inspect,
  },
  capture: {
    usage:
      'sonde capture MODEL --text TEXT | --tokens IDS | --inputs FILE | --batch FILE --capture PATTERN… --out FILE',
    summary: 'activations and attention as safetensors, tensors named by hook',
    help: captureHelp,
    load: async () => (await import('./capture.ts')).capture,
  },
  instrument: {
    usage: 'sonde instrument IN.onnx OUT.onnx --capture PATTERN… | --plan PLAN.json',
    summary: 'writes a model with hooks as outputs and edits, which any onnxruntime runs',
    help: instrumentHelp,
    load: async () => (await import('./instrument.ts')).instrument,
  },
  verify: {
    usage: 'sonde verify MODEL [--self] [--dtype D] [--device wasm|webgpu]',
    summary:
      'compares goldens with what Sonde captures; --self holds hooks against identities, without goldens',
    help: verifyHelp,
    load: async () => (await import('./verify.ts')).verify,
  },
  probe: {
    usage: 'sonde probe MODEL --out FILE [--dtype D]',
    summary: 'a golden to ship beside a model: what WASM gives, for browsers to hold their devices to',
    help: probeHelp,
    load: async () => (await import('./probe.ts')).probe,
  },
  baseline: {
    usage: 'sonde baseline MODEL --texts FILE --out FILE [--window 200] [--dtype D]',
    summary: 'what requests of a classifier are like, one text a line, to see drift against',
    help: baselineHelp,
    load: async () => (await import('./baseline.ts')).baseline,
  },
  replay: {
    usage: 'sonde replay REQUEST.json [--model MODEL] [--dtype D] [--json]',
    summary: 'makes a request again that was saved in a browser, and says what differs',
    help: replayHelp,
    load: async () => (await import('./replay.ts')).replay,
  },
  signals: {
    usage: 'sonde signals [--json]',
    summary: 'the signal map: every signal with its unit, tier, privacy class and stability',
    help: signalsHelp,
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
  store: {
    usage: 'sonde store [--help]',
    summary: "keeps a collector's data: tables, backups, retirement to cold storage",
    load: async () => (await import('./store.ts')).store,
  },
};

const help = (): string =>
  [
    'sonde: see inside a model that runs in the browser',
    '',
    ...Object.values(commands).flatMap(({ usage, summary }) => [`  ${usage}`, `      ${summary}`]),
    '',
    'sonde COMMAND --help says more. Exit status: 0 done, 1 failed, 2 called wrongly.',
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
  if (entry?.help !== undefined && rest.some((option) => option === '--help' || option === '-h')) {
    process.stdout.write(`${entry.usage}\n    ${entry.summary}\n\n${entry.help}`);
    return 0;
  }
  if (entry === undefined) {
    process.stderr.write(`sonde: there is no command "${name}".\n\n${help()}`);
    return usageExit;
  }
  try {
    return await (await entry.load())(rest);
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) {
      process.stderr.write(
        `sonde: ${error.message}\n       Check the path, and that you may read and write it.\n`,
      );
      return 1;
    }
    if (!(error instanceof SondeError)) throw error;
    process.stderr.write(`sonde: ${error.message}\n       ${error.remedy}\n`);
    if (error.code !== 'invalid_argument') return 1;
    process.stderr.write(`usage: ${entry.usage}\n`);
    return usageExit;
  }
}
