import { SondeError } from '../shared/errors.ts';
import type { Edit } from '../shared/plan.ts';
import type { FloatTensor } from '../shared/tensor.ts';
import { Append, writeValue } from './append.ts';
import type { Draft, Site } from './draft.ts';
import type { EditedGraph, GraphPlan, Port, TapOutput, WeightsAs } from './instrumented.ts';
import { arrange, restore } from './layout.ts';
import type { Graph, Node } from './onnx.ts';
import type { View } from './view.ts';
import { allWeights, type PlacedWeights, weightsOf } from './weights.ts';
import { Writer } from './wire.ts';
import { type GraphChange, writeConstant, writeExternal, writeModel } from './write.ts';

/** A model as published and what can be had from it. */
export interface Source {
  readonly file: string;
  readonly view: View;
  /** The draft of an exact name. @throws SondeError `hook_unknown` | `hook_unavailable` */
  draft(name: string): Draft;
}

const invalidPlan = (what: string, remedy: string): SondeError =>
  new SondeError('invalid_plan', what, remedy);

const onlyName = (name: string): Writer => new Writer().text(1, name);

/** What happens to one graph of the model while a plan is carried out. */
interface Draftboard {
  readonly append: Append;
  readonly renamed: Map<string, string>;
  /** Nodes of edits, behind the node whose result they change: a graph inside a node must stay sorted. */
  readonly behind: Map<Node, Append>;
  readonly outputs: Writer[];
}

/** Carries out one plan. The branches of an `If` are graphs of their own; what is tapped there leaves through it. */
class Editing {
  readonly #source: Source;
  readonly #isOnCpu: boolean;
  /** Taps come out under the names of their hooks. */
  readonly #isNamed: boolean;
  readonly #boards = new Map<Graph, Draftboard>();
  readonly #gained = new Map<Node, string[]>();
  readonly #outputs: Set<string>;
  /** Tensors that make up for a change elsewhere, by the hook that was changed. */
  readonly #makeshift = new Map<string, string>();
  #edited = 0;
  readonly edits: Port[] = [];
  readonly taps: TapOutput[] = [];

  constructor(source: Source, as: WeightsAs) {
    this.#source = source;
    this.#isOnCpu = as !== 'inputs';
    this.#isNamed = as === 'published';
    this.#outputs = new Set(source.view.index.graph.outputs.map((output) => output.name));
  }

