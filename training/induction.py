"""What the attention heads do, measured."""
import torch

from gpt_data import SPECIAL, VOCABULARY


@torch.no_grad()
def attention(model, ids):
    """Patterns [layer, head, batch, q, k]; needs a model with eager attention."""
    out = model(input_ids=ids, output_attentions=True, use_cache=False)
    return torch.stack(out.attentions).transpose(1, 2), out.logits


@torch.no_grad()
def induction(model, length=50, rows=32, seed=1):
    """Mean attention from q to q - L + 1 over the second copy of random tokens 2 x L, per head; and how often the
    second copy is predicted right."""
    half = torch.randint(SPECIAL, VOCABULARY, (rows, length), generator=torch.Generator().manual_seed(seed))
    ids = torch.cat([half, half], 1)                                                      # [rows, 2L]
    pattern, logits = attention(model, ids)
    q = torch.arange(length, 2 * length)
    score = pattern[..., q, q - length + 1].mean((-1, -2))                                # [layer, head]
    right = logits[:, length:-1].argmax(-1) == ids[:, length + 1:]
    return score, right.float().mean().item()


@torch.no_grad()
def previous_token(model, ids, rows=32, context=256):
    """Mean attention from q to q - 1 on text, per head."""
    pattern, _ = attention(model, ids[:rows * context].reshape(rows, context))
    q = torch.arange(1, context)
    return pattern[..., q, q - 1].mean((-1, -2))                                          # [layer, head]


def best(score):
    """(name of the best head, its score)"""
    layer, head = divmod(score.argmax().item(), score.shape[1])
    return f'{layer}.{head}', score.max().item()
