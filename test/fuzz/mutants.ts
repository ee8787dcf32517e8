import { readdirSync, readFileSync } from 'node:fs';
import { instrument } from '../../src/instrument/instrument.ts';
import { Writer } from '../../src/instrument/wire.ts';
import { SondeError } from '../../src/shared/errors.ts';
import { emptyPlan } from '../../src/shared/plan.ts';
import { mulberry32 } from '../../src/shared/random.ts';

type Random = () => number;
/** Makes a file that is not quite the one it is given. */
type Mutator = (file: Uint8Array, random: Random, others: readonly Uint8Array[]) => Uint8Array;

const below = (random: Random, limit: number): number => Math.floor(random() * limit);

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const writer = new Writer();
  for (const part of parts) writer.bytes(part);
  return writer.finish();
}

/** ModelProto with one graph. */
const modelOf = (graph: Writer, functions: readonly Writer[] = []): Uint8Array => {
  const model = new Writer().integer(1, 8).message(7, graph);
  for (const each of functions) model.message(25, each);
  return model.finish();
};

const node = (op: string, inputs: readonly string[], outputs: readonly string[]): Writer => {
  const written = new Writer();
  for (const input of inputs) written.text(1, input);
  for (const output of outputs) written.text(2, output);
  return written.text(4, op);
};

const lengths = [
  [0xff, 0xff, 0xff, 0xff, 0x07],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f],
  [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
  [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80],
];

/** Where the names of a graph's tensors stand: strings of plain characters with their length before them. */
function nameAt(file: Uint8Array, random: Random): { at: number; length: number } | undefined {
  for (let attempt = 0; attempt < 200; attempt++) {
    const at = below(random, file.length - 40);
    const length = file[at] ?? 0;
    const isTag = (file[at - 1] ?? 0) === 0x0a || (file[at - 1] ?? 0) === 0x12;
    if (!isTag || length < 3 || length > 80) continue;
    if (file.subarray(at + 1, at + 1 + length).every((byte) => byte >= 0x20 && byte < 0x7f))
      return { at, length };
  }
  return undefined;
}

export const mutators: Readonly<Record<string, Mutator>> = {
  'bytes changed': (file, random) => {
    const mutant = file.slice();
    for (let count = 1 + below(random, 8); count > 0; count--)
      mutant[below(random, mutant.length)] = below(random, 256);
    return mutant;
  },
  'bits flipped': (file, random) => {
    const mutant = file.slice();
    for (let count = 1 + below(random, 4); count > 0; count--) {
      const at = below(random, mutant.length);
      mutant[at] = (mutant[at] ?? 0) ^ (1 << below(random, 8));
    }
    return mutant;
  },
  truncated: (file, random) => file.subarray(0, below(random, file.length)),
  'a piece of another file in it': (file, random, others) => {
    const other = others[below(random, others.length)] ?? file;
    const [at, from] = [below(random, file.length), below(random, other.length)];
    const piece = other.subarray(from, from + 1 + below(random, 2_000));
    return joined(file.subarray(0, at), piece, file.subarray(random() < 0.5 ? at : at + piece.length));
  },
  'a piece left out': (file, random) => {
    const at = below(random, file.length);
    return joined(file.subarray(0, at), file.subarray(at + 1 + below(random, 500)));
  },
  'a piece twice': (file, random) => {
    const at = below(random, file.length);
    return joined(file.subarray(0, at + 1 + below(random, 2_000)), file.subarray(at));
  },
  'a huge number': (file, random) => {
    const at = below(random, file.length);
    const length = Uint8Array.from(lengths[below(random, lengths.length)] ?? []);
    return joined(file.subarray(0, at), length, file.subarray(at + length.length));
  },
  'a tensor named like another': (file, random) => {
    const mutant = file.slice();
    for (let count = 1 + below(random, 3); count > 0; count--) {
      const [one, two] = [nameAt(file, random), nameAt(file, random)];
      if (one === undefined || two === undefined) break;
      const length = Math.min(one.length, two.length);
      mutant.set(file.subarray(two.at + 1, two.at + 1 + length), one.at + 1);
    }
    return mutant;
  },
  'deeply nested graphs': (_, random) => {
    let graph = new Writer().message(1, node('Relu', ['x'], ['y']));
    for (let depth = below(random, 400); depth > 0; depth--) {
      const attribute = new Writer().text(1, 'body').message(6, graph);
      const op = random() < 0.5 ? 'Loop' : 'If';
      graph = new Writer().message(1, node(op, ['x'], ['y']).message(5, attribute));
    }
    return modelOf(graph);
  },
  'a graph that refers to itself': (_, random) => {
    const count = 2 + below(random, 300);
    const graph = new Writer().message(12, new Writer().text(1, 't0'));
    for (let at = 0; at < count; at++) {
      const inputs = [`t${below(random, count)}`, `t${(at + 1) % (random() < 0.5 ? count : count + 1)}`];
      graph.message(1, node(random() < 0.3 ? 'MatMul' : 'Add', inputs, [`t${at}`]));
    }
    return modelOf(graph);
  },
  'functions that call each other': (_, random) => {
    const count = 1 + below(random, 40);
    const functions = Array.from({ length: count }, (_, at) => {
      const body = new Writer().text(1, `f${at}`).text(4, 'a').text(5, 'b').text(10, 'own');
      for (let call = 0; call < 1 + below(random, 3); call++) {
        const called = random() < 0.1 ? below(random, count) : at + 1;
        body.message(
          7,
          node(called < count ? `f${called}` : 'Relu', ['a'], [call === 0 ? 'b' : `c${call}`]).text(
            7,
            called < count ? 'own' : '',
          ),
        );
      }
      return body;
    });
    const graph = new Writer().message(1, node('f0', ['x'], ['y']).text(7, 'own'));
    return modelOf(graph.message(12, new Writer().text(1, 'y')), functions);
  },
};

