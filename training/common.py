"""Where things are, and what makes a run repeatable."""
import json
import os
from pathlib import Path

os.environ.setdefault('HF_HUB_OFFLINE', '1')    # nothing here may reach for a hub
os.environ.setdefault('TOKENIZERS_PARALLELISM', 'false')
import torch

HERE = Path(__file__).resolve().parent
CORPUS = HERE / 'corpus'
CACHE = HERE / '.cache'                         # checkpoints and measurements: ignored by git
MODELS = HERE.parent / 'public' / 'models'
SEED = 20

CACHE.mkdir(exist_ok=True)
torch.set_num_threads(1)                        # sums in one order: the same machine gives the same weights


def save_json(path, value):
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + '\n')


def load_json(path):
    return json.loads(path.read_text())


def save_checkpoint(path, value):
    """Whole or not at all, so that a killed run resumes from the checkpoint before."""
    torch.save(value, path.with_suffix('.tmp'))
    path.with_suffix('.tmp').rename(path)
