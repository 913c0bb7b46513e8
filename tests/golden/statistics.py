"""Statistics of the golden logits by NumPy, SciPy, scikit-learn and statsmodels, for tests/analysis.rs.

    python statistics.py    # writes statistics.json beside itself
"""

import json
import sys
from pathlib import Path

import numpy
import scipy
import sklearn
import statsmodels
from scipy.special import log_softmax, logsumexp
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss, top_k_accuracy_score
from statsmodels.stats.contingency_tables import mcnemar

HERE = Path(__file__).parent
labels = numpy.fromfile(HERE / "../../www/weights/test-labels.bin", dtype=numpy.uint8)[:10000]
assert len(labels) == 10000


def log_probs(name):
    logits = numpy.fromfile(HERE / f"{name}.logits.f16", dtype="<f2").astype(numpy.float64).reshape(10000, 100)
    return log_softmax(logits, axis=1)


def equal_mass_ece(p, n_bins):
    order = numpy.argsort(p.max(1), kind="stable")
    right = (p.argmax(1) == labels)[order]
    confidence = p.max(1)[order]
    bins = numpy.arange(len(order)) * n_bins // len(order)
    return sum(abs((right[bins == b] - confidence[bins == b]).sum()) for b in range(n_bins)) / len(order)


def equal_width_ece(p, n_bins):
    confidence, right = p.max(1), p.argmax(1) == labels
    bins = numpy.digitize(confidence, numpy.arange(1, n_bins) / n_bins, right=True)
    return sum(abs((right[bins == b] - confidence[bins == b]).sum()) for b in range(n_bins)) / len(confidence)


def bootstrap(values):
    found = scipy.stats.bootstrap((values,), numpy.mean, n_resamples=5000, method="percentile", batch=100, rng=0)
    return [found.confidence_interval.low, found.confidence_interval.high]


members = [log_probs(f"teacher{i}") for i in range(3)]
teacher = logsumexp(members, axis=0) - numpy.log(3)
student = log_probs("student0")
pt, ps = numpy.exp(teacher), numpy.exp(student)
at, as_ = pt.argmax(1), ps.argmax(1)
kl = scipy.special.rel_entr(pt, ps).sum(1)
right_t, right_s = at == labels, as_ == labels
ct = confusion_matrix(labels, at, labels=range(100), normalize="true")
cs = confusion_matrix(labels, as_, labels=range(100), normalize="true")
share = numpy.bincount(labels, minlength=100) / 10000
expected = share[:, None] * ct * cs
table = [[int((right_t & right_s).sum()), int((right_t & ~right_s).sum())], [int((~right_t & right_s).sum()), int((~right_t & ~right_s).sum())]]
test = mcnemar(table, exact=False, correction=True)
wrong = ~right_t

json.dump(
    {
        "versions": {
            "python": sys.version.split()[0],
            "numpy": numpy.__version__,
            "scipy": scipy.__version__,
            "sklearn": sklearn.__version__,
            "statsmodels": statsmodels.__version__,
        },
        "accuracy": [accuracy_score(labels, at), accuracy_score(labels, as_)],
        "top5": [top_k_accuracy_score(labels, p, k=5, labels=range(100)) for p in (pt, ps)],
        "nll": [log_loss(labels, p, labels=range(100)) for p in (pt, ps)],
        "ece15": [equal_width_ece(pt, 15), equal_width_ece(ps, 15)],
        "ece15_equal_mass": [equal_mass_ece(pt, 15), equal_mass_ece(ps, 15)],
        "agreement": float((at == as_).mean()),
        "kl": float(kl.mean()),
        "cells": table[0] + [table[1][0], int((wrong & ~right_s & (at == as_)).sum()), int((wrong & ~right_s & (at != as_)).sum())],
        "chance": float(expected.sum()),
        "copied_chance": float((expected.sum() - numpy.trace(expected)) / wrong.mean()),
        "mcnemar": [test.statistic, test.pvalue],
        "intervals": {
            "accuracy": bootstrap(right_s.astype(float)),
            "agreement": bootstrap((at == as_).astype(float)),
            "kl": bootstrap(kl),
            "difference": bootstrap(right_s.astype(float) - right_t),
        },
    },
    open(HERE / "statistics.json", "w"),
    indent=1,
)
