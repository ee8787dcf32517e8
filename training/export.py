"""After training: files, goldens, measurements and cards under public/models: python export.py [name ...]"""
import hashlib
import shutil
import sys

import onnx
import onnxruntime
import torch
import transformers
from safetensors.torch import save_file

import card
import gpt_data
import gpt_measure
import gpt_train
import onnx_files
import sentiment_data
import sentiment_measure
import sentiment_train
from common import CACHE, MODELS, SEED, load_json, save_json
from goldens import BERT, GPT2, entropy_ratio, record

GENERATED, TOKENS, SHORT = 16, 24, 15
CARDS = 'README.md', 'card.json'
DECODER, CLASSIFIER = 'text-generation-with-past', 'text-classification'


def empty_folder(name):
    folder = CACHE / 'export' / name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / 'onnx').mkdir(parents=True)
    return folder


def publish(name):
    """Only a whole model takes the place of the one before."""
    MODELS.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(MODELS / name, ignore_errors=True)
    shutil.move(CACHE / 'export' / name, MODELS / name)


def cases_of(tok, texts):
    """The inputs of the goldens: one text alone, and, of two, the padded batch."""
    cases = {'single': dict(tok(texts[:1], return_tensors='pt'))}
    if len(texts) > 1:
        cases['padded'] = dict(tok(texts, padding=True, return_tensors='pt'))
    return {name: {k: v[k] for k in ('input_ids', 'attention_mask')} for name, v in cases.items()}


def write_goldens(folder, model, spec, tok, texts, refused, generated=0):
    cases = cases_of(tok, texts)
    tensors, tokens = record(model, spec, cases, generated)
    files = {}
    for path in sorted((folder / 'onnx').glob('*.onnx')):
        fp32 = path.stem == 'model'
        found = onnx_files.compare(path, cases, tensors, tokens)
        if fp32 and (max(v.get('relative_rms', 0) for v in found.values()) > 1e-4
                     or found.get('generate', {}).get('same_tokens', generated) != generated):
            raise AssertionError(f'{folder.name}: the exported file is not the model: {found}')
        files[f'onnx/{path.name}'] = {
            'exporter': 'optimum eager' if fp32 else 'optimum eager, quantized', **onnx_files.describe(path),
            'difference': found,
            **({'goldens_at': onnx_files.locate(path, cases['single'], tensors)} if fp32 else {})}
    c, logits = model.config, tensors['logits']
    entropy = torch.distributions.Categorical(logits=logits).entropy().mean() / torch.tensor(logits.shape[-1]).log()
    save_file(tensors, folder / 'golden.safetensors')
    (folder / 'golden.safetensors').chmod(0o644)
    save_json(folder / 'golden.json', {
        'model': folder.name, 'note': 'trained', 'seed': SEED,
        'architecture': {
            'class': type(model).__name__, 'model_type': c.model_type, 'parameters': model.num_parameters(),
            'vocab': c.vocab_size, 'd_model': c.hidden_size, 'd_head': c.hidden_size // spec.heads,
            'stacks': [{'prefix': '', 'layers': c.num_hidden_layers, 'heads': spec.heads, 'kv_heads': spec.heads,
                        'norm': 'post' if spec.post else 'pre', 'rotary': False, 'causal': spec.causal,
                        'cross_attention': False}]},
        'attention_entropy_ratio': round(entropy_ratio(tensors), 4),
        'logits_std': round(logits.std().item(), 3), 'logits_entropy_ratio': round(entropy.item(), 4),
        'inputs': {name: {'text': texts if name == 'padded' else texts[:1],
                          **{k: v.tolist() for k, v in inputs.items()}} for name, inputs in cases.items()},
        **({'generate': {'prompt': 'single', 'tokens': tokens, 'text': tok.decode(tokens)}} if generated else {}),
        'files': files, 'refused': refused, 'tensors': {k: list(v.shape) for k, v in sorted(tensors.items())},
        'versions': {m.__name__: m.__version__ for m in (torch, transformers, onnx, onnxruntime)}})
    return {k: v['difference'] for k, v in files.items()}


def of_length(tok, texts, length):
    return next(t for t in texts if len(tok(t).input_ids) == length)


