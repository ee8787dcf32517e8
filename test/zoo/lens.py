"""Logit lens of shakespeare-gpt: final norm and unembedding over PyTorch's residual streams, in NumPy.

    python test/zoo/lens.py > test/unit/run/lens.json
"""

import json

import numpy as np
import onnx
from onnx import numpy_helper
from safetensors.numpy import load_file

folder = "public/models/shakespeare-gpt"
weights = {each.name: numpy_helper.to_array(each) for each in onnx.load(f"{folder}/onnx/model.onnx").graph.initializer}
goldens = load_file(f"{folder}/golden.safetensors")
scale, bias = weights["transformer.ln_f.weight"], weights["transformer.ln_f.bias"]
embedding = weights["transformer.wte.weight"]  # tied: [V, d]

found = []
for layer in range(4):
    stream = goldens[f"blocks.{layer}.hook_resid_post"][0].astype(np.float64)  # [p, d]
    centred = stream - stream.mean(-1, keepdims=True)
    normed = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * scale + bias
    logits = normed @ embedding.T.astype(np.float64)  # [p, V]
    top = np.argsort(-logits, -1, kind="stable")[:, :5]
    peak = logits.max(-1, keepdims=True)
    log_probability = logits - peak - np.log(np.exp(logits - peak).sum(-1, keepdims=True))
    entropy = -(np.exp(log_probability) * log_probability).sum(-1)
    found.append({"top": top.tolist(), "entropy": entropy.round(6).tolist()})
print(json.dumps(found))
