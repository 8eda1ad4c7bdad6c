"""What a table is like, column by column, as a small JSON document: for reading, and to compare later tables with.

Of numbers it keeps moments and up to 1,000 points of their distribution: all values where there are no more, else the
quantiles at (i + 0.5) / 1000, so that the distribution function of the points is nowhere farther than 0.0005 from that
of the values. Of categories it keeps how often each came, the 1,000 most frequent by name. No row is in it.

Format 1. A reader refuses a format that it does not know, and keeps reading the old ones.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError
from mlops_nb.validation.frames import as_frame, kind_of, numbers_of, plain, seconds_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pandas as pd

FORMAT = 1
POINTS = 1_000
NAMED = 1_000
# Whole numbers with no more values than this are counted one by one, as categories are.
FEW = 20
_DIGITS = 12


class StatisticsError(MlopsNbError):
    """A document of statistics cannot be read."""

    code = "statistics"


@dataclass(frozen=True)
class ColumnStatistics:
    """What one column is like.

    Parameters
    ----------
    kind
        Its logical type (`frames.Kind`).
    rows, missing, distinct
        How many rows, how many without a value, how many different values.
    infinite
        How many of its numbers are infinite; they are in no other figure.
    minimum, maximum, mean, deviation
        Of its finite numbers (durations: seconds); None where there is none.
    points
        Its distribution, ascending; empty for what is no number.
    counts
        How often each value came, the most frequent first; empty for numbers of many values.
    other
        How often all values came that `counts` does not name.
    """

    kind: str
    rows: int
    missing: int = 0
    distinct: int = 0
    infinite: int = 0
    minimum: float | None = None
    maximum: float | None = None
    mean: float | None = None
    deviation: float | None = None
    points: tuple[float, ...] = field(default=(), repr=False)
    counts: tuple[tuple[Any, int], ...] = field(default=(), repr=False)
    other: int = 0

    @property
    def present(self) -> int:
        """How many rows have a value."""
        return self.rows - self.missing

    @property
    def is_counted(self) -> bool:
        """Whether all of its values are named, and can be compared one by one."""
        return bool(self.counts) and not self.other

    @property
    def names_rows(self) -> bool:
        """Whether its values are names of rows, such as ids, rather than something that is distributed."""
        return self.kind in {"text", "integer"} and self.present > 0 and self.distinct > 0.5 * self.present


@dataclass(frozen=True)
class TableStatistics:
    """What a table is like: its rows, and its columns by name in their order."""

    rows: int
    columns: Mapping[str, ColumnStatistics] = field(hash=False)

    def to_json(self) -> str:
        """Return the document: JSON with a column a line, the same text for the same table."""
        lines = [
            f"    {json.dumps(name)}: {json.dumps(_compact(column), ensure_ascii=False)}"
            for name, column in self.columns.items()
        ]
        head = f'{{\n  "mlops_nb_statistics": {FORMAT},\n  "rows": {self.rows},\n  "columns": {{'
        return head + "\n" + ",\n".join(lines) + "\n  }\n}\n"

    @classmethod
    def from_json(cls, text: str) -> TableStatistics:
        """Return the statistics of a document.

        Raises
        ------
        StatisticsError
            When it is no such document, or of a format that this version does not know.
        """
        try:
            told = json.loads(text)
            if told["mlops_nb_statistics"] != FORMAT:
                message = (
                    f"The statistics are in format {told['mlops_nb_statistics']}, and this version reads {FORMAT}."
                )
                raise StatisticsError(message, hint="Install a newer mlops_nb.")
            columns = {name: _column_from(column) for name, column in told["columns"].items()}
            return cls(int(told["rows"]), columns)
        except (KeyError, TypeError, ValueError) as error:
            message = f"This is no document of statistics: {error!r}."
            raise StatisticsError(
                message, hint="Write them anew: mlops-nb schema NOTEBOOK OUTPUT --from RUN"
            ) from error


def _compact(column: ColumnStatistics) -> dict[str, Any]:
    blank = ColumnStatistics("", 0)
    return {key: value for key, value in asdict(column).items() if value != getattr(blank, key) or key == "rows"}


def _column_from(told: Mapping[str, Any]) -> ColumnStatistics:
    points = tuple(float(point) for point in told.get("points", ()))
    counts = tuple((value, int(count)) for value, count in told.get("counts", ()))
    return ColumnStatistics(**{**told, "points": points, "counts": counts})


def table_statistics(table: Any) -> TableStatistics:
    """Return what a table is like.

    Parameters
    ----------
    table
        A pandas frame or series, a NumPy array of one or two dimensions, or an Arrow table.

    Raises
    ------
    UsageError
        When it is no table.
    """
    frame = as_frame(table)
    return TableStatistics(len(frame), {name: column_statistics(frame[name]) for name in frame.columns})


def column_statistics(series: pd.Series) -> ColumnStatistics:
    """Return what a column is like."""
    kind = kind_of(series)
    rows, missing = len(series), int(series.isna().sum())
    if kind in {"integer", "number"}:
        return _numbers(kind, rows, numbers_of(series))
    if kind == "duration":
        return _numbers(kind, rows, seconds_of(series))
    if kind == "datetime":
        # Times move on; what could be compared is what the notebook makes of them (an hour, a weekday).
        present = series.dropna()
        return ColumnStatistics(kind, rows, missing, int(present.nunique()))
    if kind not in {"boolean", "text"}:
        return ColumnStatistics(kind, rows, missing)
    # By name where equally frequent, so that the document does not depend on the order of rows.
    ordered = sorted(value_counts(series).items(), key=lambda pair: (-pair[1], str(pair[0])))
    named = tuple(ordered[:NAMED])
    other = sum(count for _, count in ordered[NAMED:])
    return ColumnStatistics(kind, rows, missing, len(ordered), counts=named, other=other)


def value_counts(series: pd.Series) -> dict[Any, int]:
    """Return how often each value of a column came, by the value as JSON holds it."""
    found: dict[Any, int] = {}
    for value, count in series.astype(object).where(series.notna()).value_counts(dropna=True).items():
        name = plain(value)
        found[name] = found.get(name, 0) + int(count)
    return found


def _numbers(kind: str, rows: int, values: np.ndarray) -> ColumnStatistics:
    import numpy as np

    missing = int(np.isnan(values).sum())
    infinite = int(np.isinf(values).sum())
    finite = np.sort(values[np.isfinite(values)])
    if not len(finite):
        return ColumnStatistics(kind, rows, missing, infinite=infinite)
    distinct, times = np.unique(finite, return_counts=True)
    counts: tuple[tuple[Any, int], ...] = ()
    if kind == "integer" and len(distinct) <= FEW:
        pairs = [(int(value), int(count)) for value, count in zip(distinct, times, strict=True)]
        counts = tuple(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))
    return ColumnStatistics(
        kind,
        rows,
        missing,
        len(distinct),
        infinite,
        float(finite[0]),
        float(finite[-1]),
        _rounded(finite.mean()),
        _rounded(finite.std()),
        () if counts else points_of(finite),
        counts,
    )


def points_of(ascending: np.ndarray) -> tuple[float, ...]:
    """Return the points that stand for sorted values: themselves, or that many of their quantiles."""
    import numpy as np

    if len(ascending) > POINTS:
        places = (np.arange(POINTS) + 0.5) / POINTS
        ascending = ascending[np.minimum((places * len(ascending)).astype(int), len(ascending) - 1)]
    return tuple(float(value) for value in ascending)


def _rounded(value: float) -> float:
    # The last digits depend on the order of the rows.
    return float(f"{value:.{_DIGITS}g}")
