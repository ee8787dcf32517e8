import type { Anatomy } from './anatomy.ts';
import { anatomyOf } from './describe.ts';
import type { Draft } from './draft.ts';
import { GraphIndex, subgraphs } from './graph.ts';
import { hooksOf, looseHooks } from './hooks.ts';
import { logitsOf } from './hooks-head.ts';
import { Norms } from './norm.ts';
import type { Graph, Model, Node } from './onnx.ts';
import { Shapes } from './shape.ts';
import { type Structure, type Structures, understand } from './structure.ts';
import { insideOf, onlyInOneBranch } from './tensors.ts';
import type { View } from './view.ts';

/** One graph of a model, understood. */
export interface Reading {
  readonly view: View;
  readonly anatomy: Anatomy;
  readonly drafts: readonly Draft[];
}

function viewOf(model: Model, graph: Graph, heads: number | undefined, outer?: View): View {
  const index = new GraphIndex(model, graph, outer?.index);
  const shapes = outer === undefined ? new Shapes(index) : outer.shapes.of(graph);
  return { index, shapes, shapesOf: (each) => shapes.of(each), norms: new Norms(index), heads };
}

/** What a stack reads, where a model has one for each kind of input: named by the input's type and rank. */
function tower({ index }: View, stack: Structure): string {
  const read = index.graph.inputs.filter((input) => index.dependsOn(stack.start, input.name));
  if (read.some((input) => input.type.startsWith('float') && input.dims?.length === 4)) return 'vision.';
  if (read.some((input) => input.type.startsWith('float'))) return 'audio.';
  return 'text.';
}

/** Encoder and decoder of one model are told apart by prefix; so are the towers of a model with two. */
function prefixes(view: View, { stacks }: Structures, file: string): string[] {
  const crosses = stacks.map((stack) => stack.blocks.some((block) => block.cross !== undefined));
  if (stacks.length === 1) {
    if (crosses[0] || /(^|\/)decoder_model/.test(file)) return ['decoder.'];
    return [/(^|\/)encoder_model/.test(file) ? 'encoder.' : ''];
  }
  if (crosses.some(Boolean)) return crosses.map((cross) => (cross ? 'decoder.' : 'encoder.'));
  const towers = stacks.map((stack) => tower(view, stack));
  const areDistinct = new Set(towers).size === towers.length;
  return areDistinct ? towers : stacks.map((_, at) => `stack${stacks.length - 1 - at}.`);
}

/** What the graph gives under its own names belongs to every stack behind it, and is listed once. */
const isFirstOfItsName = ({ name }: Draft, at: number, all: readonly Draft[]): boolean =>
  all.findIndex((each) => each.name === name) === at;

function readView(view: View, file: string): Reading | undefined {
  const structures = understand(view);
  const { stacks, loose } = structures;
  const [main] = stacks;
  if (main === undefined && loose.length === 0) return undefined;
  const prefix = prefixes(view, structures, file);
  // Stacks were found from the outputs backwards; hooks go forwards.
  const drafts = stacks
    .map((stack, at) => hooksOf(view, stack, prefix[at] ?? ''))
    .toReversed()
    .flat()
    .filter(isFirstOfItsName);
  const logits = main === undefined ? undefined : logitsOf(view, main);
  return {
    view,
    anatomy: anatomyOf(view, structures, logits),
    drafts: drafts.length > 0 ? drafts : looseHooks(view, loose),
  };
}

const unavailable = ({ name }: Draft, reason: string): Draft => ({
  name,
  dims: [],
  source: { kind: 'unavailable', reason },
});

/** A transformer in a graph that nothing gets out of: it is described, and none of its hooks can be had. */
function withheld(view: View, { anatomy, drafts }: Reading, reason: string): Reading {
  const { logits: _, ...rest } = anatomy;
  return { view, anatomy: rest, drafts: drafts.map((draft) => unavailable(draft, reason)) };
}

/** Then and else of an `If` as one: a hook is there if both branches have it. */
function mergeBranches(top: View, node: Node, [first, ...rest]: readonly [Reading, ...Reading[]]): Reading {
  const drafts = first.drafts.map((draft): Draft => {
    const all = new Map([[first.view.index.graph, draft]]);
    for (const reading of rest) {
      const same = reading.drafts.find((each) => each.name === draft.name);
      if (same === undefined) return unavailable(draft, onlyInOneBranch);
      all.set(reading.view.index.graph, same);
    }
    const lacking = [...all.values()].find((each) => each.source.kind === 'unavailable');
    if (lacking !== undefined) return lacking;
    const { name, dims, source } = draft;
    return { name, dims, source, branches: { node, drafts: all } };
  });
  const known = new Set(drafts.map((draft) => draft.name));
  for (const draft of rest.flatMap((reading) => reading.drafts))
    if (!known.has(draft.name)) drafts.push(unavailable(draft, onlyInOneBranch));
  const { logits, ...anatomy } = first.anatomy;
  const at = first.view.index.graph.outputs.findIndex((output) => output.name === logits);
  const outer = node.outputs[at];
  return { view: top, anatomy: { ...anatomy, ...(outer === undefined ? {} : { logits: outer }) }, drafts };
}

/** Reads the model's graph, or the graphs inside a node that hold the transformer (merged decoders). */
export function readGraphs(model: Model, file: string, heads: number | undefined): Reading {
  const view = viewOf(model, model.graph, heads);
  const whole = readView(view, file);
  if (whole !== undefined) return whole;
  let inside: Reading | undefined;
  for (const node of view.index.nodes) {
    const graphs = subgraphs(node);
    const readings = graphs.map((graph) => readView(viewOf(model, graph, heads, view), file));
    const [first, ...rest] = readings.filter((reading) => reading !== undefined);
    if (first === undefined) continue;
    const isMerged = node.op === 'If' && rest.length + 1 === graphs.length;
    if (isMerged) return mergeBranches(view, node, [first, ...rest]);
    inside ??= withheld(view, first, node.op === 'If' ? onlyInOneBranch : insideOf(node));
  }
  return inside ?? { view, anatomy: anatomyOf(view, { stacks: [], loose: [] }, undefined), drafts: [] };
}
