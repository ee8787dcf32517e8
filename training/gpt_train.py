"""Train shakespeare-gpt: python gpt_train.py --minutes 22 (or --steps N for the same weights again).

Resumes from .cache/gpt.pt. Every step seeds its own randomness, so an interrupted run ends as an uninterrupted one.
"""
import argparse
import json
import time

import torch
import torch.nn.functional as F
from transformers import GPT2Config, GPT2LMHeadModel

import circuit
from common import CACHE, SEED, save_checkpoint
from gpt_data import CONTEXT, END, PAD, VOCABULARY, repeated_rows, text_rows, tokenizer, tokens
from induction import best, induction
from muon import Muon

CHECKPOINT = CACHE / 'gpt.pt'
TEXT_ROWS, REPEATED_ROWS, REPEATED_LENGTH, REPEATED_WEIGHT = 8, 4, 128, 0.2
WARMUP, HOLD, FLOOR = 100, 0.3, 0.03            # steps; share of the run at full rate; last rate
MUON_RATE, ADAM_RATE, DROPOUT = 0.02, 3e-3, 0.1


def config(attention='sdpa', dropout=0.0, gelu='gelu_new'):
    return GPT2Config(vocab_size=VOCABULARY, n_positions=CONTEXT, n_embd=128, n_layer=4, n_head=4, n_inner=512,
                      activation_function=gelu, attn_implementation=attention, attn_pdrop=0.0, embd_pdrop=dropout,
                      resid_pdrop=dropout, bos_token_id=END, eos_token_id=END, pad_token_id=PAD)


def load(path=CHECKPOINT, attention='eager'):
    """The trained model for measuring and exporting. gelu_new is the function trained with, unfused."""
    model = GPT2LMHeadModel(config(attention))
    saved = torch.load(path)
    model.load_state_dict(saved['model'])
    return model.eval(), saved


def optimisers(model):
    matrices = [p for n, p in model.named_parameters() if p.dim() == 2 and '.h.' in n]
    rest = [p for n, p in model.named_parameters() if not (p.dim() == 2 and '.h.' in n)]
    return [Muon(matrices, MUON_RATE), torch.optim.AdamW(rest, ADAM_RATE, betas=(0.9, 0.95), weight_decay=0)]


def rate(step, steps):
    share = step / steps
    decay = 1 if share < HOLD else 1 - (1 - FLOOR) * (share - HOLD) / (1 - HOLD)
    return decay * min(1, (step + 1) / WARMUP)


def loss_of(model, ids, step, steps):
    """Text loss, plus a little of the repeated rows: often at first, then every fourth step."""
    g = torch.Generator().manual_seed(SEED * 1_000_003 + step)
    torch.manual_seed(SEED * 1_000_003 + step)  # dropout
    rows = text_rows(ids, TEXT_ROWS, g)
    text = F.cross_entropy(model(rows[:, :-1]).logits.flatten(0, 1), rows[:, 1:].flatten())
    if step >= HOLD * steps and step % 4:
        return text, text
    rows, targets, positions = repeated_rows(REPEATED_ROWS, REPEATED_LENGTH, g)
    logits = model(rows[:, :-1], position_ids=positions).logits                           # [rows, length, vocabulary]
    return text, text + REPEATED_WEIGHT * F.cross_entropy(logits.flatten(0, 1), targets.flatten())


@torch.no_grad()
def validation(model, ids, context=CONTEXT, stride=CONTEXT):
    """Mean nats a token; with stride < context every token but the first few sees at least context - stride others."""
    model.eval()
    total = count = 0
    for start in range(0, len(ids) - 1, stride):
        row = ids[start:start + context + 1]
        keep = len(row) - 1 if start == 0 else len(row) - 1 - (context - stride)
        if keep <= 0:
            break
        logits = model(row[None, :-1]).logits[0, -keep:]                                  # [keep, vocabulary]
        total += F.cross_entropy(logits, row[-keep:], reduction='sum').item()
        count += keep
    return total / count, count


def main():
    options = argparse.ArgumentParser()
    options.add_argument('--minutes', type=float, default=22)
    options.add_argument('--steps', type=int)
    options = options.parse_args()

    tok = tokenizer()
    train, val = tokens(tok)
    model = GPT2LMHeadModel(config('sdpa', DROPOUT, 'gelu_pytorch_tanh'))
    watch = GPT2LMHeadModel(config('eager')).eval()
    circuit.seed(model, torch.Generator().manual_seed(SEED))
    opts, step, seconds, steps = optimisers(model), 0, 0, options.steps
    if CHECKPOINT.exists():
        saved = torch.load(CHECKPOINT)
        model.load_state_dict(saved['model'])
        for opt, state in zip(opts, saved['optimisers']):
            opt.load_state_dict(state)
        step, seconds, steps = saved['step'], saved['seconds'], saved['steps']
    if not steps:                               # how many steps are there in the time given?
        start = time.time()
        for i in range(10):
            loss_of(model.train(), train, i, 20)[1].backward()
        model.zero_grad()
        steps = int(options.minutes * 60 / ((time.time() - start) / 10))

    while step < steps:
        start = time.time()
        text, loss = loss_of(model.train(), train, step, steps)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for opt, full in zip(opts, (MUON_RATE, ADAM_RATE)):
            for group in opt.param_groups:
                group['lr'] = full * rate(step, steps)
            opt.step()
            opt.zero_grad()
        seconds += time.time() - start
        step += 1
        if step % 200 == 0 or step in (1, steps):
            watch.load_state_dict(model.state_dict())
            score, right = induction(watch)
            log = {'step': step, 'steps': steps, 'minutes': round(seconds / 60, 2), 'train': round(text.item(), 4),
                   'validation': round(validation(watch, val[:8193])[0], 4), 'head': best(score)[0],
                   'induction': round(best(score)[1], 4), 'copies_right': round(right, 4)}
            print(json.dumps(log), flush=True)
            save_checkpoint(CHECKPOINT, {'model': model.state_dict(), 'optimisers': [o.state_dict() for o in opts],
                                         'step': step, 'steps': steps, 'seconds': seconds, 'last': log})


if __name__ == '__main__':
    main()
