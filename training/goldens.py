"""Record reference activations of a PyTorch model under TransformerLens hook names, and check their identities."""
import contextlib
from dataclasses import dataclass, field
from functools import reduce
from unittest.mock import patch

import torch
import torch.nn.functional as F

LOWEST = torch.finfo(torch.float32).min


@dataclass
class Spec:
    """Where the parts of a block are. Paths are relative to a block; those of blocks, embed and head to the model."""
    blocks: str
    attn: str               # the module that calls softmax
    qkv: str                # "q k v" modules, or one packed module
    o: str                  # output projection: its input is z
    mid: str                # module whose input is resid_mid
    down: str               # last MLP projection: its input is mlp.hook_post
    post: str = ''          # post-norm only: module whose input is resid_post
    causal: bool = False
    embed: dict = field(default_factory=dict)   # {hook name: module}; their sum enters block 0
    head: str = ''          # module whose input is unembed.hook_in
    heads: int = 4


GPT2 = Spec('transformer.h', 'attn', 'attn.c_attn', 'attn.c_proj', 'ln_2', 'mlp.c_proj', causal=True,
            embed={'hook_embed': 'transformer.wte', 'hook_pos_embed': 'transformer.wpe'}, head='lm_head')
BERT = Spec('bert.encoder.layer', 'attention.self',
            'attention.self.query attention.self.key attention.self.value', 'attention.output.dense',
            'attention.output.LayerNorm', 'output.dense', 'output.LayerNorm',
            embed={'hook_full_embed': 'bert.embeddings'}, head='classifier')


def get(module, path):
    return reduce(lambda m, a: m[int(a)] if a.isdigit() else getattr(m, a), path.split('.'), module)


def first(x):
    return x[0] if isinstance(x, (tuple, list)) else x


