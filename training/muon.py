"""Muon: momentum whose singular values are all set to about one (Jordan et al., 2024)."""
import torch


def orthogonalise(g):
    """Newton-Schulz, five steps."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g / (g.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    for _ in range(5):
        y = x @ x.T
        x = a * x + (b * y + c * y @ y) @ x
    return x.T if tall else x


class Muon(torch.optim.Optimizer):
    """For matrices [in, out]. GPT-2 packs q, k and v in one: each of the three is its own matrix here."""

    def __init__(self, params, lr, momentum=0.95):
        super().__init__(params, {'lr': lr, 'momentum': momentum})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group['params']:
                m = self.state[p].setdefault('momentum', torch.zeros_like(p))
                m.lerp_(p.grad, 1 - group['momentum'])
                g = p.grad.lerp(m, group['momentum'])
                for w, u in zip(*(x.split(x.shape[0], 1) if x.shape[1] == 3 * x.shape[0] else [x] for x in (p, g))):
                    w.add_(orthogonalise(u), alpha=-group['lr'] * max(1, w.shape[1] / w.shape[0]) ** 0.5)
