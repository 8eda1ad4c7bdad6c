"""Published predictions: the table of a run that holds what was true and what was predicted, and its slices."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from mlops_nb.errors import MlopsNbError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.metadata import PublishedTable

    Floats = NDArray[np.float64]

ACTUAL, PREDICTED, PROBABILITY = "actual", "predicted", "probability"
COLUMN, GROUP = "column", "group"
# A larger table is not read for a picture of it.
LARGEST_BYTES = 256 << 20
_LOWEST_REGRESSION = 3
# How wide groups may be named, and how many are shown.
_MOST_SLICES = 60

Task = Literal["binary", "classes", "regression"]


@dataclass(frozen=True)
class Predictions:
    """What a model answered on rows whose truth is known.

    Parameters
    ----------
    task
        `binary`: 0 or 1; `classes`: several; `regression`: numbers.
    actual, predicted
        Of every row; float64 of shape (n,) but for `classes`, where they are text.
    probability
        Of the class 1, float64 of shape (n,); None where it was not published.
    """

    task: Task
    actual: Any
    predicted: Any
    probability: Floats | None = None

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.actual)


def predictions_table(tables: Sequence[PublishedTable]) -> PublishedTable | None:
    """Return the table that holds predictions: with probabilities before one without, a later before an earlier."""
    having = [table for table in tables if {ACTUAL, PREDICTED} <= {*table.columns}]
    return max(having, key=lambda table: (PROBABILITY in table.columns, having.index(table)), default=None)


def slices_table(tables: Sequence[PublishedTable]) -> PublishedTable | None:
    """Return the table that holds what was measured on groups of rows: of columns `column`, `group` and measures."""
    return next((table for table in reversed(tables) if {COLUMN, GROUP} <= {*table.columns}), None)


def read_predictions(table: PublishedTable, store: ArtifactStore) -> Predictions | None:
    """Return the predictions of a table; None where its content is gone, or is no predictions."""
    wanted = [name for name in (ACTUAL, PREDICTED, PROBABILITY) if name in table.columns]
    frame = _read(table, store, wanted)
    if frame is None:
        return None
    frame = frame.dropna(subset=[ACTUAL, PREDICTED])
    if frame.empty:
        return None
    actual, predicted = (_numbers(frame[name]) for name in (ACTUAL, PREDICTED))
    if actual is None or predicted is None:
        one, other = (frame[name].astype(str).to_numpy() for name in (ACTUAL, PREDICTED))
        return Predictions("classes", one, other)
    probability = _numbers(frame[PROBABILITY]) if PROBABILITY in frame.columns else None
    if probability is not None and not np.isfinite(probability).all():
        probability = None
    values = {*np.unique(actual)} | {*np.unique(predicted)}
    if values <= {0.0, 1.0}:
        return Predictions("binary", actual, predicted, probability)
    if len({*np.unique(actual)}) < _LOWEST_REGRESSION:
        return None
    if not np.isfinite(predicted).all() or not np.isfinite(actual).all():
        return None
    return Predictions("regression", actual, predicted)


def read_slices(table: PublishedTable, store: ArtifactStore) -> dict[str, Any] | None:
    """Return what was measured on groups of rows, as JSON: the names of measures, and a row a group.

    A measure `m` with columns `m_low` and `m_high` beside it has an interval, and those two are no measures.
    """
    frame = _read(table, store)
    if frame is None or frame.empty:
        return None
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    numeric = [
        str(name)
        for name in frame.columns
        if name not in {COLUMN, GROUP} and is_numeric_dtype(frame[name]) and not is_bool_dtype(frame[name])
    ]
    bounds = {f"{name}_{end}" for name in numeric for end in ("low", "high")}
    measures = [name for name in numeric if name not in bounds]
    shown = frame.head(_MOST_SLICES)
    rows = [
        {
            "slice": f"{row[COLUMN]}: {row[GROUP]}",
            "values": {name: _finite(row[name]) for name in measures},
            "intervals": {
                name: [_finite(row[f"{name}_low"]), _finite(row[f"{name}_high"])]
                for name in measures
                if {f"{name}_low", f"{name}_high"} <= {*numeric}
            },
        }
        for row in shown.to_dict("records")
    ]
    return {"table": table.name, "measures": measures, "rows": rows, "more": len(frame) - len(shown)}


def _read(table: PublishedTable, store: ArtifactStore, columns: list[str] | None = None) -> pd.DataFrame | None:
    import pandas as pd

    try:
        content = store.get(table.artifact)
        if len(content) > LARGEST_BYTES:
            return None
        return pd.read_parquet(io.BytesIO(content), columns=columns)
    except (MlopsNbError, OSError, ValueError, KeyError):
        # Gone, or not what its record says.
        return None


def _numbers(series: pd.Series[Any]) -> Floats | None:
    from pandas.api.types import is_numeric_dtype

    return series.to_numpy(dtype="float64", na_value=np.nan) if is_numeric_dtype(series) else None


def _finite(value: Any) -> float | None:
    number = float(value)
    return number if np.isfinite(number) else None
