import { SondeError } from '../shared/errors.ts';
import type { Edit, Plan } from '../shared/plan.ts';
import { Append, writeValue } from './append.ts';
import type { Draft, Site } from './draft.ts';
import type { GraphIndex } from './graph.ts';
import type { EditedGraph, Port, TapOutput } from './instrumented.ts';
import { arrange, restore } from './layout.ts';
import type { Graph } from './onnx.ts';
import type { Shapes } from './shape.ts';
import { allWeights, type PlacedWeights, weightsOf } from './weights.ts';
import { Writer } from './wire.ts';
import { type GraphChange, writeModel } from './write.ts';

const invalidPlan = (what: string, remedy: string): SondeError =>
  new SondeError('invalid_plan', what, remedy);

/** One graph as published and what can be had from it. */
export interface Source {
  readonly file: string;
  readonly index: GraphIndex;
  readonly shapes: Shapes;
  /** The draft of an exact name. @throws SondeError `hook_unknown` | `hook_unavailable` */
  draft(name: string): Draft;
}

const onlyName = (name: string): Writer => new Writer().text(1, name);

/** An appended change at a site: the tensor's maker is renamed, so every reader takes the changed values. */
function applyEdit(
  append: Append,
  edit: Edit,
  site: Site,
  before: string,
  renamed: Map<string, string>,
): void {
  const { tensor } = site.placed;
  const aside = `${before}.${renamed.size}`;
  renamed.set(tensor, aside);
  const type = append.type(tensor);
  append.alias(aside, type);
  const value = arrange(append, { ...site.placed, tensor: aside }, site.order);
  const fed = append.cast(edit.input, type);
  const changed =
    edit.kind === 'replace'
      ? append.node('Expand', [fed, append.node('Shape', [value], {}, { type: 'int64' })])
      : append.node(edit.kind === 'add' ? 'Add' : 'Mul', [value, fed]);
  append.node('Identity', [restore(append, changed, aside, site.placed, site.order)], {}, { output: tensor });
}

function editSite(source: Source, edit: Edit): Site {
  const draft = source.draft(edit.hook);
  if (draft.site === undefined) {
    throw invalidPlan(
      `${edit.hook} is recomputed beside the model, so a change to it would change nothing.`,
      'Edit a hook whose source is a tap.',
    );
  }
  if (source.index.producer(draft.site.placed.tensor) === undefined) {
    throw invalidPlan(`${edit.hook} is an input of the graph.`, 'Feed the changed value as that input.');
  }
  return draft.site;
}

/** @throws SondeError `invalid_plan` | `hook_unknown` | `hook_unavailable` */
export function editGraph(source: Source, plan: Plan, as: 'inputs' | 'external'): EditedGraph {
  const { index, shapes } = source;
  const { model, graph } = index;
  const append = new Append(shapes, model.opsets.get('') ?? 1);
  const renamed = new Map<string, string>();
  const edits: Port[] = [];
  const taken = new Set([...graph.inputs.map((input) => input.name), ...graph.initializers.keys()]);
  for (const edit of plan.edits) {
    const site = editSite(source, edit);
    if (renamed.has(site.placed.tensor)) {
      throw invalidPlan(`Two edits change the tensor behind ${edit.hook}.`, 'Combine them into one edit.');
    }
    if (edit.input === '' || (taken.has(edit.input) && !edits.some((port) => port.name === edit.input))) {
      throw invalidPlan(
        `An edit's input cannot be named "${edit.input}".`,
        'Choose a name the model does not use.',
      );
    }
    if (!edits.some((port) => port.name === edit.input)) {
      edits.push({ name: edit.input, type: 'float', dims: source.draft(edit.hook).dims });
    }
    append.alias(edit.input, 'float');
    applyEdit(append, edit, site, 'sonde.before', renamed);
  }
  const taps: TapOutput[] = [];
  const outputs = new Set(graph.outputs.map((output) => output.name));
  const added: Writer[] = [];
  for (const hook of new Set(plan.taps)) {
    const output = tapOutput(append, source.draft(hook));
    taps.push({ hook, output });
    if (outputs.has(output)) continue;
    outputs.add(output);
    added.push(onlyName(output));
  }
  const placed = weightsOf(graph, source.file, as);
  const weights = allWeights(placed);
  const declared = new Set(graph.inputs.map((input) => input.name));
  const fed =
    as === 'inputs'
      ? weights
          .filter((weight) => !declared.has(weight.name))
          .map((weight) => writeValue(weight.name, weight.type, weight.dims))
      : [];
  const change: GraphChange = {
    ...unchanged(placed, as),
    renamed,
    nodes: append.nodes,
    initializers: append.initializers,
    inputs: [...fed, ...edits.map((port) => writeValue(port.name, 'float'))],
    outputs: added,
  };
  return { bytes: writeModel(model, change, append.imports(model.opsets)), weights, taps, edits };
}

/** The tensor that becomes the graph's output: the model's own where it is the value already. */
function tapOutput(append: Append, draft: Draft): string {
  const value = draft.recipe?.(append) ?? '';
  return append.type(value) === 'float' ? value : append.cast(value, 'float');
}

function unchanged(placed: PlacedWeights, as: 'inputs' | 'external'): GraphChange {
  const inner = new Map<Graph, GraphChange>();
  for (const [graph, weights] of placed.inner) inner.set(graph, unchanged(weights, as));
  return {
    weights: placed.own,
    weightsAs: as,
    renamed: new Map(),
    nodes: [],
    initializers: [],
    inputs: [],
    outputs: [],
    inner,
    gained: new Map(),
  };
}
