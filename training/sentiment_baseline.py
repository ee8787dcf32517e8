"""What a linear model on words reaches on the same split: python sentiment_baseline.py"""
import warnings

import numpy as np
from scipy.sparse import diags
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from common import CACHE, save_json
from sentiment_data import split

warnings.filterwarnings('ignore')
GRID = 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000


def naive_bayes_weights(x, y):
    """log of how much more often a feature is seen in positive texts (Wang and Manning, 2012)."""
    positive, negative = 1 + x[y == 1].sum(0), 1 + x[y == 0].sum(0)
    return diags(np.asarray(np.log(positive / positive.sum() * negative.sum() / negative)).ravel())


def best_on_validation(features, labels):
    """The regularisation with the best validation accuracy; test is looked at once."""
    made = []
    for c in GRID:
        model = LogisticRegression(C=c, max_iter=2000).fit(features['train'], labels['train'])
        made.append((model.score(features['validation'], labels['validation']), -c, model))
    validation, c, model = max(made, key=lambda m: m[:2])
    return {'C': -c, 'validation': validation, 'test': model.score(features['test'], labels['test'])}


def main():
    parts = split()
    texts = {k: [r[1] for r in rows] for k, rows in parts.items()}
    labels = {k: np.array([r[2] for r in rows]) for k, rows in parts.items()}
    words = r"[^\W\d_]+|[^\w\s]|\d+"
    result = {}
    for name, make in {
            'TF-IDF of words': TfidfVectorizer(token_pattern=words, sublinear_tf=True),
            'TF-IDF of words and pairs': TfidfVectorizer(token_pattern=words, ngram_range=(1, 2), sublinear_tf=True),
            'naive-Bayes weighted words and pairs': CountVectorizer(token_pattern=words, ngram_range=(1, 2),
                                                                    binary=True)}.items():
        make.fit(texts['train'])
        features = {k: make.transform(t) for k, t in texts.items()}
        if 'Bayes' in name:
            scale = naive_bayes_weights(features['train'], labels['train'])
            features = {k: x @ scale for k, x in features.items()}
        result[name] = best_on_validation(features, labels)
        print(name, result[name], flush=True)
    save_json(CACHE / 'sentiment-baseline.json', result)


if __name__ == '__main__':
    main()
