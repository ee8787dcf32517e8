"""Hooks that are in no tensor of a file, from those that are, in float64."""
import re

import numpy as np

LOWEST = np.finfo(np.float32).min


def recompute(goldens, values, constants, own_constants):
    """Adds to `values` what can be had, and returns {hook: formula}. A formula is used for a hook only where, applied
    to the fp32 goldens and the constants of that file, it gives the fp32 golden."""
    reference, here = {**goldens, **tables(constants)}, {**values, **tables(own_constants)}
    derived = {}
    known = -1
    while known < len(derived):
        known = len(derived)
        for hook in [each for each in goldens if each not in here]:
            for name, formula in formulas(hook, reference):
                value = formula(here)
                if value is None or not agrees(formula(reference), goldens[hook]):
                    continue
                values[hook] = here[hook] = value
                derived[hook] = name
                break
    return derived


def agrees(found, golden, tolerance=1e-4):
    seen = golden > -1e30
    scale = max(1, np.abs(golden[seen]).max())
    return found.shape == golden.shape and np.abs(found - golden)[seen].max() <= tolerance * scale


def needs(*names):
    """A formula over hooks: None where one of them is not there."""
    def made(fn):
        return lambda v: fn(*(v[n].astype(np.float64) for n in names)) if all(n in v for n in names) else None
    return made


def formulas(hook, goldens):
    """(what it says, function(values by hook) -> value or None) of every formula for a hook."""
    golden = goldens[hook]
    block = re.match(r'(.*blocks\.)(\d+)\.(.*)', hook)
    if block is None:
        return
    at = f'{block[1]}{block[2]}.'
    kind = block[3]
    attention = hook[:hook.rindex('.') + 1]
    sums = {'hook_resid_mid': [('hook_resid_pre', 'hook_attn_out')],
            'hook_resid_mid_cross': [('hook_resid_mid', 'hook_cross_attn_out')],
            'hook_resid_post': [('hook_resid_mid_cross', 'hook_mlp_out'), ('hook_resid_mid', 'hook_mlp_out'),
                                ('hook_resid_pre', 'hook_attn_out', 'hook_mlp_out')]}
    for terms in sums.get(kind, ()):
        yield ' + '.join(terms), needs(*(at + t for t in terms))(lambda *x: sum(x))
    for total, terms in sums.items():
        for around in terms:
            if kind in around:
                others = [at + t for t in around if t != kind]
                yield f'{total} - others', needs(at + total, *others)(lambda whole, *x: whole - sum(x))
    if kind == 'hook_resid_pre' and int(block[2]) > 0:
        before = f'{block[1]}{int(block[2]) - 1}.'
        for name in ('hook_resid_post', 'hook_normalized_resid_post'):
            yield f'{name} before', needs(before + name)(lambda x: x)
    if kind == 'hook_resid_post':
        after = f'{block[1]}{int(block[2]) + 1}.hook_resid_pre'
        yield 'hook_resid_pre after', needs(after)(lambda x: x)
    if kind.endswith(('hook_rot_q', 'hook_rot_k')):
        for pair in (n for n in goldens if n.startswith('cos ')):
            for name, cut in (('halves', halves), ('neighbours', neighbours)):
                yield f'rotated {name}', needs(attention + 'hook_' + kind[-1], pair, 'sin' + pair[3:])(
                    lambda x, c, s, cut=cut: rotate(x, c, s, cut))
    if kind.endswith('hook_attn_scores'):
        for q, k in (('rot_q', 'rot_k'), ('q', 'k')):
            pair = attention + 'hook_' + q, attention + 'hook_' + k
            if all(n in goldens for n in pair):
                yield f'{q} x {k}, scaled and masked', needs(*pair)(scores(golden, *(goldens[n] for n in pair)))
    if kind.endswith('hook_pattern'):
        yield 'softmax of scores', needs(attention + 'hook_attn_scores')(softmax)
    if kind.endswith('hook_z'):
        yield 'pattern x v', needs(attention + 'hook_pattern', attention + 'hook_v')(
            lambda p, v: np.einsum('bhqk,bkhe->bqhe', p, v.repeat(p.shape[1] // v.shape[2], 2)))


def tables(constants):
    """{'cos 0': ..., 'sin 0': ...}: the rotary tables [positions, half of a head or less] among the constants."""
    flat = [c for c in constants if c.ndim == 2 and c.dtype.kind == 'f']
    pairs = [(c, s) for c in flat if np.all(c[0] == 1) for s in flat if np.all(s[0] == 0) and c.shape == s.shape]
    return {f'{name} {i}': table for i, pair in enumerate(pairs) for name, table in zip(('cos', 'sin'), pair)}


def halves(x):
    return np.split(x, 2, -1), lambda a, b: np.concatenate([a, b], -1)


def neighbours(x):
    return (x[..., ::2], x[..., 1::2]), lambda a, b: np.stack([a, b], -1).reshape(x.shape)


def rotate(x, cos, sin, cut):
    """x [b, p, h, e]"""
    width = 2 * cos.shape[1]
    (a, b), join = cut(x[..., :width])
    c, s = (t[:x.shape[1], None] for t in (cos, sin))
    return np.concatenate([join(a * c - b * s, b * c + a * s), x[..., width:]], -1)


def scores(golden, q, k):
    """Scale and mask depend on no value, so they are read off the fp32 golden."""
    product = multiply(q.astype(np.float64), k.astype(np.float64))
    seen = golden > -1e30
    scale = float((product[seen] * golden[seen]).sum() / (product[seen] ** 2).sum())

    def made(q, k):
        x = multiply(q, k) * scale
        return np.where(seen[:, :, :x.shape[2], :x.shape[3]], x, LOWEST)
    return made


def multiply(q, k):
    return np.einsum('bqhe,bkhe->bhqk', q, k.repeat(q.shape[2] // k.shape[2], 2))


def softmax(x):
    y = np.exp(x - x.max(-1, keepdims=True))
    return y / y.sum(-1, keepdims=True)
