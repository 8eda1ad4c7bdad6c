"""A schema read off a training table: what the next one must look like, with a stated slack for what a sample misses.

- *Presence*: 1 where no value is missing; else the observed share, less three standard errors and 0.01.
- *Domain*: of text and truth values, where there are at most 64 different ones and they come 20 times each on
  average, and of whole numbers that are 0 and 1 only. No row may bring another value where each was seen at least 10
  times. Where some are rarer, still rarer ones were missed: their share is that of the values that were seen just once
  (Good and Turing), with three standard deviations added, and three rows at the least.
- *Range*: the observed one, and half of its width more on either side; a bound at or above 0 stays there, and so does
  one at or below. Bounds are rounded outwards. No range for times, which move on.
- *Uniqueness*: of text and whole numbers that have no value twice in at least 100 rows.

A schema is a proposal: what a sample cannot know, a person adds.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mlops_nb.validation.frames import as_frame, kind_of, numbers_of, plain, seconds_of
from mlops_nb.validation.schema import NUMERIC, ColumnSchema, ColumnType, TableSchema
from mlops_nb.validation.schema_skew import wrong_type
from mlops_nb.validation.statistics import ColumnStatistics, column_statistics

if TYPE_CHECKING:
    import pandas as pd

SLACK = 0.5
_LARGEST_DOMAIN = 64
_LEAST_EACH = 20
_LEAST_UNIQUE = 100
_RARE = 10
_FIGURES = 3
_TYPES: dict[str, ColumnType] = {
    "boolean": "boolean",
    "integer": "integer",
    "number": "number",
    "text": "text",
    "datetime": "datetime",
    "duration": "duration",
}


def infer_schema(table: Any, output: str = "data", *, slack: float = SLACK) -> TableSchema:
    """Return a proposal of what tables like this one must look like.

    Parameters
    ----------
    table
        A training table: a pandas frame or series, a NumPy array, or an Arrow table.
    output
        What the schema calls it.
    slack
        How far beyond the observed range numbers may lie, as a share of its width.

    Raises
    ------
    UsageError
        When it is no table.
    """
    frame = as_frame(table)
    return TableSchema(output, {str(name): infer_column(frame[name], slack) for name in frame.columns})


def infer_column(series: pd.Series, slack: float = SLACK) -> ColumnSchema:
    """Return what values like those of a column must look like."""
    seen = column_statistics(series)
    kind = _TYPES.get(seen.kind, "any")
    column = ColumnSchema(kind, presence=_presence(seen))
    if kind in NUMERIC:
        column = replace(column, infinite=seen.infinite > 0)
    if kind in {"text", "integer"} and seen.present >= _LEAST_UNIQUE and seen.distinct == seen.present:
        # A range of ids, or how they are distributed, would say nothing of the next ones.
        return replace(column, unique=True, importance=0.0)
    domain = _domain(seen)
    if domain is not None:
        return replace(column, domain=domain, unseen=_unseen(seen))
    if kind in NUMERIC or kind == "duration":
        low, high = _range(seen, slack, whole=kind == "integer")
        column = replace(column, min=low, max=high)
    if kind == "datetime" or (kind == "text" and seen.names_rows):
        column = replace(column, importance=0.0)
    return column


def _presence(seen: ColumnStatistics) -> float:
    if not seen.rows or not seen.present:
        return 0.0
    share = seen.present / seen.rows
    if share == 1:
        return 1.0
    return max(0.0, math.floor((share - 3 * math.sqrt(share * (1 - share) / seen.rows) - 0.01) * 1000) / 1000)


def _domain(seen: ColumnStatistics) -> tuple[Any, ...] | None:
    values = sorted((value for value, _ in seen.counts), key=lambda value: (str(type(value)), value))
    if seen.kind == "integer":
        return tuple(values) if values in ([0, 1], [0], [1]) and seen.present >= _LEAST_EACH else None
    few = 0 < len(values) <= _LARGEST_DOMAIN and not seen.other
    return tuple(values) if few and seen.present >= _LEAST_EACH * len(values) else None


def _unseen(seen: ColumnStatistics) -> float:
    """Return how many rows, as a share, may bring a value that the table has not shown."""
    counts = [count for _, count in seen.counts]
    if min(counts) >= _RARE:
        return 0.0
    once = sum(count == 1 for count in counts)
    return _up(max(3.0, once + 3 * math.sqrt(once)) / seen.present)


def _range(seen: ColumnStatistics, slack: float, *, whole: bool) -> tuple[float | None, float | None]:
    low, high = seen.minimum, seen.maximum
    if low is None or high is None:
        return None, None
    width = (high - low) or abs(high) or 1.0
    lowest, highest = _down(low - slack * width), _up(high + slack * width)
    lowest, highest = (max(0.0, lowest) if low >= 0 else lowest), (min(0.0, highest) if high <= 0 else highest)
    return (math.floor(lowest), math.ceil(highest)) if whole else (lowest, highest)


def _up(value: float) -> float:
    """Round upwards to three figures, so that a file stays readable."""
    if not value or not math.isfinite(value):
        return value
    unit = 10 ** (math.floor(math.log10(abs(value))) - _FIGURES + 1)
    return float(f"{math.ceil(round(value / unit, 6)) * unit:.12g}")


def _down(value: float) -> float:
    return -_up(-value)


def widen(schema: TableSchema, table: Any, *, slack: float = SLACK) -> TableSchema:
    """Return the schema changed as little as lets a table pass: what is to be approved after a stop, if it is right.

    New columns are inferred, missing ones are no longer required, domains and ranges take in what they lack, and what
    does not hold of a column any more is not demanded any more. Rules, keys and notes stay as they are: they are a
    person's, and a person has to take them back.

    Parameters
    ----------
    schema
        The schema.
    table
        The table.
    slack
        How far beyond a widened range numbers may lie, as a share of its width.
    """
    frame = as_frame(table)
    columns = {
        name: _widened(column, frame[name], slack) if name in frame.columns else replace(column, required=False)
        for name, column in schema.columns.items()
    }
    new = {str(name): infer_column(frame[name], slack) for name in frame.columns if name not in columns}
    if schema.other_columns == "allow":
        new = {}
    return replace(schema, columns=columns | new, rows=min(schema.rows, len(frame)))


def _widened(column: ColumnSchema, series: pd.Series, slack: float) -> ColumnSchema:
    if wrong_type(series, column).any():
        if column.type == "integer" and kind_of(series) == "number":
            column = replace(column, type="number")
        else:
            inferred = infer_column(series, slack)
            return replace(inferred, required=column.required, importance=column.importance, note=column.note)
    seen = column_statistics(series)
    share = seen.present / seen.rows if seen.rows else 1.0
    if share < column.presence:
        column = replace(column, presence=_presence(seen))
    if seen.infinite:
        column = replace(column, infinite=True)
    if column.unique and bool(series.dropna().duplicated().any()):
        column = replace(column, unique=False)
    if column.domain is not None:
        present = [plain(value) for value in series.dropna().unique()]
        new = [value for value in present if value not in set(column.domain)]
        outside = float(series.map(plain, na_action="ignore").isin(new).mean()) if new else 0.0
        if outside > column.unseen:
            values = sorted({*column.domain, *new}, key=lambda value: (str(type(value)), value))
            column = replace(column, domain=tuple(values))
    return _wider_range(column, series, seen, slack)


def _wider_range(column: ColumnSchema, series: pd.Series, seen: ColumnStatistics, slack: float) -> ColumnSchema:
    if seen.minimum is None or seen.maximum is None or (column.min is None and column.max is None):
        return column
    import numpy as np

    numbers = seconds_of(series) if seen.kind == "duration" else numbers_of(series)
    low, high = _range(seen, slack, whole=column.type == "integer")
    if column.min is not None and low is not None and bool(np.nanmin(numbers) < column.min):
        column = replace(column, min=low)
    if column.max is not None and high is not None and bool(seen.maximum > column.max):
        column = replace(column, max=high)
    return column
