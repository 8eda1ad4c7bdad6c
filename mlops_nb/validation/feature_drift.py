"""How one feature of a table differs from the reference: the test, the distance, and shares for a picture."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from mlops_nb.validation.distances import (
    binned,
    chi_squared,
    jensen_shannon,
    kolmogorov_smirnov,
    pooled,
    stability_index,
    two_proportions,
    wasserstein,
)
from mlops_nb.validation.frames import kind_of, numbers_of, seconds_of
from mlops_nb.validation.statistics import ColumnStatistics, column_statistics, value_counts

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from mlops_nb.validation.schema import DriftLimits

_SHOWN_BINS = 16


@dataclass(frozen=True)
class FeatureDrift:
    """How one feature differs from the reference.

    Parameters
    ----------
    name
        The column.
    test, p_value, corrected
        Which test said how likely chance alone does this, and that corrected for all features.
    effect, value, limit
        Which distance, how large, and from where on it matters; that one of them which exceeds its limit the most.
    importance
        What its drift weighs, 0 to 1.
    drifted
        Whether it is more than chance and enough to matter.
    bins, reference, current
        For a picture: labels, and the shares of the reference and of the new table, 0 to 1.
    """

    name: str
    test: str
    p_value: float
    effect: str
    value: float
    limit: float
    importance: float = 1.0
    corrected: float = 1.0
    drifted: bool = False
    bins: tuple[str, ...] = ()
    reference: tuple[float, ...] = ()
    current: tuple[float, ...] = ()

    @property
    def times(self) -> float:
        """How many times its limit the distance is."""
        return self.value / self.limit if self.limit else float("inf") if self.value else 0.0


def is_distributed(reference: ColumnStatistics, series: pd.Series) -> bool:
    """Say whether a column has a distribution that can be compared: neither times nor names of rows have."""
    if reference.names_rows and not (reference.kind == "integer" and reference.is_counted):
        return False
    if reference.kind in {"integer", "number", "duration"}:
        return kind_of(series) in {"integer", "number", "duration"} and reference.present > 0
    return reference.kind in {"boolean", "text"} and reference.is_counted


def compared(
    name: str, reference: ColumnStatistics, series: pd.Series, limits: DriftLimits, importance: float
) -> FeatureDrift:
    """Return how a column differs from what the reference says of it: in its values, and in how many are missing."""
    counts_few = reference.is_counted
    feature = (_categories if counts_few else _numbers)(name, reference, series, limits)
    now, rows = int(series.isna().sum()), len(series)
    p_missing = two_proportions(reference.missing, reference.rows, now, rows)
    change = abs(reference.missing / reference.rows - now / rows) if reference.rows and rows else 0.0
    if not reference.missing and not now:
        return _weighed(feature, importance)
    # Two looks at one feature count as two (Bonferroni), and the feature has one p-value.
    p_value = min(1.0, 2 * min(feature.p_value, p_missing))
    if p_missing < feature.p_value and change >= limits.missing:
        feature = FeatureDrift(
            name,
            "two proportions, of missing values",
            p_value,
            "share missing",
            change,
            limits.missing,
            bins=feature.bins,
            reference=feature.reference,
            current=feature.current,
        )
    return _weighed(feature, importance, p_value)


def _weighed(feature: FeatureDrift, importance: float, p_value: float | None = None) -> FeatureDrift:
    return replace(feature, importance=importance, p_value=feature.p_value if p_value is None else p_value)


def _numbers(name: str, reference: ColumnStatistics, series: pd.Series, limits: DriftLimits) -> FeatureDrift:
    import numpy as np

    values = seconds_of(series) if kind_of(series) == "duration" else numbers_of(series)
    values = np.sort(values[np.isfinite(values)])
    points = np.asarray(reference.points)
    present = reference.present - reference.infinite
    if not len(values) or not len(points):
        return FeatureDrift(name, "Kolmogorov-Smirnov", 1.0, "Wasserstein distance", 0.0, limits.wasserstein)
    _, p_value = kolmogorov_smirnov(points, present, values)
    theirs, ours = binned(points, present, values)
    effects = [
        ("Wasserstein distance", wasserstein(points, values, reference.deviation or 0.0), limits.wasserstein),
        ("population stability index", stability_index(theirs, ours), limits.psi),
    ]
    bins, before, now = _histogram(points, values)
    return FeatureDrift(
        name, "Kolmogorov-Smirnov", p_value, *_weightiest_of(effects), bins=bins, reference=before, current=now
    )


def _categories(name: str, reference: ColumnStatistics, series: pd.Series, limits: DriftLimits) -> FeatureDrift:
    import numpy as np

    then, now = dict(reference.counts), _by_name(column_statistics(series), series)
    names = list(dict.fromkeys((*then, *now)))
    before, after = (np.array([counts.get(one, 0) for one in names], dtype="float64") for counts in (then, now))
    if not before.sum() or not after.sum():
        return FeatureDrift(name, "chi-squared", 1.0, "Jensen-Shannon distance", 0.0, limits.jensen_shannon)
    pair = pooled(before, after)
    _, p_value = chi_squared(*pair)
    effects = [
        ("Jensen-Shannon distance", jensen_shannon(*pair), limits.jensen_shannon),
        ("population stability index", stability_index(*pair), limits.psi),
    ]
    most = np.argsort(-(before / before.sum() + after / after.sum()), kind="stable")[:_SHOWN_BINS]
    return FeatureDrift(
        name,
        "chi-squared",
        p_value,
        *_weightiest_of(effects),
        bins=tuple(str(names[at]) for at in most),
        reference=tuple(float(f"{before[at] / before.sum():.4g}") for at in most),
        current=tuple(float(f"{after[at] / after.sum():.4g}") for at in most),
    )


def _by_name(now: ColumnStatistics, series: pd.Series) -> dict[Any, int]:
    """Return how often each value came; of a column whose kind has changed too, by its values as text or numbers."""
    if now.kind in {"boolean", "text"}:
        return value_counts(series)
    if now.kind in {"integer", "number"}:
        import numpy as np

        numbers = numbers_of(series)
        values, times = np.unique(numbers[np.isfinite(numbers)], return_counts=True)
        return {float(value): int(count) for value, count in zip(values, times, strict=True)}
    return {}


def _weightiest_of(effects: list[tuple[str, float, float]]) -> tuple[str, float, float]:
    return max(effects, key=lambda effect: effect[1] / effect[2] if effect[2] else effect[1])


def _histogram(points: np.ndarray, values: np.ndarray) -> tuple[tuple[str, ...], tuple[float, ...], tuple[float, ...]]:
    """Return shares between equally distant edges; what lies far out is counted at the ends."""
    import numpy as np

    low = min(np.quantile(points, 0.005), np.quantile(values, 0.005))
    high = max(np.quantile(points, 0.995), np.quantile(values, 0.995))
    edges = np.linspace(low, high if high > low else low + 1, _SHOWN_BINS + 1)
    shares = [np.histogram(np.clip(sample, edges[0], edges[-1]), edges)[0] for sample in (points, values)]
    labels = tuple(f"{one:.4g} to {other:.4g}" for one, other in pairwise(edges))
    return labels, _shares(shares[0]), _shares(shares[1])


def _shares(counts: np.ndarray) -> tuple[float, ...]:
    return tuple(float(f"{count / counts.sum():.4g}") for count in counts)
