"""Calibration of the sentiment model as scikit-learn, netcal and MAPIE compute it, from its committed logits:
what the TypeScript is held against; Venn-Abers predictions by its authors' package. Also statistics of two samples by SciPy.
pip install scikit-learn netcal mapie venn-abers"""
import json
from pathlib import Path

import numpy as np
import scipy.stats
from mapie.classification import SplitConformalClassifier
from netcal.metrics import ECE, MCE
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.isotonic import IsotonicRegression
from sklearn.metrics import brier_score_loss, log_loss
from venn_abers import VennAbers

HERE = Path(__file__).resolve().parent
BINS = 15
AT = [0.5, 0.6, 0.7, 0.8, 0.9, 0.99]


class Softmax(ClassifierMixin, BaseEstimator):
    """The model, for MAPIE: it is given logits and only has to make probabilities of them."""
    classes_ = np.array([0, 1])
    n_features_in_ = 2

    def fit(self, x, y):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def predict_proba(self, x):
        return softmax(x, axis=1)

    def predict(self, x):
        return x.argmax(1)


def equal_mass_ece(confidence, correct, bins=BINS):
    """Sorted by confidence and cut by numpy.array_split: counts differ by at most one, the longer runs first."""
    order = np.argsort(confidence, kind='stable')
    runs = np.array_split(order, bins)
    return sum(len(r) * abs(confidence[r].mean() - correct[r].mean()) for r in runs) / len(order)


def numbers(confidence, correct):
    return {'ece': float(ECE(BINS).measure(confidence, correct)), 'mce': float(MCE(BINS).measure(confidence, correct)),
            'ece_equal_mass': float(equal_mass_ece(confidence, correct)),
            'brier': float(brier_score_loss(correct, confidence))}


best = lambda z: softmax(z, axis=1).max(1)
right = lambda z, t: (z.argmax(1) == t).astype(int)


def venn_abers(x, y):
    """confidences [m] -> merged, p0, p1, [m] each."""
    two = lambda c: np.stack([1 - np.asarray(c), np.asarray(c)], 1)                       # [m, 2]
    fit = VennAbers()
    fit.fit(two(best(x)), right(x, y))

    def predict(c):
        merged, bounds = fit.predict_proba(two(c))
        return merged[:, 1], bounds[:, 0], bounds[:, 1]
    return predict


def main():
    card = json.loads((HERE.parent / 'public' / 'models' / 'sentiment' / 'calibration.json').read_text())
    (fit_x, fit_y), (x, y) = [(np.array(card[k]['logits']), np.array(card[k]['labels'])) for k in ('validation', 'test')]
    isotonic = IsotonicRegression(out_of_bounds='clip').fit(best(fit_x), right(fit_x, fit_y))
    calibrated = isotonic.predict(best(x))
    conformal = SplitConformalClassifier(Softmax(), confidence_level=0.9, conformity_score='lac', prefit=True)
    conformal.conformalize(fit_x, fit_y)
    sets = conformal.predict_set(x)[1][:, :, 0]                                           # [n, classes]
    merged, lower, upper = venn_abers(fit_x, fit_y)(best(x))
    a, b = best(fit_x), best(x)
    u, v = np.array([3., 1., 4., 1., 5., 9., 2., 6.]), np.array([2., 7., 1., 8., 2., 8., 1., 8.])
    golden = {
        'made by': 'training/calibration_golden.py', 'bins': BINS, 'edges': '(lo, hi]',
        'before': numbers(best(x), right(x, y)) | {'nll': float(log_loss(y, softmax(x, axis=1)))},
        'isotonic': numbers(calibrated, right(x, y)) | {
            'at': AT, 'calibrated': isotonic.predict(AT).tolist()},
        # Many of its values lie on edges of bins, where the last digit of a float decides: no ECE of it.
        'venn_abers': {
            'brier': float(brier_score_loss(right(x, y), merged)), 'width': float((upper - lower).mean()), 'at': AT, 'few': 200, **{name: [column.tolist() for column in venn_abers(fit_x[:n], fit_y[:n])(AT)]
                                     for name, n in (('all', len(fit_y)), ('of_few', 200))}},
        'conformal': {'coverage': float(sets[np.arange(len(y)), y].mean()), 'size': float(sets.sum(1).mean())},
        'wilson': {'45 of 60': list(scipy.stats.binomtest(45, 60).proportion_ci(method='wilson'))},
        'drift': {'ks': float(scipy.stats.ks_2samp(a, b).statistic), 'w1': float(scipy.stats.wasserstein_distance(a, b)),
                  'spearman': float(scipy.stats.spearmanr(u, v).statistic)},
    }
    (HERE.parent / 'test' / 'unit' / 'observe' / 'calibration-golden.json').write_text(json.dumps(golden, indent=1) + '\n')
    print(json.dumps(golden, indent=1))


if __name__ == '__main__':
    main()
