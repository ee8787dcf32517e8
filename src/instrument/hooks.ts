import type { Append } from './append.ts';
import type { Attention } from './attention.ts';
import { type Atom, type Axes, whole } from './axes.ts';
import type { Draft, Recipe } from './draft.ts';
import { embeddingsBehind } from './embed.ts';
import type { GraphIndex } from './graph.ts';
import { arrange, type Placed } from './layout.ts';
import { isPassing, linearBehind } from './linear.ts';
import { activationBehind } from './mlp.ts';
import { type Norm, normBehind } from './norm.ts';
import { normalized, normScale } from './norm-hooks.ts';
import type { Join } from './residual.ts';
import type { Shapes } from './shape.ts';
import { type Block, type Branch, normAfter, type Structure } from './structure.ts';

const model = ['batch', 'position', 'model'] as const;
const perHead = ['batch', 'position', 'head', 'size'] as const;
const perKeyHead = ['batch', 'key', 'head', 'size'] as const;
const square = ['batch', 'head', 'position', 'key'] as const;

const axisName: Readonly<Record<Atom['label'], string>> = {
  batch: 'batch',
  position: 'position',
  key: 'key',
  head: 'head',
  group: 'group',
  size: 'd_head',
  model: 'd_model',
  one: '1',
};

/** Gathers the hooks of one graph, in graph order. */
export class Hooks {
  readonly drafts: Draft[] = [];
  readonly #index: GraphIndex;
  readonly #shapes: Shapes;
  readonly #prefix: string;

  constructor(index: GraphIndex, shapes: Shapes, prefix: string) {
    this.#index = index;
    this.#shapes = shapes;
    this.#prefix = prefix;
  }