class Recorder:
    def __init__(self, model, spec):
        self.model, self.spec, self.values, self.hooks, self.where, self.batch = model, spec, {}, [], None, 1
        self.watch(spec)

    def put(self, name, x):
        self.values[name] = x.detach().clone().float().contiguous()

    def on_input(self, module, name, fn=lambda x: x):
        self.hooks.append(module.register_forward_pre_hook(
            lambda m, a, k: self.put(name, fn(first(a) if a else k['hidden_states'])), with_kwargs=True))

    def on_output(self, module, name, fn=lambda x: x):
        self.hooks.append(module.register_forward_hook(lambda m, a, y: self.put(name, fn(first(y)))))

    def watch(self, s):
        rows = lambda x: x.reshape(self.batch, -1, x.shape[-1])                           # [b, p, d]
        for name, path in s.embed.items():
            self.on_output(get(self.model, path), name)
        self.on_input(get(self.model, s.head), 'unembed.hook_in')
        for i, block in enumerate(get(self.model, s.blocks)):
            b = f'blocks.{i}.'
            self.on_input(block, b + 'hook_resid_pre')
            self.watch_attention(s, block, b + 'attn.')
            self.on_output(get(block, s.o), b + 'hook_attn_out', rows)
            self.on_input(get(block, s.mid), b + 'hook_resid_mid', rows)
            self.on_input(get(block, s.down), b + 'mlp.hook_post', rows)
            self.on_output(get(block, s.down), b + 'hook_mlp_out', rows)
            if s.post:
                self.on_input(get(block, s.post), b + 'hook_resid_post')
                self.on_output(block, b + 'hook_normalized_resid_post')
            else:
                self.on_output(block, b + 'hook_resid_post')

    def watch_attention(self, s, block, name):
        def enter(m, a): self.where = name
        def leave(m, a, y): self.where = None
        self.hooks += [get(block, s.attn).register_forward_pre_hook(enter),
                       get(block, s.attn).register_forward_hook(leave)]
        heads = lambda x: x.reshape(self.batch, -1, s.heads, x.shape[-1] // s.heads)      # [b, p, h, e]
        self.on_input(get(block, s.o), name + 'hook_z', heads)
        parts = s.qkv.split()
        if len(parts) == 3:
            for part, letter in zip(parts, 'qkv'):
                self.on_output(get(block, part), name + 'hook_' + letter, heads)
            return

        def unpack(m, a, y):
            for letter, x in zip('qkv', y.chunk(3, -1)):
                self.put(f'{name}hook_{letter}', heads(x))
        self.hooks.append(get(block, parts[0]).register_forward_hook(unpack))

    @contextlib.contextmanager
    def watched_softmax(self):
        """Softmax is a function and not a module, so it cannot be hooked."""
        softmax = F.softmax

        def watched(x, *a, **k):
            y = softmax(x, *a, **k)
            if self.where and x.dim() == 4:
                self.put(self.where + 'hook_attn_scores', x.clamp_min(LOWEST))            # [b, h, q, k]
                self.put(self.where + 'hook_pattern', y)
            return y
        with patch.object(F, 'softmax', watched), patch.object(torch, 'softmax', watched):
            yield

    def run(self, inputs):
        """All named values of one forward pass, checked."""
        self.values, self.batch = {}, len(inputs['input_ids'])
        with torch.no_grad(), self.watched_softmax():
            out = self.model(**inputs)
        check(self.model, self.spec, self.values)
        return {**self.values, 'logits': out.logits.clone()}

    def close(self):
        for h in self.hooks:
            h.remove()


def same(a, b, what, tolerance=2e-4):
    difference = (a - b).abs().max().item()
    if not difference <= tolerance * max(1, b.abs().max().item()):
        raise AssertionError(f'{what}: max difference {difference}')


def check(model, s, v):
    """The identities that make a golden worth comparing with."""
    blocks = get(model, s.blocks)
    for i, block in enumerate(blocks):
        b = f'blocks.{i}.'
        pattern, value, z = (v[f'{b}attn.hook_{n}'] for n in ('pattern', 'v', 'z'))
        same(pattern.sum(-1), torch.ones(pattern.shape[:-1]), b + 'pattern rows')
        same(torch.einsum('bhqk,bkhe->bqhe', pattern, value), z, b + 'z = pattern v')
        stream = v[b + 'hook_resid_pre']
        if i == 0:
            same(stream, sum(v[name] for name in s.embed), 'resid_pre = embed')
        for out, total, norm in (('attn_out', 'resid_mid', s.mid), ('mlp_out', 'resid_post', s.post)):
            stream = stream + v[f'{b}hook_{out}']
            same(v[f'{b}hook_{total}'], stream, b + total)
            if s.post:
                with torch.no_grad():
                    stream = get(block, norm)(stream)
        if i + 1 < len(blocks):
            same(v[f'blocks.{i + 1}.hook_resid_pre'], stream, f'resid_pre of block {i + 1}')


def entropy_ratio(values):
    """Mean entropy of the attention rows over the entropy of a uniform row on the same allowed keys."""
    ratios = []
    for name, pattern in values.items():
        if not name.endswith('hook_pattern') or name.startswith('padded.'):
            continue
        allowed = (values[name.replace('pattern', 'attn_scores')] > -1e30).sum(-1)
        entropy = -(pattern * pattern.clamp_min(1e-30).log()).sum(-1)
        ratios.append((entropy / allowed.clamp_min(2).log())[allowed > 1])
    return torch.cat(ratios).mean().item()


def greedy(model, ids, steps):
    """The greedy continuation without a cache: (tokens, logits [steps, vocabulary])"""
    rows = []
    for _ in range(steps):
        with torch.no_grad():
            rows.append(model(input_ids=ids).logits[0, -1])
        ids = torch.cat([ids, rows[-1].argmax()[None, None]], 1)
    return ids[0, -steps:].tolist(), torch.stack(rows)


def record(model, spec, cases, generated=0):
    """cases: {'single' | 'padded': tensors}. Returns ({tensor name: value}, greedy tokens)."""
    recorder, tensors, tokens = Recorder(model, spec), {}, None
    for case, inputs in cases.items():
        prefix = '' if case == 'single' else case + '.'
        tensors.update({prefix + k: v for k, v in recorder.run(inputs).items()})
    recorder.close()
    if generated:
        tokens, tensors['generate.logits'] = greedy(model, cases['single']['input_ids'], generated)
    return tensors, tokens
