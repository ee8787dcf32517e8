"""Running ONNX files on onnxruntime's CPU provider."""
import numpy as np
import onnxruntime as ort

def session(path):
    options = ort.SessionOptions()
    options.log_severity_level = 4
    path = path if isinstance(path, bytes) else str(path)
    return ort.InferenceSession(path, options, providers=['CPUExecutionProvider'])


NUMPY = {'tensor(float)': np.float32, 'tensor(float16)': np.float16, 'tensor(int64)': np.int64,
         'tensor(int32)': np.int32, 'tensor(bool)': np.bool_}


def run(sess, feeds, past=None):
    """Run with what the model asks for: empty past, position ids and the cache switch are filled in."""
    full, past = {}, past or {}
    ids = feeds.get('input_ids', feeds.get('decoder_input_ids'))
    batch = len(next(iter(feeds.values())))
    for i in sess.get_inputs():
        kind = NUMPY[i.type]
        if i.name in past:
            full[i.name] = past[i.name]
        elif i.name.startswith('past_key_values'):
            shape = [d if isinstance(d, int) else batch if 'batch' in d else 0 for d in i.shape]
            full[i.name] = np.zeros(shape, kind)
        elif i.name == 'use_cache_branch':
            full[i.name] = np.array([bool(past)])
        elif i.name == 'position_ids':
            mask = feeds['attention_mask']
            full[i.name] = np.maximum(mask.cumsum(-1) - 1, 0)[:, -ids.shape[1]:].astype(kind)
        elif i.name == 'token_type_ids':
            full[i.name] = np.zeros_like(ids)
        elif i.name == 'num_logits_to_keep':
            full[i.name] = np.array(0, kind)
        else:
            full[i.name] = np.asarray(feeds[i.name]).astype(kind)
    return dict(zip([o.name for o in sess.get_outputs()], sess.run(None, full)))


def greedy(sess, ids, steps, extra=None):
    """Greedy decoding with the KV cache; one row of logits per step."""
    feeds, past, rows, tokens, length = dict(extra or {}), None, [], [], ids.shape[1]
    for _ in range(steps):
        feeds['input_ids'] = ids
        if not extra:
            feeds['attention_mask'] = np.ones((1, length), np.int64)
        out = run(sess, feeds, past)
        rows.append(out['logits'][0, -1].astype(np.float32))
        tokens.append(int(rows[-1].argmax()))
        new = {k.replace('present', 'past_key_values'): v for k, v in out.items() if k.startswith('present')}
        # a merged decoder returns empty encoder keys after the first step: keep the first ones
        past = {k: past[k] if past and '.encoder.' in k else v for k, v in new.items()}
        ids, length = np.array([[tokens[-1]]]), length + 1
    return tokens, np.stack(rows)


def all_nodes(graph):
    for n in graph.node:
        yield n
        for a in n.attribute:
            if a.HasField('g'):
                yield from all_nodes(a.g)
