import type { Hook } from '../shared/hook.ts';
import type { Anatomy, CacheSlot } from './anatomy.ts';
import type { Attention } from './attention.ts';
import type { Draft } from './draft.ts';
import { editGraph } from './edit.ts';
import { GraphIndex } from './graph.ts';
import { hooksOf } from './hooks.ts';
import type { Instrumented, Port } from './instrumented.ts';
import type { ValueInfo } from './onnx.ts';
import { readModel } from './read.ts';
import { resolveHooks, unavailableHook, unknownHook } from './resolve.ts';
import { Shapes } from './shape.ts';
import { type Structure, understand } from './structure.ts';

export interface InstrumentOptions {
  /** Path of the file, as `externalData` will name it: `model.onnx`. */
  readonly file: string;
  /** Bytes of external data files by path; weights in them are referred to, never read. */
  readonly external?: ReadonlyMap<string, Uint8Array>;
  /** From config.json: used only where the graph leaves the number of heads open (a Reshape by run-time sizes). */
  readonly heads?: number;
}

/**
 * Reads a model and finds its transformer. Pure: no session is made and no weight is decoded.
 * @throws SondeError `model_invalid`
 */
export function instrument(model: Uint8Array, options: InstrumentOptions): Instrumented {
  const read = readModel(model);
  const index = new GraphIndex(read, read.graph);
  const shapes = new Shapes(index);
  const structure = understand(index, shapes, options.heads);
  const inputs = read.graph.inputs.filter((input) => !read.graph.initializers.has(input.name)).map(port);
  const outputs = read.graph.outputs.map(port);
  const logits = outputs.find((output) => output.name === 'logits')?.name ?? outputs[0]?.name;
  const isDecoder = structure?.attentions.some((attention) => attention.k.past !== undefined) ?? false;
  const prefix = /(^|\/)encoder_model/.test(options.file) ? 'encoder.' : '';
  const drafts = structure === undefined ? [] : hooksOf(index, shapes, structure, prefix, logits);
  const hooks: Hook[] = drafts.map(({ name, dims, source }) => ({ name, dims, source }));
  const byName = new Map(drafts.map((draft) => [draft.name, draft]));
  const tensors = [
    ...new Set(read.graph.nodes.flatMap((node) => node.outputs.filter((output) => output !== ''))),
  ];
  const tensorSet = new Set(tensors);
  const draft = (name: string): Draft => {
    const tensor = name.startsWith('raw:') ? name.slice(4) : undefined;
    if (tensor !== undefined && tensorSet.has(tensor)) {
      return { name, dims: shapes.dims(tensor) ?? [], source: { kind: 'tap', tensor }, recipe: () => tensor };
    }
    const found = byName.get(name);
    if (found === undefined)
      throw unknownHook(
        name,
        tensor === undefined ? [...byName.keys()] : tensors.map((each) => `raw:${each}`),
      );
    if (found.source.kind === 'unavailable') throw unavailableHook(found, hooks);
    return found;
  };
  return {
    anatomy: anatomyOf(structure, isDecoder, logits, inputs, outputs),
    inputs,
    outputs,
    hooks,
    resolve: (patterns) => resolveHooks(patterns, hooks, tensors),
    edit: (plan, weights) => editGraph({ file: options.file, index, shapes, draft }, plan, weights),
  };
}

const port = ({ name, type, dims }: ValueInfo): Port => ({ name, type, dims: dims ?? [] });

function anatomyOf(
  structure: Structure | undefined,
  isDecoder: boolean,
  logits: string | undefined,
  inputs: readonly Port[],
  outputs: readonly Port[],
): Anatomy {
  const first: Attention | undefined = structure?.attentions[0];
  const heads = first?.heads ?? 0;
  const dHead = first?.dHead ?? 0;
  return {
    kind: structure === undefined ? 'unknown' : isDecoder ? 'decoder' : 'encoder',
    layers: structure?.blocks.length ?? 0,
    heads,
    kvHeads: first?.kvHeads ?? 0,
    dModel: heads * dHead,
    dHead,
    norm: structure === undefined ? 'none' : structure.postNorm ? 'post' : 'pre',
    parallelBlocks: structure?.blocks.some((block) => block.parallel) ?? false,
    ...(logits === undefined ? {} : { logits }),
    cache: cacheSlots(inputs, outputs),
  };
}

/** past_key_values.0.key continues as present.0.key. */
function cacheSlots(inputs: readonly Port[], outputs: readonly Port[]): CacheSlot[] {
  const slots: CacheSlot[] = [];
  for (const { name, type, dims } of inputs) {
    const present = outputs.find((output) => output.name === name.replace('past_key_values', 'present'));
    if (name.startsWith('past') && present !== undefined && dims.length === 4) {
      slots.push({ past: name, present: present.name, type, dims });
    }
  }
  return slots;
}
