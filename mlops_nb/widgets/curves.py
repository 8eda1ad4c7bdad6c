"""Curves of published predictions, as JSON for a chart: few points, so that many runs fit into a notebook.

Binary: ROC, precision and recall, calibration (reliability in ten groups of equally many rows). Regression: the density
of the residuals, the error characteristic (which share of rows is off by at most so much; Bi and Bennett, *Regression
error characteristic curves*, 2003), and the residual by what was predicted (median, and from the 10th to the 90th
percentile, in ten groups).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from mlops_nb.widgets.predictions import Floats, Predictions

_POINTS = 160
_GROUPS = 10
_BINS = 40
_DIGITS = 5


def curves_of(predictions: Predictions) -> dict[str, Any] | None:
    """Return the curves of predictions by name, each with `x` and `y`; None where there is none to draw."""
    if predictions.task == "regression":
        return _regression(predictions)
    if predictions.task == "binary" and predictions.probability is not None:
        actual, probability = predictions.actual, predictions.probability
        if 0 < actual.sum() < len(actual):
            return _binary(actual, probability)
    return None


def _binary(actual: Floats, probability: Floats) -> dict[str, Any]:
    order = np.argsort(-probability, kind="stable")
    hits, sorted_ = np.cumsum(actual[order]), probability[order]
    # A threshold takes in all rows of one probability, or none of them.
    last = np.append(np.flatnonzero(np.diff(sorted_)), len(sorted_) - 1)
    true, taken = hits[last], last + 1.0
    recall, false_positive = true / actual.sum(), (taken - true) / (len(actual) - actual.sum())
    groups = _equal_groups(probability)
    return {
        "task": "binary",
        "rows": len(actual),
        "share": round(float(actual.mean()), _DIGITS),
        "curves": {
            "roc": _thinned(np.append(0.0, false_positive), np.append(0.0, recall)),
            "pr": _thinned(recall, true / taken),
            "calibration": {
                "x": _rounded([probability[group].mean() for group in groups]),
                "y": _rounded([actual[group].mean() for group in groups]),
                "rows": [len(group) for group in groups],
            },
        },
    }


def _regression(predictions: Predictions) -> dict[str, Any]:
    residual = predictions.predicted - predictions.actual
    low, high = np.percentile(residual, [0.5, 99.5])
    counts, edges = np.histogram(residual, bins=_BINS, range=(low, high) if high > low else None)
    density = counts / (len(residual) * np.diff(edges))
    off = np.sort(np.abs(residual))
    share = np.arange(1, len(off) + 1) / len(off)
    # The largest errors would press all others to the left.
    kept = off <= np.percentile(off, 99)
    groups = _equal_groups(predictions.predicted)
    spread = [np.percentile(residual[group], [10, 50, 90]) for group in groups]
    return {
        "task": "regression",
        "rows": len(residual),
        "curves": {
            "residuals": {"x": _rounded((edges[:-1] + edges[1:]) / 2), "y": _rounded(density)},
            "characteristic": _thinned(off[kept], share[kept]),
            "by_prediction": {
                "x": _rounded([predictions.predicted[group].mean() for group in groups]),
                "y": _rounded([each[1] for each in spread]),
                "low": _rounded([each[0] for each in spread]),
                "high": _rounded([each[2] for each in spread]),
                "rows": [len(group) for group in groups],
            },
        },
    }


def _equal_groups(values: Floats) -> list[Any]:
    order = np.argsort(values, kind="stable")
    return [group for group in np.array_split(order, _GROUPS) if len(group)]


def _thinned(x: Floats, y: Floats) -> dict[str, list[float]]:
    """Return a curve with its ends and points at equal distances along it, so that no corner is lost to a plateau."""
    if len(x) > _POINTS:
        spans = [max(float(np.ptp(each)), 1e-12) for each in (x, y)]
        steps = np.abs(np.diff(x)) / spans[0] + np.abs(np.diff(y)) / spans[1]
        way = np.concatenate([[0.0], np.cumsum(steps)])
        kept = np.unique(np.searchsorted(way, np.linspace(0.0, way[-1], _POINTS)).clip(0, len(x) - 1))
        x, y = x[kept], y[kept]
    return {"x": _rounded(x), "y": _rounded(y)}


def _rounded(values: Any) -> list[float]:
    # Significant digits, since residuals may be of any size.
    return [float(f"{value:.{_DIGITS}g}") for value in values]
