"""Published tables: their first rows, and how two of them differ."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.metadata import Artifact

PARQUET = "application/vnd.apache.parquet"
# A larger table is told by its hash and its rows: reading it would cost more than the answer is worth.
LARGEST_BYTES = 256 << 20


@dataclass(frozen=True)
class ColumnChange:
    """A column that differs. Statistics by name, before and after; `cells` is how many differ, where rows match."""

    name: str
    kind: str
    before: Mapping[str, Any] = field(default_factory=dict, hash=False)
    after: Mapping[str, Any] = field(default_factory=dict, hash=False)
    cells: int | None = None


@dataclass(frozen=True)
class TableChange:
    """A table that differs: rows before and after, and its columns that do; `why` says what could not be read."""

    name: str
    step: str
    rows: tuple[int | None, int | None]
    columns: tuple[ColumnChange, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Head:
    """The first rows of a table, as text."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def head_of(artifact: Artifact, store: ArtifactStore, rows: int = 8) -> Head | None:
    """Return a table's first rows; None where it cannot be read."""
    frame = _read(artifact, store)
    if frame is None:
        return None
    shown = frame.head(rows)
    cells = [tuple(_cell(value) for value in row) for row in shown.itertuples(index=False, name=None)]
    return Head(tuple(map(str, shown.columns)), tuple(cells))


def table_change(
    name: str, step: str, before: Artifact | None, after: Artifact | None, store: ArtifactStore
) -> TableChange:
    """Return how a published table differs; None stands for a table that a run did not publish."""
    rows = (before.rows if before else None, after.rows if after else None)
    if before is None or after is None:
        return TableChange(name, step, rows, why="not there before" if before is None else "not there after")
    one, other = _read(before, store), _read(after, store)
    if one is None or other is None:
        return TableChange(name, step, rows, why="its content cannot be read here")
    columns = tuple(_column_changes(one, other))
    why = "" if columns or len(one) != len(other) else "the same values, stored otherwise"
    return TableChange(name, step, (len(one), len(other)), columns, why)


def _column_changes(one: pd.DataFrame, other: pd.DataFrame) -> list[ColumnChange]:
    found = []
    for name in dict.fromkeys((*map(str, one.columns), *map(str, other.columns))):
        first, second = _column(one, name), _column(other, name)
        if first is None and second is not None:
            found.append(ColumnChange(name, "added", after=_statistics(second)))
        elif second is None and first is not None:
            found.append(ColumnChange(name, "removed", before=_statistics(first)))
        elif first is not None and second is not None and not first.equals(second):
            kind = "changed" if first.dtype == second.dtype else "another type"
            found.append(ColumnChange(name, kind, _statistics(first), _statistics(second), _differing(first, second)))
    return found


def _column(frame: pd.DataFrame, name: str) -> pd.Series[Any] | None:
    place = next((number for number, column in enumerate(frame.columns) if str(column) == name), None)
    return None if place is None else frame.iloc[:, place]


def _differing(one: pd.Series[Any], other: pd.Series[Any]) -> int | None:
    if len(one) != len(other) or one.dtype != other.dtype:
        return None
    same = (one.reset_index(drop=True) == other.reset_index(drop=True)).fillna(False)  # noqa: FBT003 - pandas' own
    return int((~(same.astype(bool) | (one.isna().to_numpy() & other.isna().to_numpy()))).sum())


def _statistics(column: pd.Series[Any]) -> dict[str, Any]:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    told: dict[str, Any] = {"type": str(column.dtype), "missing": int(column.isna().sum())}
    if is_numeric_dtype(column) and not is_bool_dtype(column):
        if column.notna().any():
            told |= {"mean": float(column.mean()), "min": float(column.min()), "max": float(column.max())}
        return told
    try:
        counts = column.value_counts()
    except TypeError:
        # Lists and the like are counted by nobody.
        return told
    told["distinct"] = len(counts)
    if len(counts):
        told["most"] = _cell(counts.index[0])
    return told


def _read(artifact: Artifact, store: ArtifactStore) -> pd.DataFrame | None:
    if artifact.media_type != PARQUET or artifact.bytes > LARGEST_BYTES:
        return None
    import pandas as pd

    try:
        return pd.read_parquet(io.BytesIO(store.get(artifact.hash)))
    except (MlopsNbError, OSError, ValueError):
        # Gone, or another program's idea of Parquet.
        return None


def _cell(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"  # noqa: PLR2004 - a cell of a page