  #board(graph: Graph): Draftboard {
    const known = this.#boards.get(graph);
    if (known !== undefined) return known;
    const isTop = graph === this.#source.view.index.graph;
    const append = this.#append(graph, isTop ? 'sonde.' : `sonde.branch${this.#boards.size}.`);
    const board: Draftboard = { append, renamed: new Map(), behind: new Map(), outputs: [] };
    this.#boards.set(graph, board);
    return board;
  }

  #append(graph: Graph, prefix: string): Append {
    const { view } = this.#source;
    const opset = view.index.model.opsets.get('') ?? 1;
    return new Append(view.shapesOf(graph), opset, this.#isOnCpu, prefix);
  }

  /** The same hook of several layers, as one output. */
  gather(hooks: readonly string[]): void {
    const { graph } = this.#source.view.index;
    const values = hooks.map((hook) => this.#value(graph, this.#tapped(hook)));
    const output = this.#board(graph).append.node('Concat', values, { axis: 0 });
    this.taps.push(...hooks.map((hook, part) => ({ hook, output, part })));
    this.#leave(graph, output);
  }

  tap(hook: string): void {
    const draft = this.#tapped(hook);
    const { graph } = this.#source.view.index;
    const value =
      draft.branches === undefined ? this.#value(graph, draft) : this.#throughIf(hook, draft.branches);
    const output = this.#isNamed ? this.#named(hook, value) : value;
    this.taps.push({ hook, output });
    this.#leave(graph, output);
  }

  /** @throws SondeError `invalid_plan` where an edit left nothing to see */
  #tapped(hook: string): Draft {
    const draft = this.#source.draft(hook);
    const changed = draft.source.kind === 'tap' ? this.#makeshift.get(draft.source.tensor) : undefined;
    if (changed !== undefined) {
      const what = `Behind ${hook} the graph makes up for the change to ${changed}.`;
      throw invalidPlan(what, 'Tap it in a plan without that edit.');
    }
    return draft;
  }

  #leave(graph: Graph, output: string): void {
    if (this.#outputs.has(output)) return;
    this.#outputs.add(output);
    this.#board(graph).outputs.push(onlyName(output));
  }

  /** The hook's value in float32: the graph's own tensor where it is that already. */
  #value(graph: Graph, draft: Draft): string {
    const { append } = this.#board(graph);
    return append.wide(draft.recipe?.(append) ?? '');
  }

  #named(hook: string, value: string): string {
    const { append } = this.#board(this.#source.view.index.graph);
    return value === hook ? value : append.node('Identity', [value], {}, { output: hook });
  }

  #throughIf(hook: string, { node, drafts }: NonNullable<Draft['branches']>): string {
    const outer = `sonde.${hook}`;
    for (const [graph, draft] of drafts) {
      const { append, outputs } = this.#board(graph);
      // A node of the branch itself must make what leaves it, even if the value is older.
      const inner = append.node('Identity', [this.#value(graph, draft)], {}, { output: append.fresh('tap') });
      outputs.push(onlyName(inner));
    }
    const gained = this.#gained.get(node);
    if (gained) gained.push(outer);
    else this.#gained.set(node, [outer]);
    return outer;
  }

  edit(edit: Edit): void {
    const draft = this.#source.draft(edit.hook);
    const { graph } = this.#source.view.index;
    if (!this.edits.some((port) => port.name === edit.input)) {
      this.edits.push({ name: edit.input, type: 'float', dims: draft.dims });
    }
    const drafts = draft.branches?.drafts ?? new Map([[graph, draft]]);
    for (const [each, inner] of drafts) this.#applyEdit(each, edit, siteOf(edit, inner));
  }

  /** The tensor's maker is renamed, so everything that reads the tensor reads the changed values. */
  #applyEdit(graph: Graph, edit: Edit, { placed, order, within }: Site): void {
    const { renamed, behind } = this.#board(graph);
    const { tensor } = placed;
    const maker = graph.nodes.find((node) => node.outputs.includes(tensor));
    if (maker === undefined) {
      throw invalidPlan(`${edit.hook} is an input of the graph.`, 'Feed the changed value as that input.');
    }
    if (renamed.has(tensor)) {
      throw invalidPlan(`Two edits change the tensor behind ${edit.hook}.`, 'Combine them into one edit.');
    }
    const aside = `sonde.before.${tensor}`;
    renamed.set(tensor, aside);
    if (within?.isMakeshift) this.#makeshift.set(tensor, edit.hook);
    const append = behind.get(maker) ?? this.#append(graph, `sonde.edit${this.#edited}.`);
    behind.set(maker, append);
    this.#edited++;
    const type = append.type(tensor);
    append.alias(aside, type);
    append.alias(edit.input, 'float');
    const value = within?.value(append, aside) ?? arrange(append, { ...placed, tensor: aside }, order);
    const fed = append.cast(edit.input, append.type(value));
    const changed =
      edit.kind === 'replace'
        ? append.node('Expand', [fed, append.node('Shape', [value], {}, { type: 'int64' })])
        : append.node(edit.kind === 'add' ? 'Add' : 'Mul', [value, fed]);
    const finished = append.cast(within?.finish(append, changed) ?? changed, type);
    append.node('Identity', [restore(append, finished, aside, placed, order)], {}, { output: tensor });
  }

  /** What the plan came to, written into the graphs that it touches. */
  change(placed: PlacedWeights, as: WeightsAs, graph: Graph): GraphChange {
    const board = this.#boards.get(graph);
    const inner = new Map<Graph, GraphChange>();
    // The weights of inner graphs leave them, whichever way they come back outside.
    for (const [each, weights] of placed.inner)
      inner.set(each, this.change(weights, as === 'published' ? as : 'inputs', each));
    return {
      weights: placed.own,
      weightsAs: as,
      renamed: board?.renamed ?? new Map(),
      nodes: board?.append.nodes ?? [],
      behind: new Map([...(board?.behind ?? [])].map(([node, append]) => [node, append.nodes])),
      initializers: appends(board).flatMap((append) => append.initializers),
      inputs: [],
      outputs: board?.outputs ?? [],
      inner,
      gained: this.#gained,
    };
  }

  get domains(): readonly string[] {
    const present = this.#source.view.index.model.opsets;
    return [
      ...new Set([...this.#boards.values()].flatMap(appends).flatMap((append) => append.imports(present))),
    ];
  }
}

const appends = (board: Draftboard | undefined): readonly Append[] =>
  board === undefined ? [] : [...board.behind.values(), board.append];

function siteOf(edit: Edit, draft: Draft): Site {
  if (draft.site !== undefined) return draft.site;
  throw invalidPlan(
    `${edit.hook} is recomputed beside the model, so a change to it would change nothing.`,
    'Edit a hook whose source is a tap.',
  );
}

/** Which hooks leave together. Those of a branch leave through its `If`, each alone. */
function outputsOf(source: Source, { taps, isGathered }: GraphPlan): readonly (readonly string[])[] {
  const hooks = [...new Set(taps)];
  if (isGathered === undefined) return hooks.map((hook) => [hook]);
  const groups = new Map<string, string[]>();
  for (const hook of hooks) {
    const { dims, branches } = source.draft(hook);
    const isAlone = branches !== undefined || dims[0] !== 'batch';
    const key = isAlone ? hook : `${hook.replace(/\d+/, '*')} ${dims.join()}`;
    groups.set(key, [...(groups.get(key) ?? []), hook]);
  }
  return [...groups.values()];
}

/** @throws SondeError `invalid_plan` | `hook_unknown` | `hook_unavailable` */
export function editGraph(
  source: Source,
  plan: GraphPlan,
  as: WeightsAs,
  constants: ReadonlyMap<string, FloatTensor> = new Map(),
): EditedGraph {
  const { model, graph } = source.view.index;
  const taken = new Set([...graph.inputs.map((input) => input.name), ...graph.initializers.keys()]);
  const editing = new Editing(source, as);
  for (const edit of plan.edits) {
    if (edit.input === '' || taken.has(edit.input)) {
      throw invalidPlan(
        `An edit's input cannot be named "${edit.input}".`,
        'Choose a name the model does not use.',
      );
    }
    editing.edit(edit);
  }
  for (const hooks of outputsOf(source, plan)) {
    const [first = '', second] = hooks;
    if (second === undefined) editing.tap(first);
    else editing.gather(hooks);
  }
  const placed = weightsOf(model, graph, source.file, as);
  const weights = allWeights(placed);
  const declared = new Set(graph.inputs.map((input) => input.name));
  const fed = as === 'inputs' ? weights.filter((weight) => !declared.has(weight.name)) : [];
  const own = editing.change(placed, as, graph);
  const lifted = as === 'external' ? weights.filter(({ name }) => !placed.own.has(name)) : [];
  const unused = [...constants.keys()].find((name) => !editing.edits.some((port) => port.name === name));
  if (unused !== undefined)
    throw invalidPlan(`No edit reads the constant "${unused}".`, 'Name it as the input of an edit.');
  const asked = editing.edits.filter((port) => !constants.has(port.name));
  const change: GraphChange = {
    ...own,
    initializers: [
      ...own.initializers,
      ...lifted.map(writeExternal),
      ...[...constants].map(([name, tensor]) => writeConstant(name, tensor)),
    ],
    inputs: [
      ...fed.map((weight) => writeValue(weight.name, weight.type, weight.dims)),
      ...asked.map((port) => writeValue(port.name, port.type)),
    ],
  };
  return {
    bytes: writeModel(model, change, editing.domains),
    weights,
    taps: editing.taps,
    edits: asked,
  };
}
