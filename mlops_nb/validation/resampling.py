"""Intervals by the paired bootstrap: rows are drawn with replacement, many times, and both models see the same draws.

Percentile intervals (Efron and Tibshirani, *An Introduction to the Bootstrap*, 1993, chapter 13). Pairing takes the
luck of the rows out of the difference of two models: a hard row is hard for both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TIMES = 1_000
LEVEL = 0.95
# So many drawn numbers are held at once, and drawn in all: more rows need fewer draws.
_AT_ONCE = 2_000_000
_IN_ALL = 200_000_000
_LEAST_TIMES = 200


@dataclass(frozen=True)
class Interval:
    """Where a number lies with the confidence `level`."""

    low: float
    high: float
    level: float = LEVEL

    def __str__(self) -> str:
        return f"{self.low:.4g} to {self.high:.4g}"


def draws(rows: int, times: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Yield how often each row was drawn, `times` samples in all: float64, shape (some, rows)."""
    stream = np.random.default_rng(seed)
    at_once = max(1, min(times, _AT_ONCE // max(rows, 1)))
    for start in range(0, times, at_once):
        some = min(at_once, times - start)
        drawn = stream.integers(rows, size=(some, rows)) + np.arange(some)[:, None] * rows
        yield np.bincount(drawn.ravel(), minlength=some * rows).reshape(some, rows).astype(float)


def resampled(statistic: Callable[[np.ndarray], np.ndarray], rows: int, times: int = TIMES) -> np.ndarray:
    """Return a statistic on each of the samples; of `statistic`'s result the last axis is that of the samples."""
    times = max(_LEAST_TIMES, min(times, _IN_ALL // max(rows, 1)))
    return np.concatenate([statistic(weights) for weights in draws(rows, times)], axis=-1)


def interval(samples: np.ndarray, level: float = LEVEL) -> Interval | None:
    """Return the middle part of samples; None when fewer than half of them have a value."""
    valued = samples[~np.isnan(samples)]
    if len(valued) * 2 < max(len(samples), 1):
        return None
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(valued, [tail, 1.0 - tail])
    return Interval(float(low), float(high), level)
