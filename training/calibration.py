"""How far confidence is from accuracy, and the temperature that brings them together."""
import torch
import torch.nn.functional as F
from scipy.optimize import minimize_scalar

BINS = 15


def ece(logits, labels, temperature=1.0):
    """Expected calibration error: equal-width bins (lo, hi] over the confidence of the predicted class."""
    confidence, predicted = (logits / temperature).softmax(-1).max(-1)                    # [n]
    right = (predicted == labels).double()
    bins = (confidence * BINS).ceil().long().clamp(1, BINS) - 1                           # (lo, hi]
    gap = torch.zeros(BINS, dtype=torch.double).index_add_(0, bins, right - confidence.double())
    return gap.abs().sum().item() / len(labels)


def temperature(logits, labels):
    """argmin over T of the mean NLL of softmax(logits / T)."""
    nll = lambda log_t: F.cross_entropy(logits.double() / torch.tensor(log_t).exp(), labels).item()
    return float(torch.tensor(minimize_scalar(nll, bounds=(-3, 3), method='bounded',
                                              options={'xatol': 1e-9}).x).exp())


def accuracy(logits, labels):
    return (logits.argmax(-1) == labels).double().mean().item()


if __name__ == '__main__':                      # the test vectors of the project
    confidence = torch.tensor([.95, .91, .85, .82, .77, .66, .61, .55, .44, .35], dtype=torch.double)
    correct = torch.tensor([1, 1, 1, 0, 1, 1, 0, 1, 0, 0])
    # three classes, so that a confidence under 1/2 can be the largest: c, and the rest shared by the other two
    logits = torch.stack([confidence, (1 - confidence) / 2, (1 - confidence) / 2], -1).log()
    assert abs(ece(logits, 1 - correct) - 0.255) < 1e-9
    logits = torch.tensor([[2, 0, 0], [1, 3, 0], [0, 1, 4], [3, 2, 1], [.5, 0, 2]])
    assert abs(temperature(logits, torch.tensor([0, 1, 1, 0, 0])) - 2.30715788) < 1e-5
    assert abs(temperature(torch.tensor([[2., 0]] * 4), torch.tensor([0, 0, 0, 1])) - 1.8204784533) < 1e-5
    print('calibration: ok')
