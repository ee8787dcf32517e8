"""Every figure of the card of sentiment, from the exported file: accuracy, calibration, a few probes."""
import json

import numpy as np
import torch
import torch.nn.functional as F

import onnx_files
from calibration import BINS, accuracy, ece, temperature
from common import save_json
from sentiment_data import LABELS, LENGTH

PROBES = ('a gripping , beautiful film', 'a dull , pointless mess', 'good', 'not good', 'not bad at all',
          'i expected to hate it , but i was wrong')


def file_logits(path, parts, tok):
    """{validation, test: [n, 2]}, one snippet at a time as the browser runs them."""
    sess = onnx_files.session(path)
    one = lambda text: onnx_files.run(sess, np.array([tok(text, truncation=True, max_length=LENGTH).input_ids]))
    return {k: torch.tensor(np.concatenate([one(r[1])['logits'] for r in parts[k]])) for k in ('validation', 'test')}


def measure(logits, parts):
    labels = {k: torch.tensor([r[2] for r in parts[k]]) for k in logits}
    t = temperature(logits['validation'], labels['validation'])
    test, y = logits['test'], labels['test']
    return {'accuracy': {k: accuracy(logits[k], labels[k]) for k in logits},
            'nll': {'before': F.cross_entropy(test, y).item(), 'after': F.cross_entropy(test / t, y).item()},
            'standard_error': (accuracy(test, y) * (1 - accuracy(test, y)) / len(y)) ** 0.5,
            'ece': {'before': ece(test, y), 'after': ece(test, y, t), 'temperature': t, 'bins': BINS,
                    'convention': '(lo, hi]', 'of': 'test split; T fitted on the validation split'}}


def write_calibration(path, logits, parts, measured):
    """The logits that calibration is shown on. Six significant digits, and the figures hold for the rounded ones."""
    digits = lambda x: float(f'{x:.6g}')
    splits = {k: {'ids': [r[0] for r in parts[k]], 'labels': [r[2] for r in parts[k]],
                  'logits': [[digits(x) for x in row] for row in logits[k].tolist()]} for k in logits}
    again = measure({k: torch.tensor(v['logits']) for k, v in splits.items()}, parts)
    if abs(again['ece']['after'] - measured['ece']['after']) > 1e-4 or again['accuracy'] != measured['accuracy']:
        raise AssertionError('rounding changed the figures')
    save_json(path, {'about': 'logits of onnx/model.onnx; an id is file and line of the Sentence Polarity Dataset v1.0',
                     'labels': LABELS, 'temperature': again['ece']['temperature'], 'ece': again['ece'],
                     'accuracy': again['accuracy'], 'nll': again['nll']})
    text = path.read_text().rstrip().removesuffix('}').rstrip()
    rows = lambda v: '{\n  "ids": %s,\n  "labels": %s,\n  "logits": %s\n }' % tuple(
        json.dumps(v[k], separators=(',', ':')) for k in ('ids', 'labels', 'logits'))
    path.write_text(text + ',\n' + ',\n'.join(f' "{k}": {rows(v)}' for k, v in splits.items()) + '\n}\n')


def probes(path, tok):
    """P(POSITIVE) of phrases that show what the model reads and what it does not."""
    sess = onnx_files.session(path)
    out = [onnx_files.run(sess, np.array([tok(p).input_ids]))['logits'][0] for p in PROBES]
    return {p: torch.tensor(o).softmax(-1)[1].item() for p, o in zip(PROBES, out)}
