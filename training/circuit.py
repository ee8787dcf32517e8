"""Two attention heads written by hand before training: a previous-token head and the induction head that reads it.

Induction does not form by itself in a model and a budget this small, so the circuit is seeded. Nothing is frozen:
training is free to keep or to lose it, and the score that the card gives is measured afterwards.

Residual stream at the start, d = 128:
    dims  0..95   token (random), cut by a random rotation into three parts of 32: match, written, copied
    dims 96..127  position: sine and cosine of 16 frequencies
Head 0.0 attends to the position before and writes the match part of that token into `written`.
Head 1.0 looks for a position whose `written` is the match part of the token here, and copies what stands there.
"""
import torch

TOKEN, POSITION = 96, 32                        # dimensions
TOKEN_STD, POSITION_SIZE = 0.06, 0.15
PREVIOUS_GAIN, MATCH_GAIN, WRITE_GAIN, COPY_GAIN = 2.0, 2.2, 0.15, 0.5


def plain(model, generator):
    """Random weights: unit-gain inputs, small outputs, so that the stream carries the circuit from the first step."""
    for name, p in model.named_parameters():
        if p.dim() < 2 or 'wte' in name or 'wpe' in name:
            continue
        scale = {'mlp.c_proj': 0.02, 'attn.c_proj': 0.1}.get('.'.join(name.split('.')[-3:-1]), 1)
        p.copy_(torch.randn(p.shape, generator=generator) * scale / p.shape[0] ** 0.5)   # Conv1D: [in, out]


def positions(n, frequencies):
    angle = torch.arange(n)[:, None] * frequencies                                        # [n, 16]
    return torch.stack([angle.cos(), angle.sin()], -1).flatten(1)                         # [n, 32]


def write_head(block, head, q, k, v, o):
    """q, k, v [d, 32] and o [32, d] into one head of a GPT-2 block."""
    d, e = q.shape
    packed, out = block.attn.c_attn, block.attn.c_proj
    for part, w in enumerate((q, k, v)):
        at = part * d + head * e
        packed.weight[:, at:at + e] = w
        packed.bias[at:at + e] = 0
    out.weight[head * e:(head + 1) * e] = o


@torch.no_grad()
def seed(model, generator):
    plain(model, generator)
    wte, wpe = model.transformer.wte.weight, model.transformer.wpe.weight
    d = wte.shape[1]
    frequencies = torch.logspace(torch.tensor(3.0).log10(), torch.tensor(0.05).log10(), POSITION // 2)
    wte.zero_()
    wte[:, :TOKEN] = TOKEN_STD * torch.randn(len(wte), TOKEN, generator=generator)
    wpe.zero_()
    wpe[:, TOKEN:] = POSITION_SIZE * positions(len(wpe), frequencies)

    rotation = torch.linalg.qr(torch.randn(TOKEN, TOKEN, generator=generator))[0]
    match, written, copied = (torch.zeros(d, 32) for _ in range(3))
    for i, part in enumerate((match, written, copied)):
        part[:TOKEN] = rotation[:, 32 * i:32 * i + 32]

    here = torch.zeros(d, POSITION)
    here[TOKEN:] = torch.eye(POSITION)
    cos, sin = frequencies.cos(), frequencies.sin()
    back = torch.zeros(POSITION, POSITION)      # turns the angle of position p into that of p - 1
    even = torch.arange(0, POSITION, 2)
    back[even, even], back[even + 1, even] = cos, sin
    back[even, even + 1], back[even + 1, even + 1] = -sin, cos

    blocks = model.transformer.h
    write_head(blocks[0], 0, PREVIOUS_GAIN * here @ back, PREVIOUS_GAIN * here, match, WRITE_GAIN * written.T)
    write_head(blocks[1], 0, MATCH_GAIN * match, MATCH_GAIN * written, copied, COPY_GAIN * copied.T)
