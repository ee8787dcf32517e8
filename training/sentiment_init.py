"""Word vectors from the training snippets alone, to start the encoder from."""
import numpy as np
import torch
from scipy.sparse import csr_matrix, diags
from scipy.sparse.linalg import svds

WINDOW, SCALE = 5, 0.05


def ppmi_svd(rows, size, dimensions, seed):
    """rows: lists of ids. [size, dimensions]: the positive pointwise mutual information of neighbours, compressed;
    every row has norm SCALE * sqrt(dimensions). A word never seen keeps a random direction."""
    a, b = [], []
    for ids in rows:
        for gap in range(1, WINDOW + 1):
            a += ids[:-gap]
            b += ids[gap:]
    near = csr_matrix((np.ones(len(a)), (a, b)), (size, size))
    near = (near + near.T).tocoo()                                                        # [size, size]
    total, count = near.data.sum(), np.asarray(near.sum(1)).ravel()
    context = count ** 0.75                     # rare contexts say less than their PMI pretends
    pmi = np.log(near.data * context.sum() / (count[near.row] * context[near.col]))
    ppmi = csr_matrix((pmi.clip(0), (near.row, near.col)), (size, size))
    random = np.random.default_rng(seed)
    u, s, _ = svds(ppmi, dimensions, v0=random.standard_normal(size))
    vectors = u * np.sqrt(s) + 1e-6 * random.standard_normal(u.shape)
    vectors *= SCALE * np.sqrt(dimensions) / np.linalg.norm(vectors, axis=1, keepdims=True)
    return torch.tensor(vectors, dtype=torch.float32)
