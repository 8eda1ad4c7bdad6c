"""Whether a classifier can tell the rows of two tables apart: the change of columns together, which none shows alone.

Both tables are cut in half. A forest learns on one half which table a row is from, and ranks the rows of the other,
which it has never seen; the area under the ROC curve is the Mann-Whitney statistic of those ranks, so that its p-value
is exact in the limit whatever the classifier is (Lopez-Paz and Oquab 2017, *Revisiting classifier two-sample tests*).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_nb.validation.frames import kind_of, numbers_of, seconds_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pandas as pd

MOST_ROWS = 2_000
_LEAST_ROWS = 100
_TREES = 60
_LEAF = 10
_SEED = 20_190_401


@dataclass(frozen=True)
class ToldApart:
    """How well rows of two tables are told apart: the AUC, its one-sided p-value, and the columns it goes by most."""

    auc: float
    p_value: float
    rows: int
    features: tuple[str, ...] = ()


def tell_apart(reference: pd.DataFrame, current: pd.DataFrame) -> ToldApart | None:
    """Return how well a classifier tells the rows of two tables apart; None where either has too few.

    Parameters
    ----------
    reference, current
        Frames with the same columns. Of either at most 2,000 rows are looked at, drawn with a fixed seed.
    """
    import numpy as np
    from sklearn.ensemble import ExtraTreesClassifier

    if min(len(reference), len(current)) < _LEAST_ROWS:
        return None
    draws = np.random.default_rng(_SEED)
    size = min(MOST_ROWS, len(reference), len(current))
    frames = [frame.iloc[draws.permutation(len(frame))[:size]] for frame in (reference, current)]
    columns = [_numeric(frames[0][name], frames[1][name]) for name in reference.columns]
    rows = np.column_stack([np.concatenate(pair) for pair in columns])
    of_current = np.repeat([0, 1], size)
    learns = np.tile(np.arange(size) % 2 == 0, 2)
    # One thread: the step's own limits hold for it too, and so small a forest gains nothing from more.
    forest = ExtraTreesClassifier(_TREES, min_samples_leaf=_LEAF, random_state=_SEED, n_jobs=1)
    forest.fit(rows[learns], of_current[learns])
    scores = forest.predict_proba(rows[~learns])[:, 1]
    auc, p_value = _mann_whitney(scores[of_current[~learns] == 0], scores[of_current[~learns] == 1])
    order = np.argsort(-forest.feature_importances_)
    return ToldApart(auc, p_value, size, tuple(str(reference.columns[at]) for at in order[:3]))


def _numeric(reference: pd.Series, current: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return two columns as numbers: categories by how frequent they are in the reference, missing below all."""
    import numpy as np

    kinds = {kind_of(reference), kind_of(current)}
    if kinds <= {"integer", "number", "boolean"}:
        pair = numbers_of(reference), numbers_of(current)
    elif kinds == {"duration"}:
        pair = seconds_of(reference), seconds_of(current)
    else:
        plain = [column.astype(object).where(column.notna()) for column in (reference, current)]
        texts = [column.map(str, na_action="ignore") for column in plain]
        ranks = {value: rank for rank, value in enumerate(texts[0].value_counts().index)}
        pair = _ranked(texts[0], ranks), _ranked(texts[1], ranks)
    finite = np.concatenate([values[np.isfinite(values)] for values in pair])
    low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 0.0)
    # The forest takes single-precision numbers.
    most = 1e30
    reference_, current_ = (
        np.clip(np.nan_to_num(values, nan=low - 1 - abs(low), posinf=high, neginf=low), -most, most) for values in pair
    )
    return reference_, current_


def _ranked(texts: pd.Series, ranks: Mapping[str, int]) -> np.ndarray:
    """Return each text's rank, what has none above all, and NaN where there is no text."""
    import numpy as np

    found = texts.map(ranks).to_numpy(dtype="float64", na_value=np.nan)
    unknown = np.isnan(found) & texts.notna().to_numpy(dtype=bool)
    return np.where(unknown, float(len(ranks)), found)


def _mann_whitney(reference: np.ndarray, current: np.ndarray) -> tuple[float, float]:
    """Return the area under the ROC curve and its one-sided p-value, from ranks with ties (normal approximation)."""
    import numpy as np
    from scipy.special import ndtr

    m, n = len(reference), len(current)
    _, inverse, counts = np.unique(np.concatenate([reference, current]), return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[inverse]
    auc = (ranks[m:].sum() - n * (n + 1) / 2) / (m * n)
    ties = ((counts**3 - counts).sum()) / ((m + n) * (m + n - 1))
    error = np.sqrt((m + n + 1 - ties) / (12 * m * n))
    return float(auc), float(ndtr(-(auc - 0.5) / error)) if error else 1.0
