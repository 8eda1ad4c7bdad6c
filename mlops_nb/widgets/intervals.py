"""How sure a metric is: 95 % intervals in closed form, for numbers that the published predictions give again.

A recorded metric gets an interval only where computing it from the run's published predictions gives the recorded
number: then it is known what was measured, and on which rows. The intervals are of the rows: of another test set of
the same kind, not of another training.

Sources: Wilson, *Probable inference, the law of succession, and statistical inference*, 1927 (shares); DeLong, DeLong
and Clarke-Pearson, *Comparing the areas under two or more correlated receiver operating characteristic curves*, 1988,
with the ranks of Sun and Xu, 2014 (areas under ROC curves); the central limit theorem (means of errors).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_nb.widgets.predictions import Floats, Predictions

LEVEL = 0.95
_Z = 1.959963984540054
_SAME = 1e-6
# Rows too few for a normal approximation say nothing about their mean's error.
_FEWEST = 10


@dataclass(frozen=True)
class Interval:
    """Where a metric's true value lies with 95 % confidence, and by which method that was found."""

    value: float
    low: float
    high: float
    how: str


def intervals_of(predictions: Predictions, metrics: Mapping[str, float]) -> dict[str, Interval]:
    """Return the intervals of those metrics that the predictions give again.

    Parameters
    ----------
    metrics
        As the run recorded them; a dotted name counts by its last part.
    """
    computed: dict[str, Interval | None] = {}
    found = {}
    for name, recorded in metrics.items():
        short = name.rpartition(".")[2].lower()
        if short not in computed:
            computed[short] = _interval(short, predictions)
        one = computed[short]
        if one is not None and math.isclose(one.value, recorded, rel_tol=_SAME, abs_tol=_SAME * 1e-3):
            found[name] = one
    return found


def _interval(name: str, told: Predictions) -> Interval | None:  # noqa: C901 - one case a metric
    if len(told) < _FEWEST:
        return None
    actual, predicted, probability = told.actual, told.predicted, told.probability
    binary, numbers = told.task == "binary", told.task == "regression"
    if name == "accuracy" and not numbers:
        return _share(int((actual == predicted).sum()), len(told))
    if name == "precision" and binary:
        return _share(int(actual[predicted == 1].sum()), int((predicted == 1).sum()))
    if name in {"recall", "sensitivity"} and binary:
        return _share(int(predicted[actual == 1].sum()), int((actual == 1).sum()))
    if name in {"roc_auc", "auc"} and binary and probability is not None:
        return _area(actual, probability)
    if name in {"brier", "brier_score"} and binary and probability is not None:
        return _mean((probability - actual) ** 2)
    if name in {"log_loss", "logloss"} and binary and probability is not None:
        least = float(np.finfo("float64").eps)
        surely = np.clip(np.where(actual == 1, probability, 1 - probability), least, 1 - least)
        return _mean(-np.log(surely))
    if name in {"mae", "mean_absolute_error"} and numbers:
        return _mean(np.abs(predicted - actual))
    if name in {"mse", "mean_squared_error"} and numbers:
        return _mean((predicted - actual) ** 2)
    if name in {"rmse", "root_mean_squared_error"} and numbers:
        squares = _mean((predicted - actual) ** 2)
        value, low, high = (math.sqrt(max(0.0, each)) for each in (squares.value, squares.low, squares.high))
        return Interval(value, low, high, squares.how)
    return None


def _share(hits: int, of: int) -> Interval | None:
    if of < _FEWEST:
        return None
    share = hits / of
    middle = (share + _Z**2 / (2 * of)) / (1 + _Z**2 / of)
    half = _Z / (1 + _Z**2 / of) * math.sqrt(share * (1 - share) / of + _Z**2 / (4 * of**2))
    return Interval(share, max(0.0, middle - half), min(1.0, middle + half), f"Wilson, {of:,} rows")


def _mean(errors: Floats) -> Interval:
    value = float(errors.mean())
    half = _Z * float(errors.std(ddof=1)) / math.sqrt(len(errors))
    return Interval(value, max(0.0, value - half), value + half, f"normal, {len(errors):,} rows")


def _area(actual: Floats, score: Floats) -> Interval | None:
    positive, negative = score[actual == 1], score[actual == 0]
    m, n = len(positive), len(negative)
    if min(m, n) < _FEWEST:
        return None
    ranks = _midranks(np.concatenate([positive, negative]))
    of_positive = (ranks[:m] - _midranks(positive)) / n
    of_negative = 1.0 - (ranks[m:] - _midranks(negative)) / m
    value = float(of_positive.mean())
    half = _Z * math.sqrt(float(of_positive.var(ddof=1)) / m + float(of_negative.var(ddof=1)) / n)
    return Interval(value, max(0.0, value - half), min(1.0, value + half), f"DeLong, {m + n:,} rows")


def _midranks(values: Floats) -> Floats:
    """Return ranks from 1; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    ranks: Floats = (last - (counts - 1) / 2.0)[inverse]
    return ranks
