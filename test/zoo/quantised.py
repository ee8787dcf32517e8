"""Goldens of the quantised files as they are: python quantised.py [folder ...]

Writes golden.{q8,q4,q4f16}.safetensors beside golden.safetensors: what onnxruntime's CPU provider computes in the
same file, unfused, with every node output exposed. Needs numpy, onnx, onnxruntime and safetensors, but no PyTorch.

Which tensor is which hook is found by value and never asked of Sonde: over the golden inputs, the tensors of the fp32
file that equal a golden; in the quantised file the tensors of those names, or where a name is gone, the nearest one.
A hook in no tensor is recomputed in float64 by a formula that gives the fp32 golden from the other fp32 goldens.
"""
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from safetensors.numpy import load_file, save_file

from recompute import recompute
from running import all_nodes, greedy, run, session

SUFFIX = {'q8': '_quantized', 'q4': '_q4', 'q4f16': '_q4f16'}
PARTS = ('model',), ('encoder_model', 'decoder_model_merged'), ('encoder_model', 'decoder_model')
LOWEST = np.finfo(np.float32).min   # masks are -inf in some graphs and the lowest float in others
# The quantised goldens are of a short text, so that the zoo stays small; hooks are found over the whole one.
TOKENS, GENERATED, LOGIT_ROWS = 6, 16, 2
# Largest accepted rms(difference) / rms(fp32 golden): a hook found in the wrong tensor is near 1.4.
NEAR = {'q8': 0.5, 'q4': 0.7, 'q4f16': 0.7}


# Graphs ---------------------------------------------------------------------------------------------------------------

def inlined(model):
    """A merged decoder as its branch without past: a tensor of a branch cannot be made an output."""
    choice = [n for n in model.graph.node if n.op_type == 'If']
    if len(choice) != 1 or choice[0].input[0] != 'use_cache_branch':
        return model
    branch = next(a.g for a in choice[0].attribute if a.name == 'else_branch')
    names = {inner.name: outer for inner, outer in zip(branch.output, choice[0].output)}
    for node in branch.node:
        for side in (node.input, node.output):
            side[:] = [names.get(name, name) for name in side]
    model.graph.node.remove(choice[0])
    model.graph.node.extend(branch.node)
    model.graph.initializer.extend(branch.initializer)
    del model.graph.input[[i.name for i in model.graph.input].index('use_cache_branch')]
    return model


def loaded(path):
    """accuracy_level 4 allows a CPU to round the other factor of a 4-bit product to 8 bits; the kernels of
    onnxruntime-web never do, and neither may a golden."""
    model = onnx.load(path)
    for node in all_nodes(model.graph):
        if node.op_type == 'MatMulNBits':
            kept = [a for a in node.attribute if a.name != 'accuracy_level']
            del node.attribute[:]
            node.attribute.extend(kept)
    return model


def exposed(path):
    """A session that gives every node output, in the order of the nodes, each computed as the file says it."""
    model = inlined(loaded(path))
    outputs = [o for n in model.graph.node if n.op_type != 'Constant' for o in n.output if o]
    own = {o.name for o in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=o) for o in outputs if o not in own)
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    made = ort.InferenceSession(model.SerializeToString(), options, providers=['CPUExecutionProvider'])
    return made, outputs, model


def tensors_of(path, feeds):
    """Every float tensor of one run, in the order of the nodes, and the constants of the graph."""
    sess, order, model = exposed(path)
    out = run(sess, feeds)
    exact(model, out)
    floats = {k: np.maximum(out[k].astype(np.float32), LOWEST) for k in order
              if out[k].dtype in (np.float32, np.float16) and out[k].size}
    return floats, [onnx.numpy_helper.to_array(i) for i in model.graph.initializer]


def exact(model, out):
    """8-bit products of some CPUs saturate in 16 bits; a golden must not."""
    weights = {i.name: onnx.numpy_helper.to_array(i) for i in model.graph.initializer}
    for n in all_nodes(model.graph):
        if n.op_type == 'MatMulInteger' and n.input[1] in weights:
            x, w = out[n.input[0]].astype(np.int64), weights[n.input[1]].astype(np.int64)
            zeros = [out[i] if i in out else weights.get(i, 0) for i in n.input[2:]] + [0, 0]
            if not np.array_equal((x - zeros[0]) @ (w - zeros[1]), out[n.output[0]]):
                raise AssertionError(f'{n.name} is not exact on this CPU')


