"""Tables as the judges read them: frames, the kinds of their columns, and values that JSON can hold.

A *kind* is a column's logical type, the same on pandas 2 and 3 and for every way in which a library stores it:
`boolean`, `integer`, `number`, `text`, `datetime`, `duration`, `mixed` (values of several kinds), `empty` (no value at
all) or `other`.
"""

from __future__ import annotations

import datetime as dt
import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from mlops_nb.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

Kind = Literal["boolean", "integer", "number", "text", "datetime", "duration", "mixed", "empty", "other"]
SAMPLES = 5
_LONGEST_TEXT = 80
_INFERRED: dict[str, Kind] = {
    "string": "text",
    "integer": "integer",
    "floating": "number",
    "mixed-integer-float": "number",
    "decimal": "number",
    "boolean": "boolean",
    "datetime64": "datetime",
    "datetime": "datetime",
    "date": "datetime",
    "timedelta64": "duration",
    "timedelta": "duration",
    "empty": "empty",
    "mixed": "mixed",
    "mixed-integer": "mixed",
}


def as_frame(table: Any) -> pd.DataFrame:
    """Return a table as a frame whose columns are named by text: a frame, a series, an array or an Arrow table.

    Raises
    ------
    UsageError
        When it is no table, or two of its columns have one name.
    """
    import numpy as np
    import pandas as pd

    if isinstance(table, pd.Series):
        table = table.to_frame("values" if table.name is None else table.name)
    elif isinstance(table, np.ndarray) and table.ndim in {1, 2} and not table.dtype.names:
        table = pd.DataFrame(table)
    elif not isinstance(table, pd.DataFrame) and hasattr(table, "__arrow_c_stream__"):
        import pyarrow as pa

        table = pa.table(table).to_pandas()
    if not isinstance(table, pd.DataFrame):
        message = f"A `{type(table).__name__}` is no table that could be judged."
        raise UsageError(message, hint="Give a pandas DataFrame or Series, a NumPy array or an Arrow table.")
    named = table.set_axis([str(name) for name in table.columns], axis=1)
    double = named.columns[named.columns.duplicated()]
    if len(double):
        message = f"The table has several columns `{double[0]}`."
        raise UsageError(message, hint="Give each column a name of its own.")
    return named


def kind_of(series: pd.Series) -> Kind:
    """Return the kind of a column."""
    import pandas as pd

    types = pd.api.types
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return kind_of(pd.Series(series.cat.categories))
    if types.is_bool_dtype(dtype):
        return "boolean"
    if types.is_integer_dtype(dtype):
        return "integer"
    if types.is_datetime64_any_dtype(dtype):
        return "datetime"
    if types.is_timedelta64_dtype(dtype):
        return "duration"
    if types.is_float_dtype(dtype):
        return "number"
    if types.is_object_dtype(dtype):
        return _INFERRED.get(types.infer_dtype(series, skipna=True), "other")
    return "text" if types.is_string_dtype(dtype) else _INFERRED.get(types.infer_dtype(series, skipna=True), "other")


def numbers_of(series: pd.Series) -> np.ndarray:
    """Return a column of numbers or truth values as float64, shape (n,), with NaN where a value is missing."""
    import numpy as np
    import pandas as pd

    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype)
    missing = series.isna().to_numpy(dtype=bool)
    if pd.api.types.is_object_dtype(series.dtype):
        found: np.ndarray = np.array([math.nan if gone else float(v) for v, gone in zip(series, missing, strict=True)])
        return found
    return series.to_numpy(dtype="float64", na_value=math.nan)


def seconds_of(series: pd.Series) -> np.ndarray:
    """Return a column of durations in seconds, float64, shape (n,), with NaN where a value is missing."""
    import pandas as pd

    return pd.to_timedelta(series).dt.total_seconds().to_numpy(dtype="float64")


def plain(value: Any) -> Any:
    """Return a value as JSON holds it: numbers, truth values and None as they are, text cut short, all else as text."""
    if hasattr(value, "item") and getattr(value, "shape", None) == ():
        value = value.item()
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        # JSON has no NaN; a judge's answer is read by people, in other languages too.
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Decimal):
        return plain(float(value))
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()
    text = str(value)
    return text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"


def is_missing(value: Any) -> bool:
    """Say whether a single value stands for none."""
    import pandas as pd

    found = pd.isna(value)
    return isinstance(found, bool) and found


def samples(frame: pd.DataFrame, wrong: np.ndarray, columns: list[str], most: int = SAMPLES) -> list[dict[str, Any]]:
    """Return the first rows that are wrong, as JSON: the row's id in the index, and its values.

    Parameters
    ----------
    frame
        The table.
    wrong
        Which rows, bool, shape (n,).
    columns
        Whose values are shown.
    most
        How many rows at the most.
    """
    import numpy as np

    found = []
    for position in np.flatnonzero(wrong)[:most]:
        label = frame.index[position]
        row = [plain(part) for part in label] if isinstance(label, tuple) else plain(label)
        row_values = {name: frame[name].iloc[position] for name in columns}
        values = {name: None if is_missing(value) else plain(value) for name, value in row_values.items()}
        found.append({"row": row, "values": values})
    return found


def counted(number: int, noun: str) -> str:
    """Return a number and its noun: `1 row`, `6,433 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def percent(share: float) -> str:
    """Return a share as a person reads it; a small one is never shown as none."""
    if 0 < share < 0.001:  # noqa: PLR2004 - one decimal of a percent is shown
        return "under 0.1 %"
    return f"{share * 100:.3g} %"
