"""Train the sentiment classifier: python sentiment_train.py

Every recipe below is trained; the one with the best validation accuracy is the model. Test is not looked at here.
A recipe already in .cache is not trained again.
"""
import copy
import time

import torch
import torch.nn.functional as F
from transformers import BertConfig, BertForSequenceClassification

from common import CACHE, SEED, save_checkpoint, save_json
from sentiment_data import LABELS, LENGTH, SPECIAL, split, tokenizer
from sentiment_init import ppmi_svd

BATCH, RATE, DECAY, SMOOTHING, EMA = 64, 5e-4, 0.1, 0.1, 0.995
TAIL = 100                                      # the rate would reach zero so many steps after the end
RECIPES = {
    'plain': dict(start='random', epochs=7),
    'PPMI': dict(start='ppmi', epochs=7),
    'PPMI, fewer epochs': dict(start='ppmi', epochs=4),
}
DEFAULTS = dict(dropout=0.4, masked=0.3)


def config(size, attention='sdpa', dropout=0.0):
    return BertConfig(vocab_size=size, hidden_size=128, num_hidden_layers=2, num_attention_heads=4,
                      intermediate_size=256, max_position_embeddings=LENGTH, attn_implementation=attention,
                      hidden_dropout_prob=dropout, attention_probs_dropout_prob=min(dropout, 0.1),
                      id2label=dict(enumerate(LABELS)), label2id={name: i for i, name in enumerate(LABELS)})


def load(path=CACHE / 'sentiment.pt', attention='eager'):
    saved = torch.load(path)
    model = BertForSequenceClassification(config(len(saved['model']['bert.embeddings.word_embeddings.weight']),
                                                 attention))
    model.load_state_dict(saved['model'])
    return model.eval(), saved


def pad(rows):
    """Lists of ids to [n, longest] and its mask."""
    ids = torch.nn.utils.rnn.pad_sequence([torch.tensor(r) for r in rows], batch_first=True)
    return ids, (ids != 0).long()


def batches(rows, labels, generator):
    """Of similar length, in random order."""
    order = torch.randperm(len(rows), generator=generator).tolist()
    for pool in (order[i:i + 16 * BATCH] for i in range(0, len(order), 16 * BATCH)):
        pool.sort(key=lambda i: len(rows[i]))
        groups = [pool[i:i + BATCH] for i in range(0, len(pool), BATCH)]
        for k in torch.randperm(len(groups), generator=generator).tolist():
            yield *pad([rows[i] for i in groups[k]]), labels[groups[k]]


@torch.no_grad()
def logits_of(model, rows):
    """[n, 2], in the order of rows."""
    model.eval()
    out = torch.empty(len(rows), 2)
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    for part in (order[i:i + BATCH] for i in range(0, len(order), BATCH)):
        ids, mask = pad([rows[i] for i in part])
        out[part] = model(input_ids=ids, attention_mask=mask).logits
    return out


def train(name, recipe, data, tok, seed=SEED):
    torch.manual_seed(seed)
    g = torch.Generator().manual_seed(seed)
    (rows, labels), (held, answers) = data['train'], data['validation']
    model = BertForSequenceClassification(config(len(tok), dropout=recipe['dropout']))
    words = model.bert.embeddings.word_embeddings.weight                                  # [vocabulary, d]
    if recipe['start'] == 'ppmi':
        with torch.no_grad():                   # all but the special tokens
            words[SPECIAL:] = ppmi_svd([r[1:-1] for r in rows], *words.shape, SEED)[SPECIAL:]
    average = copy.deepcopy(model).eval()
    decay = [p for p in model.parameters() if p.dim() > 1]
    rest = [p for p in model.parameters() if p.dim() <= 1]
    opt = torch.optim.AdamW([{'params': decay, 'weight_decay': DECAY}, {'params': rest, 'weight_decay': 0}], RATE)
    steps, step, best, began = recipe['epochs'] * -(-len(rows) // BATCH), 0, None, time.time()
    schedule = torch.optim.lr_scheduler.OneCycleLR(opt, RATE, total_steps=steps + TAIL, pct_start=0.1)
    for epoch in range(1, recipe['epochs'] + 1):
        for ids, mask, y in batches(rows, labels, g):
            model.train()
            hidden = (torch.rand(ids.shape, generator=g) < recipe['masked']) & (ids >= SPECIAL)
            out = model(input_ids=ids.masked_fill(hidden, tok.mask_token_id), attention_mask=mask).logits
            F.cross_entropy(out, y, label_smoothing=SMOOTHING).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            opt.step()
            opt.zero_grad()
            schedule.step()
            step += 1
            with torch.no_grad():
                for a, p in zip(average.parameters(), model.parameters()):
                    a.lerp_(p, 1 - min(EMA, step / (step + 10)))
        out = logits_of(average, held)
        right, loss = (out.argmax(-1) == answers).float().mean().item(), F.cross_entropy(out, answers).item()
        print(f'{name}: epoch {epoch}, validation {right:.4f}, loss {loss:.4f}, {time.time() - began:.0f} s',
              flush=True)
        if best is None or (right, -loss) > (best['validation'], -best['loss']):
            best = {'name': name, 'recipe': recipe, 'seed': seed, 'epoch': epoch, 'validation': right, 'loss': loss,
                    'model': {k: v.clone() for k, v in average.state_dict().items()}}
    return {**best, 'minutes': (time.time() - began) / 60}


def main():
    parts = split()
    tok = tokenizer([r[1] for r in parts['train']])
    data = {k: (tok([r[1] for r in rows], truncation=True, max_length=LENGTH).input_ids,
                torch.tensor([r[2] for r in rows])) for k, rows in parts.items() if k != 'test'}
    tried = []
    for name, recipe in RECIPES.items():
        path = CACHE / f"sentiment-{name.replace(',', '').replace(' ', '-')}.pt"
        if not path.exists():
            save_checkpoint(path, train(name, {**DEFAULTS, **recipe}, data, tok))
        tried.append(torch.load(path))
    best = max(tried, key=lambda t: (t['validation'], -t['loss']))
    save_checkpoint(CACHE / 'sentiment.pt', best)
    save_json(CACHE / 'sentiment-tried.json', [{k: v for k, v in t.items() if k != 'model'} for t in tried])
    print('chosen on validation:', best['name'])


if __name__ == '__main__':
    main()
