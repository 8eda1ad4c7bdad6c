"""How far two samples of one feature are apart, and how likely chance alone sets them so far apart.

Tests (is it more than chance?): the two-sample Kolmogorov-Smirnov test for numbers, Pearson's chi-squared test of
homogeneity for categories, the test of two proportions for missing values. Effects (is it enough to matter?): the
Wasserstein distance in standard deviations of the reference, the Jensen-Shannon distance, the population stability
index. SciPy is asked for three functions of its `special` module only: `scipy.stats` takes 0.4 s to import in each
kernel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

_EXPECTED = 5
_BINS = 10


def kolmogorov_smirnov(points: np.ndarray, rows: int, values: np.ndarray) -> tuple[float, float]:
    """Return the statistic of the two-sample Kolmogorov-Smirnov test and its asymptotic p-value.

    Parameters
    ----------
    points
        The reference's distribution, ascending: its values, or quantiles of them.
    rows
        How many values the points stand for.
    values
        The other sample, ascending, shape (n,).

    Notes
    -----
    Where the points are fewer than the rows, half a point's weight is taken off the statistic, which is the most that
    they can be wrong by; ties make the test conservative. The p-value is that of Stephens (1970), with the effective
    size rows * n / (rows + n).
    """
    import numpy as np
    from scipy.special import kolmogorov

    grid = np.concatenate([points, values])
    ours = np.searchsorted(values, grid, side="right") / len(values)
    theirs = np.searchsorted(points, grid, side="right") / len(points)
    statistic = float(np.abs(ours - theirs).max())
    if len(points) < rows:
        statistic = max(0.0, statistic - 0.5 / len(points))
    root = np.sqrt(rows * len(values) / (rows + len(values)))
    return statistic, float(kolmogorov((root + 0.12 + 0.11 / root) * statistic))


def pooled(reference: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two rows of counts with the rare categories as one.

    Parameters
    ----------
    reference, counts
        How often each category came, shape (k,) each. Categories that are expected fewer than 5 times in either sample
        are counted together, with the next rarest where that is still too few (Cochran's rule). What is rare is decided
        by both samples together: by one alone, the other would seem to have fewer of what is frequent there.
    """
    import numpy as np

    table = np.stack([reference, counts]).astype("float64")
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)).min(axis=0) / table.sum()
    order = np.argsort(expected, kind="stable")
    rare = int((expected < _EXPECTED).sum())
    while 0 < rare < len(order) and expected[order[:rare]].sum() < _EXPECTED:
        rare += 1
    if rare > 1:
        table = np.column_stack([table[:, order[rare:]], table[:, order[:rare]].sum(axis=1)])
    return table[0], table[1]


def chi_squared(reference: np.ndarray, counts: np.ndarray) -> tuple[float, float]:
    """Return Pearson's chi-squared statistic of two rows of counts, shape (k,) each, and its p-value."""
    import numpy as np
    from scipy.special import chdtrc

    table = np.stack([reference, counts]).astype("float64")
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    if table.shape[1] < 2:  # noqa: PLR2004 - one category differs from nothing
        return 0.0, 1.0
    statistic = float(((table - expected) ** 2 / expected).sum())
    return statistic, float(chdtrc(table.shape[1] - 1, statistic))


def two_proportions(one: int, of_one: int, other: int, of_other: int) -> float:
    """Return the p-value of the two-sided test that two shares are one; 1 where either is of nothing."""
    import numpy as np
    from scipy.special import ndtr

    if not of_one or not of_other:
        return 1.0
    pooled = (one + other) / (of_one + of_other)
    error = np.sqrt(pooled * (1 - pooled) * (1 / of_one + 1 / of_other))
    if not error:
        return 1.0
    # Half a row less (Yates), so that few rows are not taken for more than they are.
    off = abs(one / of_one - other / of_other) - 0.5 * (1 / of_one + 1 / of_other)
    return float(2 * ndtr(-max(0.0, off) / error))


def wasserstein(points: np.ndarray, values: np.ndarray, deviation: float) -> float:
    """Return the Wasserstein distance of two samples in standard deviations of the reference.

    Parameters
    ----------
    points, values
        Both ascending. The distance is the mean difference of their quantiles, taken at 1,000 places.
    deviation
        The reference's standard deviation; where it is 0, any difference is infinitely large.
    """
    import numpy as np

    places = (np.arange(1_000) + 0.5) / 1_000
    ours = values[np.minimum((places * len(values)).astype(int), len(values) - 1)]
    theirs = points[np.minimum((places * len(points)).astype(int), len(points) - 1)]
    apart = float(np.abs(ours - theirs).mean())
    if not deviation:
        return 0.0 if not apart else float("inf")
    return float(apart / deviation)


def jensen_shannon(reference: np.ndarray, counts: np.ndarray) -> float:
    """Return the Jensen-Shannon distance of two rows of counts, base 2: 0 for the same shares, 1 for nothing shared."""
    import numpy as np

    p, q = reference / reference.sum(), counts / counts.sum()
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(share > 0, share * np.log2(share / middle), 0.0).sum() for share in (p, q)]
    return float(np.sqrt(max(0.0, sum(parts) / 2)))


def stability_index(reference: np.ndarray, counts: np.ndarray) -> float:
    """Return the population stability index of two rows of counts, less what chance alone makes of it.

    Half a count is added to each, so that an empty bin does not make it infinite. Of samples of one distribution it is
    (k - 1)(1/m + 1/n) on average (Yurdakul 2018), which for a hundred rows is as much as a real change.
    """
    import numpy as np

    k = len(reference)
    p = (reference + 0.5) / (reference.sum() + 0.5 * k)
    q = (counts + 0.5) / (counts.sum() + 0.5 * k)
    found = float(((q - p) * np.log(q / p)).sum())
    return max(0.0, found - float((k - 1) * (1 / reference.sum() + 1 / counts.sum())))


def binned(points: np.ndarray, rows: int, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how often a reference's numbers, and other ones, fall between the deciles of the reference."""
    import numpy as np

    edges = np.unique(np.quantile(points, np.arange(1, _BINS) / _BINS, method="inverted_cdf"))
    theirs = np.bincount(np.searchsorted(edges, points), minlength=len(edges) + 1) * (rows / len(points))
    ours = np.bincount(np.searchsorted(edges, values), minlength=len(edges) + 1)
    return theirs, ours.astype("float64")


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number by Holm's step-down method (1979).

    The chance that any of those that are right is found wrong is at most the level they are held against, whatever
    depends on what.
    """
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    found = [1.0] * len(p_values)
    largest = 0.0
    for rank, position in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[position]))
        found[position] = largest
    return found