def hashes(folder):
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in sorted(folder.rglob('*')) if p.is_file() and p.name not in CARDS}


def sizes(folder):
    return {str(p.relative_to(folder)): p.stat().st_size for p in sorted(folder.rglob('*'))
            if p.is_file() and p.name not in CARDS}


def gpt():
    model, saved = gpt_train.load()
    tok, folder = gpt_data.tokenizer(), empty_folder('shakespeare-gpt')
    val = gpt_data.tokens(tok)[1]
    plain, small, refused = folder / 'onnx' / 'model.onnx', folder / 'onnx' / 'model_quantized.onnx', {}
    onnx_files.export(model, tok, DECODER, plain)
    onnx_files.quantise(plain, small)
    loss = {'fp32': gpt_measure.file_loss(plain, val), 'q8': gpt_measure.file_loss(small, val)}
    if loss['q8'] > 1.01 * loss['fp32']:        # q8 stays only where it costs less than one per cent
        refused['quantized'] = f"validation loss {loss['q8']:.4f} against {loss['fp32']:.4f} is over one per cent"
        small.unlink()
    model.config.save_pretrained(folder)
    model.generation_config.save_pretrained(folder)
    tok.save_pretrained(folder)
    texts = gpt_data.split()[1].split('\n\n')[1:]        # speeches, each with its speaker
    found = write_goldens(folder, model, GPT2, tok, [of_length(tok, texts, TOKENS)], refused, GENERATED)
    facts = {
        'training': {k: saved[k] for k in ('steps', 'step', 'seconds')}, 'seed': SEED,
        'validation': gpt_measure.losses(model, val), 'heads': gpt_measure.heads(model, val), 'files_loss': loss,
        'cached_decode': gpt_measure.cached_decode(model, plain, val), 'difference': found, 'refused': refused}
    card.gpt(folder, model, facts, gpt_measure.calibration(model, val), gpt_measure.samples(model, tok),
             hashes(folder), sizes(folder))


def sentiment():
    model, saved = sentiment_train.load()
    parts, folder = sentiment_data.split(), empty_folder('sentiment')
    new = lambda: sentiment_data.tokenizer([r[1] for r in parts['train']])
    tok = new()
    plain, small, refused = folder / 'onnx' / 'model.onnx', folder / 'onnx' / 'model_quantized.onnx', {}
    onnx_files.export(model, tok, CLASSIFIER, plain)
    onnx_files.quantise(plain, small)
    logits = {'fp32': sentiment_measure.file_logits(plain, parts, tok),
              'q8': sentiment_measure.file_logits(small, parts, tok)}
    measured = {k: sentiment_measure.measure(v, parts) for k, v in logits.items()}
    if measured['q8']['accuracy']['test'] < measured['fp32']['accuracy']['test'] - 0.01:
        refused['quantized'] = 'test accuracy falls by more than one point'
        small.unlink()
    model.config.save_pretrained(folder)
    new().save_pretrained(folder)               # a tokenizer that was used keeps its padding in tokenizer.json
    sentiment_measure.write_calibration(folder / 'calibration.json', logits['fp32'], parts, measured['fp32'])
    texts = [r[1] for r in parts['test']]
    found = write_goldens(folder, model, BERT, new(), [of_length(tok, texts, n) for n in (TOKENS, SHORT)], refused)
    facts = {
        'training': {k: v for k, v in saved.items() if k not in ('model',)}, 'seed': SEED,
        'split': {k: len(v) for k, v in parts.items()}, 'measured': measured, 'difference': found, 'refused': refused,
        'baseline': load_json(CACHE / 'sentiment-baseline.json'), 'tried': load_json(CACHE / 'sentiment-tried.json'),
        'probes': sentiment_measure.probes(plain, new())}
    card.sentiment(folder, model, facts, hashes(folder), sizes(folder))


if __name__ == '__main__':
    for name, build in {'shakespeare-gpt': gpt, 'sentiment': sentiment}.items():
        if sys.argv[1:] in ([], [name]) or name in sys.argv[1:]:
            build()
            publish(name)
            print(name, 'written')
