"""Statistics of the golden logits by NumPy, SciPy, scikit-learn and statsmodels, for tests/statistics.rs.

    python statistics.py    # writes statistics.json beside itself
"""

import json
import sys
from pathlib import Path

import numpy
import scipy
import sklearn
import statsmodels
from scipy.optimize import minimize_scalar
from scipy.spatial.distance import pdist
from scipy.special import log_softmax, logsumexp
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss, top_k_accuracy_score
from sklearn.metrics.pairwise import rbf_kernel
from statsmodels.stats.contingency_tables import mcnemar

HERE = Path(__file__).parent
labels = numpy.fromfile(HERE / "../../www/weights/test-labels.bin", dtype=numpy.uint8)[:10000]
assert len(labels) == 10000


def logits(name):
    return numpy.fromfile(HERE / f"{name}.logits.f16", dtype="<f2").astype(numpy.float64).reshape(10000, 100)


def log_probs(name):
    return log_softmax(logits(name), axis=1)


def equal_mass_ece(p, n_bins):
    order = numpy.argsort(p.max(1), kind="stable")
    right = (p.argmax(1) == labels)[order]
    confidence = p.max(1)[order]
    bins = numpy.arange(len(order)) * n_bins // len(order)
    return sum(abs((right[bins == b] - confidence[bins == b]).sum()) for b in range(n_bins)) / len(order)


def equal_width_ece(p, n_bins):
    return equal_width_gap(p.max(1), p.argmax(1) == labels, n_bins)


def equal_width_gap(confidence, right, n_bins):
    bins = numpy.digitize(confidence, numpy.arange(1, n_bins) / n_bins, right=True)
    return sum(abs((right[bins == b] - confidence[bins == b]).sum()) for b in range(n_bins)) / len(confidence)


def bootstrap(values):
    found = scipy.stats.bootstrap((values,), numpy.mean, n_resamples=5000, method="percentile", batch=100, rng=0)
    return [found.confidence_interval.low, found.confidence_interval.high]


def ece(p, images):
    """Ten bins of equal width, over some images."""
    confidence, right = p[images].max(1), p[images].argmax(1) == labels[images]
    return equal_width_gap(confidence, right, 10)