# Hooks ----------------------------------------------------------------------------------------------------------------

def forms(x, shape):
    """The ways in which a tensor may hold a golden of this shape: (name, the tensor laid out)."""
    if x.shape == shape:
        yield 'same', x
    elif len(shape) == 4 and x.shape == (shape[0], shape[2], shape[1], shape[3]):
        yield 'heads first', lay_out('heads first', x, shape)
    elif len(shape) == 4 and x.shape == (shape[0] * shape[2], shape[1], shape[3]):
        yield 'heads in batch', lay_out('heads in batch', x, shape)
    elif x.size == np.prod(shape) and x.shape[-1] in (shape[-1], int(np.prod(shape[2:]))):
        yield 'folded', lay_out('folded', x, shape)


def lay_out(form, x, shape):
    """`shape` is that of the whole golden: its axis of positions may be longer than that of x."""
    if form == 'heads first':
        return x.transpose(0, 2, 1, 3)
    if form == 'heads in batch':
        return x.reshape(shape[0], shape[2], -1, shape[3]).transpose(0, 2, 1, 3)
    if form == 'folded':
        # [b * h, q, k], or anything whose only free axis is that of positions.
        free = x.shape[1:] if x.ndim == 3 and x.shape[0] == shape[0] * shape[1] else shape[2:]
        return x.reshape(shape[0], -1, *free)
    if isinstance(form, tuple):   # a slice of a packed projection
        start, width = form
        return x[..., start:start + width].reshape(shape[0], -1, *shape[2:])
    return x


def locate(golden, tensors):
    """[(tensor, form)] of the tensors that hold a golden, in the order of the nodes."""
    found = [(name, form) for name, x in tensors.items() for form, y in forms(x, golden.shape)
             if np.allclose(y, golden, rtol=1e-3, atol=1e-3)]
    if found or golden.ndim != 4:
        return found
    width = golden.shape[-1] * golden.shape[-2]
    flat = golden.reshape(-1, width)
    for name, x in tensors.items():
        if x.shape[-1] <= width or x.size // x.shape[-1] != len(flat):
            continue
        x = x.reshape(len(flat), -1)
        found += [(name, (at, width)) for at in range(0, x.shape[-1] - width + 1, golden.shape[-1])
                  if np.allclose(x[:, at:at + width], flat, rtol=1e-3, atol=1e-3)]
    return found


def distance(x, golden):
    """rms(difference) / rms(golden) where neither is masked."""
    seen = (x > -1e4) & (golden > -1e4)
    return float(np.sqrt(np.mean((x - golden)[seen] ** 2) / np.mean(golden[seen] ** 2)))


def follow(hook, golden, places, tensors, near):
    """The (tensor, form, distance) of a quantised file for a hook whose places in the fp32 file are known."""
    there = [(distance(lay_out(form, tensors[name], golden.shape), golden), name, form)
             for name, form in places if name in tensors]
    if there:
        # They are one value in the fp32 file, so they must be one here; the last is what goes on.
        first, last = (lay_out(form, tensors[name], golden.shape) for _, name, form in (there[0], there[-1]))
        if distance(first, last) > 1e-3:
            raise AssertionError(f'{hook}: {there[0][1]} and {there[-1][1]} were one value in the fp32 file')
        found = there[-1]
    else:
        close = sorted((distance(y, golden), name, form) for name, x in tensors.items()
                       for form, y in forms(x, golden.shape))
        # Another tensor must not be nearly as close, unless it is the same value.
        rival = next((c for c in close[1:] if c[0] - close[0][0] > 1e-3), (np.inf,)) if close else (0,)
        if not close or rival[0] < 3 * close[0][0]:
            return None
        found = close[0]
    if not found[0] <= near:
        raise AssertionError(f'{hook}: {found[1]} is {found[0]:.2f} away from the fp32 golden')
    return found


# One folder -----------------------------------------------------------------------------------------------------------

def feeds_of(text, goldens):
    feeds = {k: np.array(v) for k, v in text.items() if isinstance(v, list) and k != 'text'}
    feeds.update({k: goldens[k] for k in ('pixel_values', 'input_features') if k in goldens})
    return feeds


def shortened(feeds):
    return {k: v[:, :TOKENS] if v.ndim == 2 else v for k, v in feeds.items()}


