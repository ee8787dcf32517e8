"""ONNX files: export, q8, running them, and where the goldens are in their graphs."""
import collections
import contextlib
import io
import logging
import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort

warnings.filterwarnings('ignore')
logging.disable(logging.WARNING)
ATTENTION_OPS = 'Softmax', 'LayerNormalization', 'MatMulInteger', 'DynamicQuantizeLinear'


def export(model, tokenizer, task, target):
    """fp32 by optimum; for a decoder one file that takes and gives the key-value cache."""
    from optimum.exporters.onnx import onnx_export_from_model
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        onnx_export_from_model(model, Path(folder), task=task, preprocessors=[tokenizer], do_validation=False)
        graph = onnx.load(Path(folder, 'model.onnx'))
    for node in graph.graph.node:               # stack traces hold local paths
        node.ClearField('doc_string')
    onnx.save(graph, target)


def quantise(source, target):
    """Dynamic q8 as the conversion script of transformers.js makes it: MatMul by a constant gets int8 weights."""
    from onnxruntime.quantization import QuantType
    from onnxruntime.quantization.onnx_quantizer import ONNXQuantizer
    from onnxruntime.quantization.quant_utils import QuantizationMode
    from onnxruntime.quantization.registry import IntegerOpsRegistry
    quantizer = ONNXQuantizer(onnx.load(source), False, False, QuantizationMode.IntegerOps, False,
                              weight_qType=QuantType.QInt8, activation_qType=QuantType.QUInt8, tensors_range=None,
                              nodes_to_quantize=[], nodes_to_exclude=[], op_types_to_quantize=list(IntegerOpsRegistry),
                              extra_options={'EnableSubgraph': True, 'MatMulConstBOnly': True})
    quantizer.quantize_model()
    onnx.save(quantizer.model.model, target)


def session(path):
    options = ort.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 4, 1
    return ort.InferenceSession(path if isinstance(path, bytes) else str(path), options,
                                providers=['CPUExecutionProvider'])


def run(sess, ids, mask=None, past=None):
    """{output: value}; an empty past, positions and token types are filled in. ids [b, p], mask [b, past + p]."""
    past = past or {}
    done = next(iter(past.values())).shape[2] if past else 0
    mask = np.ones((len(ids), done + ids.shape[1]), np.int64) if mask is None else mask
    feeds = {}
    for i in sess.get_inputs():
        if i.name.startswith('past_key_values'):
            empty = [len(ids), i.shape[1], 0, i.shape[3]]                                 # [b, h, past, e]
            feeds[i.name] = past.get(i.name, np.zeros(empty, np.float32))
        else:
            feeds[i.name] = {'input_ids': ids, 'attention_mask': mask, 'token_type_ids': np.zeros_like(ids),
                             'position_ids': np.maximum(mask.cumsum(-1) - 1, 0)[:, -ids.shape[1]:]}[i.name]
    return dict(zip([o.name for o in sess.get_outputs()], sess.run(None, feeds)))


def past_of(out):
    return {k.replace('present', 'past_key_values'): v for k, v in out.items() if k.startswith('present')}


def greedy(sess, ids, steps):
    """Greedy decoding through the cache: (tokens, logits [steps, vocabulary])"""
    past, rows = None, []
    for _ in range(steps):
        out = run(sess, ids, past=past)
        rows.append(out['logits'][0, -1])
        past, ids = past_of(out), rows[-1].argmax()[None, None]
    return [int(r.argmax()) for r in rows], np.stack(rows)


def difference(got, want):
    return {'max_abs_diff': float(np.abs(got - want).max()),
            'relative_rms': float(np.sqrt(np.mean((got - want) ** 2) / np.mean(want ** 2)))}


def compare(path, cases, tensors, tokens):
    """Differences between a file and the goldens."""
    sess, result = session(path), {}
    for case, inputs in cases.items():
        out = run(sess, inputs['input_ids'].numpy(), inputs['attention_mask'].numpy())
        name = 'logits' if case == 'single' else case + '.logits'
        result[f'{case}.logits'] = difference(out['logits'], tensors[name].numpy())
    if tokens:
        got, rows = greedy(sess, cases['single']['input_ids'].numpy(), len(tokens))
        agree = next((i for i, (a, b) in enumerate(zip(got, tokens)) if a != b), len(tokens))
        upto = min(agree + 1, len(tokens))
        result['generate'] = {'same_tokens': agree, 'max_abs_diff': float(
            np.abs(rows[:upto] - tensors['generate.logits'].numpy()[:upto]).max())}
    return result


def describe(path):
    graph = onnx.load(path)
    ops = collections.Counter(('' if n.domain in ('', 'ai.onnx') else n.domain + ':') + n.op_type
                              for n in graph.graph.node)
    dtype = lambda v: onnx.TensorProto.DataType.Name(v.type.tensor_type.elem_type).lower()
    return {'bytes': path.stat().st_size, 'opset': {o.domain or 'ai.onnx': o.version for o in graph.opset_import},
            'attention_ops': {k: v for k, v in ops.items() if k in ATTENTION_OPS}, 'ops': dict(ops.most_common()),
            'inputs': {i.name: dtype(i) for i in graph.graph.input},
            'outputs': {o.name: dtype(o) for o in graph.graph.output}}


def locate(path, inputs, tensors):
    """Which tensors of an fp32 graph hold which golden, found by value: {golden: [tensor, ...]}."""
    model = onnx.load(path)
    softmax = [n.output[0] for n in model.graph.node if n.op_type == 'Softmax']
    named = {o.name for o in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=o) for n in model.graph.node if n.op_type != 'Constant'
                              for o in n.output if o and o not in named)
    out = run(session(model.SerializeToString()), inputs['input_ids'].numpy(), inputs['attention_mask'].numpy())
    lowest = np.finfo(np.float32).min           # masks are -inf in some graphs and the lowest float in others
    out = {k: np.maximum(v, lowest) for k, v in out.items() if v.dtype == np.float32 and v.size}
    result = {}
    for golden, want in tensors.items():
        if golden.startswith(('padded.', 'generate.')):
            continue
        forms = [want.numpy()] + ([want.numpy().transpose(0, 2, 1, 3)] if want.dim() == 4 else [])
        for name, got in out.items():           # heads may come first, or be folded into the last axis
            if any(got.size == f.size and got.shape[-1:] in (f.shape[-1:], (f.shape[-1] * f.shape[-2],))
                   and np.allclose(got.ravel(), f.ravel(), rtol=1e-3, atol=1e-3) for f in forms):
                result.setdefault(golden, []).append(name)
    wrong = set(softmax) - {n for g, names in result.items() if g.endswith('hook_pattern') for n in names}
    if wrong:
        raise AssertionError(f'no golden pattern for {sorted(wrong)}')
    return result