def half_of(n, seed):
    """The images of the first half: a Fisher-Yates shuffle by ChaCha8 (key: seed, purpose 10), bounded numbers after Lemire 2019."""
    key = [seed, 10, 0, 0, 0, 0, 0, 0]
    words, counter = [], 0

    def block(counter):
        mask = 0xFFFFFFFF
        start = [0x61707865, 0x3320646E, 0x79622D32, 0x6B206574, *key, counter & mask, counter >> 32, 0, 0]
        x = list(start)

        def quarter(a, b, c, d):
            for to, other, by, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
                x[to] = (x[to] + x[other]) & mask
                v = x[by] ^ x[to]
                x[by] = ((v << bits) | (v >> (32 - bits))) & mask

        for _ in range(4):
            for q in ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15), (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14)):
                quarter(*q)
        return [(a + b) & mask for a, b in zip(x, start)]

    order = list(range(n))
    for last in range(n - 1, 0, -1):
        bound = last + 1
        while True:
            if not words:
                words, counter = block(counter), counter + 1
            product = words.pop(0) * bound
            if product & 0xFFFFFFFF >= 2**32 % bound:
                break
        other = product >> 32
        order[last], order[other] = order[other], order[last]
    return numpy.array(order[: n // 2]), numpy.array(order[n // 2 :])


def soft(log_p, temperature):
    return log_softmax(log_p / temperature, axis=1)


def nll(log_p, images):
    return float(-log_p[images, labels[images]].mean())


def fit(log_p, is_student):
    """Temperature, then NLL, ECE and KL at 1 and at the temperature."""
    found = minimize_scalar(
        lambda u: nll(soft(log_p, numpy.exp(u)), fitted), bounds=(numpy.log(0.01), numpy.log(100)), method="bounded", options={"xatol": 1e-12}
    )
    temperature = float(numpy.exp(found.x))
    figures = []
    for log_q in (log_p, soft(log_p, temperature)):
        kl = scipy.special.rel_entr(pt, numpy.exp(log_q)).sum(1)[reported].mean() if is_student else None
        figures.append([nll(log_q, reported), ece(numpy.exp(log_q), reported), kl and float(kl)])
    return [temperature, *figures]


def hsic(k, l):
    """Song et al. 2012, equation 5."""
    n = len(k)
    k, l = k - numpy.diag(numpy.diag(k)), l - numpy.diag(numpy.diag(l))
    one = numpy.ones(n)
    return (numpy.trace(k @ l) + one @ k @ one * (one @ l @ one) / (n - 1) / (n - 2) - 2 / (n - 2) * (one @ k @ l @ one)) / n / (n - 3)


def cka(first, second, batch, n_batches):
    """Linear and RBF, over batches of features; and the bandwidths."""
    sigmas = [0.5 * float(numpy.median(pdist(x[:batch]))) for x in (first, second)]
    sums = numpy.zeros((2, 3))
    for b in range(n_batches):
        x, y = (features[b * batch : (b + 1) * batch] for features in (first, second))
        for i, (k, l) in enumerate([(x @ x.T, y @ y.T), tuple(rbf_kernel(z, gamma=0.5 / s**2) for z, s in zip((x, y), sigmas))]):
            sums[i] += [hsic(k, k), hsic(k, l), hsic(l, l)]
    return [float(s[1] / numpy.sqrt(s[0] * s[2])) for s in sums], sigmas


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
margins = [numpy.diff(numpy.sort(p, axis=1)[:, -2:], axis=1)[:, 0] for p in (pt, ps)]
fitted, reported = half_of(10000, 0)
IMAGE = 7
everything = numpy.arange(10000)
tops = {int(c) for p in (pt, ps, *numpy.exp(members)) for c in numpy.argsort(-p[IMAGE], kind="stable")[:5]}
shown = [int(c) for c in numpy.argsort(-pt[IMAGE], kind="stable") if int(c) in tops]
alignment, bandwidths = cka(logits("teacher0"), logits("student0"), 64, 3)
TEMPERATURES = (0.5, 1.0, 3.0)

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
        "images": {
            "most_kl": numpy.argsort(-kl, kind="stable")[:50].tolist(),
            "least_margin": numpy.argsort(margins[1], kind="stable")[:50].tolist(),
            "margins": [float(margin.mean()) for margin in margins],
            # Wrong alike, of the student's last of ten bins of equal mass.
            "wrong_alike_and_sure": numpy.flatnonzero(
                wrong & (at == as_) & (numpy.argsort(numpy.argsort(ps.max(1), kind="stable")) >= 9000)
            ).tolist(),
        },
        "image_answers": {"classes": shown, "ensemble": pt[IMAGE, shown].tolist(), "student0": ps[IMAGE, shown].tolist()},
        "temperature_fits": {
            "ensemble": fit(teacher, False),
            "student0": fit(student, True),
            "teacher1": fit(members[1], False),
        },
        "temperature_curves": {
            "temperatures": TEMPERATURES,
            "nll": [[nll(soft(log_p, t), everything) for t in TEMPERATURES] for log_p in (teacher, student)],
            "ece": [[ece(numpy.exp(soft(log_p, t)), everything) for t in TEMPERATURES] for log_p in (teacher, student)],
            "kl": [
                [float(scipy.special.rel_entr(numpy.exp(soft(teacher, t)), ps).sum(1).mean()) for t in TEMPERATURES],
                [float(scipy.special.rel_entr(pt, numpy.exp(soft(student, t))).sum(1).mean()) for t in TEMPERATURES],
            ],
        },
        "pairs": [[accuracy_score(a.argmax(1), b.argmax(1)) for b in (*members, student)] for a in (*members, student)],
        "verification": [
            float(numpy.abs(logits("teacher0") - logits("teacher1"))[:100].max()),
            int((members[0].argmax(1) != members[1].argmax(1))[:100].sum()),
        ],
        "cka": {"linear": alignment[0], "rbf": alignment[1], "bandwidths": bandwidths},
    },
    open(HERE / "statistics.json", "w"),
    indent=1,
)