def run_parts(paths, feeds):
    """Tensors of each file; the encoder's states feed the decoder. [(tensors, constants)]"""
    if len(paths) == 1:
        return [tensors_of(paths[0], feeds)]
    encoder = tensors_of(paths[0], {k: v for k, v in feeds.items() if not k.startswith('decoder_')})
    return [encoder, tensors_of(paths[1], decoder_feeds(feeds, encoder[0]['last_hidden_state']))]


def decoder_feeds(feeds, states):
    fed = {'input_ids': feeds['decoder_input_ids'], 'encoder_hidden_states': states}
    if 'attention_mask' in feeds:
        fed['encoder_attention_mask'] = feeds['attention_mask']
    return fed


def quantised(folder, dtype, names):
    near = NEAR[dtype]
    about = json.loads((folder / 'golden.json').read_text())
    everything = load_file(folder / 'golden.safetensors')
    feeds = feeds_of(about['inputs']['single'], everything)
    goldens = {k: v for k, v in everything.items() if not k.startswith(('padded.', 'generate.')) and k not in feeds}
    files = [folder / 'onnx' / f'{n}{SUFFIX[dtype]}.onnx' for n in names]
    plain = run_parts([folder / 'onnx' / f'{n}.onnx' for n in names], feeds)
    whole, short = run_parts(files, feeds), run_parts(files, shortened(feeds))

    values, found = {}, {}
    for hook, golden in goldens.items():
        for (fp32, _), (full, _), (few, _) in zip(plain, whole, short):
            places = locate(golden, fp32)
            if places and (found_here := follow(hook, golden, places, full, near)):
                found[hook] = found_here
                values[hook] = lay_out(found_here[2], few[found_here[1]], golden.shape)
                break
    constants, own = ([c for _, each in parts for c in each] for parts in (plain, whole))
    derived = recompute(goldens, values, constants, own)
    lacking = sorted(set(goldens) - set(values))
    if lacking:
        raise AssertionError(f'neither found nor recomputed: {lacking}')

    tensors = {k: np.ascontiguousarray(values[k], np.float32) for k in goldens}
    tensors.update({k: v for k, v in feeds.items() if v.ndim > 2})
    short_feeds = shortened(feeds)
    inputs = {k: v.tolist() if v.ndim == 2 else f'tensor {k}' for k, v in short_feeds.items()}
    text = {'inputs': {'single': inputs}, 'onnxruntime': ort.__version__, 'derived': derived,
            'found': {k: f'{v[1]} ({v[2]})' for k, v in found.items()}}
    last = session(loaded(files[-1]).SerializeToString())
    if 'generate' in about and any(i.name.startswith('past_') for i in last.get_inputs()):
        if len(files) == 1:
            tokens, rows = greedy(last, short_feeds['input_ids'], GENERATED)
        else:
            states = run(session(files[0]), short_feeds)['last_hidden_state']
            extra = {k: v for k, v in decoder_feeds(short_feeds, states).items() if k != 'input_ids'}
            tokens, rows = greedy(last, short_feeds['decoder_input_ids'][:, :1], GENERATED, extra)
        top = np.sort(rows, -1)
        text['generate'] = {'tokens': tokens, 'least margin': float((top[:, -1] - top[:, -2]).min())}
        tensors['generate.logits'] = rows[:LOGIT_ROWS]
    target = folder / f'golden.{dtype}.safetensors'
    save_file(tensors, target, {'golden': json.dumps(text)})   # one entry: the order of several is random
    target.chmod(0o644)
    print(f'{target}: {len(goldens)} hooks, {len(derived)} recomputed, {target.stat().st_size} bytes, at most '
          f'{max(v[0] for v in found.values()):.2f} from fp32, {text.get("generate", "")}')


def build(folder):
    """Every quantised file of a folder; true if each has its goldens now."""
    good = True
    for dtype, suffix in SUFFIX.items():
        for names in PARTS:
            if not all((folder / 'onnx' / f'{n}{suffix}.onnx').exists() for n in names):
                continue
            try:
                quantised(folder, dtype, names)
            except Exception as e:
                print(f'{folder}: no golden.{dtype}.safetensors: {type(e).__name__}: {e}')
                good = False
            break
    return good


if __name__ == '__main__':
    folders = map(Path, sys.argv[1:]) if sys.argv[1:] else sorted(Path(__file__).parent.iterdir())
    sys.exit(not all([build(each) for each in folders if (each / 'golden.json').exists()]))