  unavailable(name: string, reason: string): void {
    this.drafts.push({ name: this.#prefix + name, dims: [], source: { kind: 'unavailable', reason } });
  }

  derived(
    name: string,
    dims: readonly (string | number)[],
    from: readonly string[],
    how: string,
    recipe: Recipe,
  ): void {
    this.drafts.push({ name: this.#prefix + name, dims, source: { kind: 'derived', from, how }, recipe });
  }

  tap(
    name: string,
    placed: Placed | undefined,
    order: readonly Atom['label'][],
    missing: string,
    last?: string,
  ): void {
    if (placed === undefined) {
      this.unavailable(name, missing);
      return;
    }
    const sizes = new Map(placed.axes.flat().map((atom) => [atom.label, atom.size]));
    const dims = order.map((label, axis) => {
      const size = sizes.get(label);
      if (typeof size === 'number' && label !== 'batch') return size;
      return last !== undefined && axis === order.length - 1 ? last : axisName[label];
    });
    this.drafts.push({
      name: this.#prefix + name,
      dims,
      source: { kind: 'tap', tensor: placed.tensor },
      recipe: (append) => arrange(append, placed, order),
      site: { placed, order },
    });
  }

  /** A [batch, position, width] tensor, or the three-dimensional form of a flattened one. */
  rows(tensor: string): Placed | undefined {
    let at = tensor;
    for (let steps = 0; steps < 4; steps++) {
      const axes = rowAxes(this.#shapes.dims(at));
      if (axes !== undefined) return { tensor: at, axes };
      const node = this.#index.producer(at);
      if (node === undefined || !isPassing(node) || node.op === 'Transpose') break;
      at = node.inputs[0] ?? '';
    }
    for (const node of this.#index.consumers(tensor)) {
      const out = node.outputs[0] ?? '';
      const axes = node.op === 'Reshape' ? rowAxes(this.#shapes.dims(out)) : undefined;
      if (axes !== undefined) return { tensor: out, axes };
    }
    return undefined;
  }

  row(name: string, tensor: string | undefined, missing: string, width?: string): void {
    this.tap(name, tensor === undefined ? undefined : this.rows(tensor), model, missing, width);
  }
}

function rowAxes(dims: readonly (string | number)[] | undefined): Axes | undefined {
  if (dims?.length !== 3) return undefined;
  const [batch = 1, position = 1, width = 1] = dims;
  return whole(
    { label: 'batch', size: batch },
    { label: 'position', size: typeof position === 'number' ? position : 'position' },
    { label: 'model', size: width },
  );
}

/** The stream after a join: its own tensor, or its operands added up again. */
function sumOf(join: Join): Recipe {
  const { sum, stream, branch, bias } = join;
  if (sum !== undefined) return (append) => append.wide(sum);
  return (append) => {
    const parts = append.node('Add', [append.wide(stream), append.wide(branch)]);
    return bias === undefined ? parts : append.node('Add', [parts, append.wide(bias)]);
  };
}

/** Every hook of the blocks. `name` is where they are: `blocks.0.` */
export function hooksOf(
  index: GraphIndex,
  shapes: Shapes,
  structure: Structure,
  prefix: string,
  logits: string | undefined,
): Draft[] {
  const hooks = new Hooks(index, shapes, prefix);
  embeddingHooks(hooks, index, shapes, structure);
  for (const [layer, block] of structure.blocks.entries())
    blockHooks(hooks, index, structure, block, `blocks.${layer}.`);
  if (structure.finalNorm !== undefined && !structure.postNorm)
    normHooks(hooks, 'ln_final', structure.finalNorm, []);
  if (logits !== undefined) headHooks(hooks, index, shapes, structure, logits);
  return hooks.drafts;
}

function embeddingHooks(hooks: Hooks, index: GraphIndex, shapes: Shapes, structure: Structure): void {
  const { token, position, isTheirSum } = embeddingsBehind(index, shapes, structure.start);
  const absent = 'no embedding table is read with the input ids';
  hooks.row('hook_embed', token, absent);
  if (position !== undefined && token !== undefined) positionHook(hooks, position, token);
  if (!isTheirSum)
    hooks.row('hook_full_embed', structure.start, 'the first tensor of the stream has no rank of three');
}

/** Position embeddings are [1, p, d] or [p, d] in many graphs; the hook has the batch of the token embeddings. */
function positionHook(hooks: Hooks, position: string, token: string): void {
  const placed = hooks.rows(position);
  if (placed !== undefined && placed.axes[0]?.[0]?.size !== 1) {
    hooks.row('hook_pos_embed', position, '');
    return;
  }
  hooks.derived(
    'hook_pos_embed',
    ['batch', 'position', 'd_model'],
    [position, token],
    'repeated over the batch',
    (append) => {
      const shape = append.node('Shape', [token], {}, { type: 'int64' });
      return append.node('Expand', [append.wide(position), shape]);
    },
  );
}

function blockHooks(hooks: Hooks, index: GraphIndex, structure: Structure, block: Block, at: string): void {
  const { attention, cross, mlp } = block;
  const flat = 'the tensor is flattened and its rows cannot be told apart';
  hooks.row(`${at}hook_resid_pre`, block.first.stream, flat);
  if (attention?.norm !== undefined) normHooks(hooks, `${at}ln1`, attention.norm, []);
  if (attention?.attention !== undefined) {
    attentionHooks(hooks, attention.attention, `${at}attn.`);
    branchHook(hooks, `${at}hook_attn_out`, attention);
  }
  if (!block.parallel && attention !== undefined && mlp !== undefined) {
    sumHook(hooks, `${at}hook_resid_mid`, attention.join);
    const mid = structure.postNorm ? postNormOf(index, attention.join) : undefined;
    if (mid !== undefined) normHooks(hooks, `${at}ln1`, mid, []);
  }
  if (cross?.attention !== undefined) {
    if (cross.norm !== undefined) normHooks(hooks, `${at}ln_cross`, cross.norm, []);
    attentionHooks(hooks, cross.attention, `${at}cross_attn.`);
    branchHook(hooks, `${at}hook_cross_attn_out`, cross);
    sumHook(hooks, `${at}hook_resid_mid_cross`, cross.join);
  }
  if (mlp !== undefined) mlpHooks(hooks, index, structure, mlp, at, flat);
  sumHook(hooks, `${at}hook_resid_post`, block.last);
  if (structure.postNorm) {
    const norm = postNormOf(index, block.last);
    if (norm !== undefined) {
      normHooks(hooks, `${at}ln2`, norm, []);
      hooks.row(`${at}hook_normalized_resid_post`, norm.output, flat);
    }
  }
}

const postNormOf = (index: GraphIndex, join: Join): Norm | undefined =>
  join.normed ?? (join.sum === undefined ? undefined : normAfter(index, join.sum));

function branchHook(hooks: Hooks, name: string, branch: Branch): void {
  const { bias } = branch.join;
  const { output } = branch;
  if (bias === undefined || output !== branch.join.branch) {
    hooks.row(name, output, 'the branch is flattened');
    return;
  }
  hooks.derived(
    name,
    ['batch', 'position', 'd_model'],
    [output, bias],
    'the bias is added inside the norm operator',
    (append) => append.node('Add', [append.wide(output), append.wide(bias)]),
  );
}

function sumHook(hooks: Hooks, name: string, join: Join): void {
  if (join.sum !== undefined) {
    hooks.row(name, join.sum, 'the sum is flattened');
    return;
  }
  const { stream, branch, bias } = join;
  const from = bias === undefined ? [stream, branch] : [stream, branch, bias];
  hooks.derived(
    name,
    ['batch', 'position', 'd_model'],
    from,
    'the sum that the norm operator keeps to itself',
    sumOf(join),
  );
}

function attentionHooks(hooks: Hooks, attention: Attention, at: string): void {
  const missing = 'no projection was recognised';
  hooks.tap(`${at}hook_q`, attention.q.projected, perHead, missing);
  hooks.tap(`${at}hook_k`, attention.k.projected, perKeyHead, missing);
  hooks.tap(`${at}hook_v`, attention.v.projected, perKeyHead, missing);
  if (attention.q.rotated !== undefined) hooks.tap(`${at}hook_rot_q`, attention.q.rotated, perHead, '');
  if (attention.k.rotated !== undefined) hooks.tap(`${at}hook_rot_k`, attention.k.rotated, perKeyHead, '');
  hooks.tap(`${at}hook_attn_scores`, attention.scores, square, 'the operator keeps its scores to itself');
  hooks.tap(`${at}hook_pattern`, attention.pattern, square, 'the operator keeps its weights to itself');
  hooks.tap(`${at}hook_z`, attention.z, perHead, 'the operator keeps its heads to itself');
}

function mlpHooks(
  hooks: Hooks,
  index: GraphIndex,
  structure: Structure,
  mlp: Branch,
  at: string,
  flat: string,
): void {
  const post = mlp.projection?.input;
  const activation = post === undefined ? undefined : activationBehind(index, post);
  const source = activation === undefined ? undefined : linearBehind(index, activation.pre)?.input;
  const norm = structure.postNorm || source === undefined ? undefined : normBehindRows(index, source);
  if (norm !== undefined) normHooks(hooks, `${at}ln2`, norm, []);
  if (activation === undefined) hooks.unavailable(`${at}mlp.hook_pre`, 'no activation was recognised');
  else if (activation.bias !== undefined) {
    const { pre, bias } = activation;
    hooks.derived(
      `${at}mlp.hook_pre`,
      ['batch', 'position', 'd_mlp'],
      [pre, bias],
      'the bias is added inside the activation',
      (append) => append.node('Add', [append.wide(pre), append.wide(bias)]),
    );
  } else hooks.row(`${at}mlp.hook_pre`, activation.pre, flat, 'd_mlp');
  if (activation?.linear !== undefined)
    hooks.row(`${at}mlp.hook_pre_linear`, activation.linear, flat, 'd_mlp');
  hooks.row(`${at}mlp.hook_post`, post, 'the branch does not end in one projection', 'd_mlp');
  branchHook(hooks, `${at}hook_mlp_out`, mlp);
}

function normBehindRows(index: GraphIndex, tensor: string): Norm | undefined {
  let at = tensor;
  for (let node = index.producer(at); node !== undefined && isPassing(node); node = index.producer(at))
    at = node.inputs[0] ?? '';
  return normBehind(index, at);
}

function normHooks(hooks: Hooks, at: string, norm: Norm, missing: readonly string[]): void {
  const source = normInput(norm);
  const from = norm.skip === undefined ? [norm.input, ...missing] : [...norm.skip.operands];
  hooks.derived(
    `${at}.hook_scale`,
    ['batch', 'position', 1],
    from,
    'root of the mean square of what the norm reads',
    (append) => normScale(append, norm, source(append)),
  );
  hooks.derived(
    `${at}.hook_normalized`,
    ['batch', 'position', 'd_model'],
    from,
    'the norm before its gain and bias',
    (append) => normalized(append, norm, source(append)),
  );
}

const normInput =
  (norm: Norm): ((append: Append) => string) =>
  (append) => {
    if (norm.input !== '') return append.wide(norm.input);
    const [a = '', b = ''] = norm.skip?.operands ?? [];
    const sum = append.node('Add', [append.wide(a), append.wide(b)]);
    const bias = norm.skip?.bias;
    return bias === undefined ? sum : append.node('Add', [sum, append.wide(bias)]);
  };

function headHooks(
  hooks: Hooks,
  index: GraphIndex,
  shapes: Shapes,
  structure: Structure,
  logits: string,
): void {
  const head = linearBehind(index, logits);
  const dims = shapes.dims(logits) ?? [];
  const axes = dims.map((_, axis): string =>
    axis === 0 ? 'batch' : axis === dims.length - 1 ? 'vocabulary' : 'position',
  );
  const names = axes.map((name, axis) =>
    typeof dims[axis] === 'number' && axis > 0 ? (dims[axis] ?? name) : name,
  );
  if (head === undefined) {
    if (logits === structure.end || !index.isConstant(logits))
      plain(hooks, 'last_hidden_state', logits, names);
    return;
  }
  const entering = shapes.dims(head.input);
  plain(
    hooks,
    'unembed.hook_in',
    head.input,
    entering?.map((size, axis) => (axis === 0 ? 'batch' : typeof size === 'number' ? size : 'position')) ??
      [],
  );
  plain(hooks, 'unembed.hook_out', logits, names);
  plain(hooks, 'logits', logits, names);
}

/** A tensor of the graph as it is. */
function plain(hooks: Hooks, name: string, tensor: string, dims: readonly (string | number)[]): void {
  hooks.drafts.push({ name, dims, source: { kind: 'tap', tensor }, recipe: () => tensor });
}
