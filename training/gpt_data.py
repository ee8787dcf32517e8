"""Shakespeare as tokens, and random sequences that repeat."""
import math

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from common import CORPUS

VOCABULARY, CONTEXT = 1024, 256
END, PAD, SPECIAL = 0, 1, 2                     # ids below SPECIAL never occur in text


def split():
    """The last 10 % of the file is the validation text."""
    text = (CORPUS / 'shakespeare.txt').read_text(encoding='utf-8')
    cut = int(0.9 * len(text))
    return text[:cut], text[cut:]


def tokenizer():
    """Byte-level BPE, trained on the training text alone."""
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer, tok.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    tok.train_from_iterator([split()[0]], trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=['<|endoftext|>', '<pad>'],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False))
    return PreTrainedTokenizerFast(tokenizer_object=tok, bos_token='<|endoftext|>', eos_token='<|endoftext|>',
                                   unk_token='<|endoftext|>', pad_token='<pad>', model_max_length=CONTEXT,
                                   clean_up_tokenization_spaces=False)


def tokens(tok):
    """(train, validation) as one row of ids each."""
    return [torch.tensor(tok.backend_tokenizer.encode(text).ids) for text in split()]


def text_rows(ids, n, generator):
    """n random windows [n, context + 1]: input and, one further, target."""
    starts = torch.randint(len(ids) - CONTEXT, (n,), generator=generator)
    return torch.stack([ids[s:s + CONTEXT + 1] for s in starts])


def repeated_rows(n, length, generator):
    """Random tokens repeated until the row is full: only a head that looks back can predict them.

    Returns ids [n, length + 1], targets [n, length] with the first copy masked, and positions [n, length] that begin
    anywhere, so that the head learns a distance in content and not in position.
    """
    rows, targets = [], []
    for _ in range(n):
        low, high = math.log(8), math.log(length // 2)
        period = round(math.exp(low + (high - low) * torch.rand((), generator=generator).item()))
        segment = torch.randint(SPECIAL, VOCABULARY, (period,), generator=generator)
        row = segment.repeat(length // period + 2)[:length + 1]
        target = row[1:].clone()
        target[:period] = -100
        rows.append(row)
        targets.append(target)
    start = torch.randint(CONTEXT - length + 1, (n, 1), generator=generator)
    return torch.stack(rows), torch.stack(targets), start + torch.arange(length)
