"""What the sentiment model says of held-out reviews, of Shakespeare, and of 10,000 candidate texts: the data of the
tests of drift and of candidate confirmation. No text is written, only numbers."""
import re

import numpy as np
import onnx
import safetensors.numpy
from onnx import numpy_helper
from transformers import AutoTokenizer

import onnx_files
from common import CORPUS, HERE, MODELS
from sentiment_data import LENGTH, snippets, split

TARGET = HERE.parent / 'test' / 'unit' / 'observe' / 'sentiment-features.safetensors'
EMBEDDING, UNITS, CANDIDATES = 8, 8, 10_000     # components kept, units of the pooler kept, texts to guess among
RESIDUAL = '/bert/encoder/layer.0/output/LayerNorm/LayerNormalization_output_0'           # [1, p, 128]
POOLED = '/bert/pooler/activation/Tanh_output_0'                                          # [1, 128]


def tapped():
    """A session that also gives the mid-layer and the pooler, and the weights of the classifier [2, 128]."""
    model = onnx.load(MODELS / 'sentiment' / 'onnx' / 'model.onnx')
    model.graph.output.extend(onnx.ValueInfoProto(name=n) for n in (RESIDUAL, POOLED))
    weight = next(w for w in model.graph.initializer if w.name == 'classifier.weight')
    return onnx_files.session(model.SerializeToString()), numpy_helper.to_array(weight)


def shakespeare(n):
    """Lines of speech of at least five words, evenly over the corpus."""
    lines = [s.strip() for s in (CORPUS / 'shakespeare.txt').read_text(encoding='utf-8').split('\n')]
    lines = [s for s in lines if len(s.split()) >= 5 and not re.fullmatch(r'[A-Z][\w ]*:', s)]
    return lines[::len(lines) // n][:n]


def main():
    tok = AutoTokenizer.from_pretrained(str(MODELS / 'sentiment'))
    sess, weight = tapped()
    polarity = (weight[1] - weight[0]).astype(np.float64)                                 # [128]

    def features(texts):
        """(logits [n, 2], tokens [n], mean of the mid-layer [n, 128], share of each unit in the logits [n, 128])"""
        rows = []
        for text in texts:
            ids = np.array([tok(text, truncation=True, max_length=LENGTH).input_ids])
            out = onnx_files.run(sess, ids)
            rows.append((out['logits'][0], ids.shape[1], out[RESIDUAL][0].mean(0), out[POOLED][0] * polarity))
        return [np.array(column) for column in zip(*rows)]

    parts = split()
    sets = {'validation': [r[1] for r in parts['validation']], 'test': [r[1] for r in parts['test']],
            'shakespeare': shakespeare(1066)}
    found = {name: features(texts) for name, texts in sets.items()}
    middle, share = found['validation'][2:]                                               # the baseline decides both
    mean = middle.mean(0)
    components = np.linalg.svd(middle - mean, full_matrices=False)[2][:EMBEDDING]         # [8, 128]
    units = np.argsort(-np.abs(share).mean(0))[:UNITS]
    tensors = {}
    for name, (logits, tokens, embedding, shares) in found.items():
        tensors |= {f'{name}.logits': logits.astype(np.float16), f'{name}.tokens': tokens.astype(np.uint8),
                    f'{name}.embedding': ((embedding - mean) @ components.T).astype(np.float16),
                    f'{name}.attribution': shares[:, units].astype(np.float16)}
    logits, tokens, embedding, _ = features([r[1] for r in snippets()[:CANDIDATES]])
    tensors |= {'candidates.logits': logits.astype(np.float16), 'candidates.tokens': tokens.astype(np.uint8),
                'candidates.embedding': ((embedding - mean) @ components.T).astype(np.float16)}
    safetensors.numpy.save_file(tensors, TARGET, {'made by': 'training/sentiment_features.py'})
    print({k: v.shape for k, v in tensors.items()}, TARGET.stat().st_size)


if __name__ == '__main__':
    main()
