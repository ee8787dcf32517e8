"""Movie-review snippets with a split that no run can change."""
import collections
import hashlib
import re
import tempfile
from pathlib import Path

from transformers import BertTokenizerFast

from common import CORPUS

LABELS = ('NEGATIVE', 'POSITIVE')
LENGTH = 64                                     # tokens; longer snippets are cut
VOCABULARY, SPECIAL = 8000, 5                   # ids below SPECIAL are [PAD], [UNK], [CLS], [SEP], [MASK]


def snippets():
    """[(id, text, label)]: the id is file and line. A text that occurs twice is kept once."""
    seen = {}
    for label, name in enumerate(('neg', 'pos')):
        lines = (CORPUS / 'sentence_polarity' / f'rt-polarity.{name}').read_text(encoding='utf-8').split('\n')
        for number, line in enumerate(lines, 1):
            if line.strip():
                seen.setdefault(line.strip(), (f'{name}:{number}', line.strip(), label))
    return list(seen.values())


def split():
    """{train, validation, test}: in each class, by the SHA-256 of the text, a tenth is test and a tenth validation."""
    parts = {'train': [], 'validation': [], 'test': []}
    for label in (0, 1):
        rows = sorted((r for r in snippets() if r[2] == label),
                      key=lambda r: hashlib.sha256(r[1].encode()).hexdigest())
        tenth = len(rows) // 10
        parts['test'] += rows[:tenth]
        parts['validation'] += rows[tenth:2 * tenth]
        parts['train'] += rows[2 * tenth:]
    return parts


def tokenizer(texts):
    """A WordPiece vocabulary that comes out the same every time (trained WordPiece does not): special tokens,
    characters, the most frequent endings, then the most frequent words of the training texts."""
    words = collections.Counter(w for t in texts for w in re.findall(r'[^\W\d_]+|[^\w\s]|\d+|_', t.lower()))
    endings = collections.Counter()
    for w, n in words.items():
        endings.update({w[-k:]: n for k in (2, 3, 4) if w.isalpha() and len(w) > k + 1})
    best = lambda counter, n: [w for w, _ in sorted(counter.items(), key=lambda x: (-x[1], x[0]))[:n]]
    chars = sorted({c for w in words for c in w if c.isascii()})
    vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', *chars, *('##' + c for c in chars if c.isalnum()),
                  *('##' + e for e in best(endings, 300))]
    known = set(vocabulary)
    vocabulary += [w for w in best(words, len(words)) if w not in known and w.isascii()][:VOCABULARY - len(vocabulary)]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, 'vocab.txt').write_text('\n'.join(vocabulary) + '\n', encoding='utf-8')
        return BertTokenizerFast(str(Path(folder, 'vocab.txt')), model_max_length=LENGTH)
