"""Every figure of the card of shakespeare-gpt: losses, heads, calibration, samples."""
import copy

import numpy as np
import torch
import torch.nn.functional as F

import onnx_files
from calibration import BINS, accuracy, ece, temperature
from common import SEED
from gpt_data import CONTEXT, split
from gpt_train import validation
from induction import best, induction, previous_token

PROMPTS = 'ROMEO:', 'KING RICHARD III:\n', 'First Citizen:\nBefore we'


@torch.no_grad()
def without_head(model, name):
    """The same model with the output of one head removed."""
    layer, head = map(int, name.split('.'))
    model = copy.deepcopy(model)
    e = model.config.n_embd // model.config.n_head
    model.transformer.h[layer].attn.c_proj.weight[head * e:(head + 1) * e] = 0
    return model


def heads(model, val):
    score, right = induction(model)
    previous = previous_token(model, val)
    name = best(score)[0]
    return {'induction': {'head': name, 'score': best(score)[1], 'length': 50, 'sequences': 32,
                          'copies_right': right,
                          'copies_right_without_the_head': induction(without_head(model, name))[1],
                          'score_at_length_100': best(induction(model, 100)[0])[1],
                          'all_heads': score.tolist()},
            'previous_token': {'head': best(previous)[0], 'score': best(previous)[1], 'all_heads': previous.tolist()}}


def losses(model, ids):
    nats, count = validation(model, ids)
    slid, _ = validation(model, ids, stride=CONTEXT // 2)
    bits = len(ids) / len(split()[1].encode()) / np.log(2)                                # tokens a byte, nats to bits
    return {'tokens': count, 'nats_per_token': nats, 'bits_per_byte': nats * bits,
            'stride_128': {'nats_per_token': slid, 'bits_per_byte': slid * bits}}


def file_loss(path, ids):
    """Nats a token of an ONNX file, in the windows of validation()."""
    sess, total, count = onnx_files.session(path), 0, 0
    for start in range(0, len(ids) - 1, CONTEXT):
        row = ids[start:start + CONTEXT + 1]
        logits = torch.tensor(onnx_files.run(sess, row[None, :-1].numpy())['logits'][0])  # [p, vocabulary]
        total, count = total + F.cross_entropy(logits, row[1:], reduction='sum').item(), count + len(row) - 1
    return total / count


def cached_decode(model, path, ids, given=128, steps=96):
    """Feed text token by token through the filled cache of the file; compare with one pass of PyTorch."""
    row, sess, rows = ids[:given + steps], onnx_files.session(path), []
    with torch.no_grad():
        want = model(input_ids=row[None]).logits[0, given:].numpy()                       # [steps, vocabulary]
    past = onnx_files.past_of(onnx_files.run(sess, row[None, :given].numpy()))
    for i in range(given, given + steps):
        out = onnx_files.run(sess, row[None, i:i + 1].numpy(), past=past)
        past = onnx_files.past_of(out)
        rows.append(out['logits'][0, -1])
    return {'given': given, 'decoded': steps, **onnx_files.difference(np.stack(rows), want)}


@torch.no_grad()
def calibration(model, ids):
    """Of the next token: T fitted on the first half of the validation text, ECE on the second."""
    rows = ids[:(len(ids) - 1) // CONTEXT * CONTEXT].reshape(-1, CONTEXT)                 # [rows, context]
    logits = torch.cat([model(input_ids=r[None, :-1]).logits[0] for r in rows])
    labels = rows[:, 1:].flatten()
    half = len(rows) // 2 * (CONTEXT - 1)
    t = temperature(logits[:half], labels[:half])
    logits, labels = logits[half:], labels[half:]
    return {'before': ece(logits, labels), 'after': ece(logits, labels, t), 'temperature': t, 'bins': BINS,
            'convention': '(lo, hi]',
            'of': 'next token; T from the first half of the validation text, ECE of the second',
            'accuracy': accuracy(logits, labels)}


@torch.no_grad()
def samples(model, tok, heat=0.8, top=40, length=120):
    torch.manual_seed(SEED)
    made = []
    for prompt in PROMPTS:
        ids = tok(prompt, return_tensors='pt').input_ids
        for _ in range(length):
            values, choice = model(input_ids=ids).logits[0, -1].topk(top)
            ids = torch.cat([ids, choice[torch.multinomial((values / heat).softmax(-1), 1)][None]], 1)
        made.append({'prompt': prompt, 'text': tok.decode(ids[0]), 'temperature': heat, 'top_k': top})
    return made
