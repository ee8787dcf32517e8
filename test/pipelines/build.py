"""Build tiny seeded models for the pipelines of transformers.js that the zoo has none for: python build.py

Written beside this file in the Hugging Face layout. Nothing is downloaded. Needs what test/zoo/requirements.txt names.
"""
import contextlib
import io
import json
import shutil
import string
import sys
import tempfile
from pathlib import Path

import optimum.utils.input_generators
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (BertConfig, BertForMaskedLM, BertForQuestionAnswering, BertForSequenceClassification,
                          BertForTokenClassification, BertTokenizerFast, PreTrainedTokenizerFast, WhisperConfig,
                          WhisperForConditionalGeneration)

HERE = Path(__file__).resolve().parent
WORDS = '''the a of to and in is was it not be or king queen who where what rome paris london lives ruled saw film was
good bad great sad loved hated about this example politics sport science'''.split()
SMALL = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
             max_position_embeddings=64)


def wordpiece():
    """Special tokens, characters, continuing characters, a few words."""
    chars = string.ascii_lowercase + string.digits + '.,?!'
    vocab = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', *chars, *('##' + c for c in chars), *dict.fromkeys(WORDS)]
    vocab = list(dict.fromkeys(vocab))
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, 'vocab.txt').write_text('\n'.join(vocab))
        return BertTokenizerFast(str(Path(folder, 'vocab.txt')), model_max_length=64)


def characters():
    """Bytes as GPT-2 writes them, and Whisper's special tokens."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    special = ['<|endoftext|>', '<|startoftranscript|>', '<|notimestamps|>']
    tok = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, []))
    tok.pre_tokenizer, tok.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tok.add_special_tokens(special)
    return PreTrainedTokenizerFast(tokenizer_object=tok, bos_token=special[0], eos_token=special[0],
                                   unk_token=special[0], pad_token=special[0], clean_up_tokenization_spaces=False)


def seeded(model, seed):
    """Weights far from the usual tiny initialisation, so that attention is peaked and logits are not flat."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.dim() < 2:
                p.copy_((1 if 'norm' in name.lower() and 'weight' in name else 0) + 0.1 * torch.randn(p.shape, generator=g))
            elif 'embed' in name:
                p.copy_(0.7 * torch.randn(p.shape, generator=g))
            else:
                p.copy_(2.0 * torch.randn(p.shape, generator=g) / p[0].numel() ** 0.5)
    model.tie_weights()
    return model.eval()


def export(name, model, tokenizer, task, files):
    from optimum.exporters.onnx import onnx_export_from_model
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / 'onnx').mkdir(parents=True)
    tokenizer.save_pretrained(folder)
    with tempfile.TemporaryDirectory() as made, contextlib.redirect_stdout(io.StringIO()):
        onnx_export_from_model(model, made, task=task, do_validation=False)
        for file in files:
            shutil.copy(Path(made, file), folder / 'onnx' / file)
    config = model.config.to_dict()
    config['architectures'] = [type(model).__name__]
    (folder / 'config.json').write_text(json.dumps(config, indent=1, default=str) + '\n')
    for left in ('vocab.txt', 'vocab.json', 'merges.txt', 'special_tokens_map.json'):
        (folder / left).unlink(missing_ok=True)
    return folder


def labels(*names):
    return dict(id2label=dict(enumerate(names)), label2id={n: i for i, n in enumerate(names)})


def bert(cls, seed, **more):
    config = BertConfig(vocab_size=len(wordpiece()), attn_implementation='eager', **SMALL, **more)
    return seeded(cls._from_config(config, attn_implementation='eager'), seed)


def whisper():
    tokenizer = characters()
    end, start, untimed = (tokenizer.convert_tokens_to_ids(t)
                           for t in ('<|endoftext|>', '<|startoftranscript|>', '<|notimestamps|>'))
    config = WhisperConfig(vocab_size=len(tokenizer), num_mel_bins=16, d_model=32, encoder_layers=2, decoder_layers=2,
                           encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=64,
                           decoder_ffn_dim=64, max_source_positions=50, max_target_positions=64, pad_token_id=end,
                           bos_token_id=end, eos_token_id=end, decoder_start_token_id=start,
                           begin_suppress_tokens=[end])
    model = seeded(WhisperForConditionalGeneration._from_config(config, attn_implementation='eager'), 5)
    model.generation_config.update(is_multilingual=False, no_timestamps_token_id=untimed, begin_suppress_tokens=[end],
                                   decoder_start_token_id=start, eos_token_id=end, pad_token_id=end)
    # A second of sound instead of thirty.
    optimum.utils.input_generators.DEFAULT_DUMMY_SHAPES['nb_max_frames'] = 100
    folder = export('whisper', model, tokenizer, 'automatic-speech-recognition-with-past',
                    ['encoder_model.onnx', 'decoder_model_merged.onnx'])
    settings = json.loads((folder / 'tokenizer_config.json').read_text())
    settings['tokenizer_class'] = 'WhisperTokenizer'
    (folder / 'tokenizer_config.json').write_text(json.dumps(settings, indent=1) + '\n')
    model.generation_config.save_pretrained(folder)
    (folder / 'preprocessor_config.json').write_text(json.dumps({
        'feature_extractor_type': 'WhisperFeatureExtractor', 'processor_class': 'WhisperProcessor', 'feature_size': 16,
        'sampling_rate': 16000, 'hop_length': 160, 'n_fft': 400, 'chunk_length': 1, 'n_samples': 16000,
        'nb_max_frames': 100, 'padding_side': 'right', 'padding_value': 0.0, 'return_attention_mask': False},
        indent=1) + '\n')


MODELS = {
    'tokens': lambda: export('tokens', bert(BertForTokenClassification, 1, **labels('O', 'B-PER', 'B-LOC')),
                             wordpiece(), 'token-classification', ['model.onnx']),
    'answers': lambda: export('answers', bert(BertForQuestionAnswering, 2), wordpiece(), 'question-answering',
                              ['model.onnx']),
    'mask': lambda: export('mask', bert(BertForMaskedLM, 3), wordpiece(), 'fill-mask', ['model.onnx']),
    'entailment': lambda: export('entailment', bert(BertForSequenceClassification, 4,
                                                    **labels('contradiction', 'neutral', 'entailment')),
                                 wordpiece(), 'text-classification', ['model.onnx']),
    'whisper': whisper,
}

for name in sys.argv[1:] or MODELS:
    MODELS[name]()
    print(name, sum(f.stat().st_size for f in (HERE / name).rglob('*') if f.is_file()) // 1024, 'KiB')
