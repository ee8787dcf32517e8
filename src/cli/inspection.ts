import type { Anatomy } from '../instrument/anatomy.ts';
import type { Port } from '../instrument/instrumented.ts';
import { readModel } from '../instrument/read.ts';
import { dtypesOf } from '../load/graph-file.ts';
import type { Dtype } from '../protocol/device.ts';
import type { FileDigest } from '../protocol/model.ts';
import { sondeVersion } from '../protocol/version.ts';
import type { ModelPart } from '../run/model.ts';
import type { NodeParts } from '../run/open.node.ts';
import type { Hook, HookSource } from '../shared/hook.ts';
import { parameterCount } from './parameters.ts';

/**
 * What `sonde inspect --json` prints. `format` grows when a field goes or changes its meaning; new fields may come
 * at any time. docs/command-line.md is the same in words.
 */
export interface Inspection {
  readonly format: 1;
  /** Version of Sonde that wrote it. */
  readonly sonde: string;
  readonly model: string;
  /** The class or type that config.json names; `unknown` where there is none. */
  readonly architecture: string;
  readonly dtype: Dtype;
  /** Every dtype that the model has. */
  readonly dtypes: readonly Dtype[];
  /** Of all graphs together; a table that is stored twice counts twice. */
  readonly parameters: number;
  readonly bytes: number;
  readonly coverage: Coverage;
  /** In the order in which they feed each other. */
  readonly graphs: readonly InspectedGraph[];
}

export interface InspectedGraph {
  readonly part: string;
  readonly file: string;
  readonly producer: string;
  /** Version by domain; `ai.onnx` is the standard one. */
  readonly opsets: Readonly<Record<string, number>>;
  readonly nodes: number;
  readonly parameters: number;
  /** The graph and its external data, with their digests. */
  readonly files: readonly FileDigest[];
  readonly anatomy: Omit<Anatomy, 'cache' | 'logits'> & {
    readonly logits: string | null;
    readonly cache: number;
  };
  readonly inputs: readonly Port[];
  readonly outputs: readonly Port[];
  readonly hooks: readonly InspectedHook[];
  readonly coverage: Coverage;
}

/** How a hook is obtained: at which tensor, derived from what and how, or why not. */
export type InspectedHook = Pick<Hook, 'name' | 'dims'> & HookSource;

/** How many hooks there are of each kind. */
export interface Coverage {
  readonly hooks: number;
  readonly tap: number;
  readonly derived: number;
  readonly unavailable: number;
}

export async function inspectionOf({ folder, parts }: NodeParts, dtype: Dtype): Promise<Inspection> {
  const graphs = parts.map(inspectGraph);
  const sum = (count: (graph: InspectedGraph) => number): number =>
    graphs.reduce((total, graph) => total + count(graph), 0);
  return {
    format: 1,
    sonde: sondeVersion,
    model: folder.source.id,
    architecture: folder.config.architecture,
    dtype,
    dtypes: await dtypesOf(folder.source),
    parameters: sum(({ parameters }) => parameters),
    bytes: sum(({ files }) => files.reduce((total, file) => total + file.bytes, 0)),
    coverage: coverageOf(graphs.flatMap(({ hooks }) => hooks)),
    graphs,
  };
}

function inspectGraph({ part, model: { instrumented }, weights }: ModelPart): InspectedGraph {
  const { cache, logits = null, ...anatomy } = instrumented.anatomy;
  const read = readModel(weights.graph);
  const hooks = instrumented.hooks.map(
    ({ name, dims, source }): InspectedHook => ({ name, dims, ...source }),
  );
  return {
    part,
    file: weights.file,
    producer: read.producer,
    opsets: Object.fromEntries([...read.opsets].map(([domain, version]) => [domain || 'ai.onnx', version])),
    nodes: instrumented.raw().nodes.length,
    parameters: parameterCount(read.graph),
    files: weights.files,
    anatomy: { ...anatomy, logits, cache: cache.length },
    inputs: instrumented.inputs,
    outputs: instrumented.outputs,
    hooks,
    coverage: coverageOf(hooks),
  };
}

function coverageOf(hooks: readonly InspectedHook[]): Coverage {
  const count = (kind: HookSource['kind']): number => hooks.filter((hook) => hook.kind === kind).length;
  return {
    hooks: hooks.length,
    tap: count('tap'),
    derived: count('derived'),
    unavailable: count('unavailable'),
  };
}