/** Real files without their weights, where every byte means something; the smallest first. */
export function seeds(): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (const model of readdirSync('test/zoo', { withFileTypes: true })) {
    if (!model.isDirectory()) continue;
    for (const file of readdirSync(`test/zoo/${model.name}/onnx`)) {
      if (!file.endsWith('.onnx')) continue;
      const bytes = new Uint8Array(readFileSync(`test/zoo/${model.name}/onnx/${file}`));
      found.push(instrument(bytes, { file }).edit(emptyPlan, 'external').bytes);
    }
  }
  return found.sort((a, b) => a.length - b.length);
}

/** Reading and instrumenting end in a model or in a named error; anything else is a defect and is thrown. */
export function outcomeOf(bytes: Uint8Array): string {
  try {
    const model = instrument(bytes, { file: 'model.onnx' });
    const taps = model.hooks.flatMap(({ name, source }) => (source.kind === 'unavailable' ? [] : [name]));
    model.edit({ taps, edits: [] }, 'external');
    return 'a model';
  } catch (error) {
    if (error instanceof SondeError) return error.code;
    throw error;
  }
}

export interface Fuzzed {
  /** Mutants by mutator and outcome. */
  readonly counts: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** CPU milliseconds of the slowest mutant of each mutator. */
  readonly slowest: ReadonlyMap<string, number>;
}

/** Reads `count` mutants, drawn from `seed`; of small files oftener than of large ones. */
export function fuzz(count: number, seed: number, files: readonly Uint8Array[]): Fuzzed {
  const random = mulberry32(seed);
  const names = Object.keys(mutators);
  const counts = new Map<string, Map<string, number>>();
  const slowest = new Map<string, number>();
  for (let at = 0; at < count; at++) {
    const name = names[at % names.length] ?? '';
    const file = files[below(random, files.length * random() ** 2)] ?? new Uint8Array();
    const mutant = mutators[name]?.(file, random, files) ?? file;
    const before = process.cpuUsage();
    let outcome: string;
    try {
      outcome = outcomeOf(mutant);
    } catch (error) {
      throw new Error(`mutant ${at} of seed ${seed} (${name}) ends in no named error`, { cause: error });
    }
    const { user, system } = process.cpuUsage(before);
    slowest.set(name, Math.max(slowest.get(name) ?? 0, (user + system) / 1_000));
    const outcomes = counts.get(name) ?? new Map<string, number>();
    counts.set(name, outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1));
  }
  return { counts, slowest };
}
