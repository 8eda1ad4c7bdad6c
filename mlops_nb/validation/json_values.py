"""A column of a request's JSON as what a model was trained on: the type of its values, and nothing guessed.

JSON has types, so a text is no number here and a number no text, other than in a CSV file. A number comes back to the
last bit: Python reads the decimal digits of a 64-bit float as that very float (`float.__repr__` gives the shortest).
"""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    import pandas as pd


class _Absent:
    """Stands for a value that a row does not have at all, other than a missing one (`null`)."""


ABSENT: Final = _Absent()
# The place in the column, the finding's code, and what is wrong with the value there.
Problem = tuple[int, str, str]

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_WRONG = "WRONG_TYPE"


def column_of(values: Sequence[Any], dtype: str, like: Any = None) -> tuple[Any, list[Problem]]:
    """Return a column's values as an array of the type that a model was shown, and what cannot be one.

    Parameters
    ----------
    values
        As JSON has them: `bool`, `int`, `float`, `str`, `None` for a missing one; `ABSENT` for none.
    dtype
        The column's logical type, as the signature names it: `float64`, `str`, `datetime64[us, UTC]`.
    like
        The pandas type that the column had in the sample rows, where they were kept.

    Returns
    -------
    tuple
        The array, shape (n,), with something missing where a value cannot be taken; and for each such value its place,
        the code of a finding, and what it is.
    """
    import numpy as np
    import pandas as pd

    kind = dtype.partition("[")[0]
    problems: list[Problem] = []
    if kind.startswith(("float", "double", "halffloat", "decimal")):
        # Most columns are of nothing else, and need no look at each value.
        numbers = values if set(map(type, values)) == {float} else _read(values, _float, problems)
        return _with_nan(numbers, kind if kind.startswith("float") else "float64"), problems
    if kind.startswith(("int", "uint")):
        return _whole(_read(values, _int_of(kind), problems), kind, like), problems
    if kind == "bool":
        truths = _read(values, _bool, problems)
        if None not in truths:
            return np.array(truths, dtype=bool), problems
        return pd.array(truths, dtype=like) if _is_extension(like) else np.array(truths, dtype=object), problems
    if kind == "datetime64":
        times = _read(values, _time_of(dtype), problems)
        # All of one unit and one zone now, whatever the texts had.
        return pd.Series(times, dtype=dtype if like is None else like).array, problems
    if kind == "timedelta64":
        durations = _read(values, _duration_of(dtype), problems)
        return pd.Series(durations, dtype=dtype if like is None else like).array, problems
    if kind == "date":
        return np.array(_read(values, _date, problems), dtype=object), problems
    if kind == "category":
        return _categories(values, like, problems), problems
    texts = _read(values, _text, problems)
    if _is_extension(like):
        return pd.array(texts, dtype=like), problems
    # In columns of any object a missing text is NaN, as where pandas reads a file.
    return _with_nan(texts, "object"), problems


class _NotOne(Exception):  # noqa: N818 - carries what the value is
    """A value is not of the type; the argument says what it is."""


def _read(values: Sequence[Any], one: Callable[[Any], Any], problems: list[Problem], code: str = _WRONG) -> list[Any]:
    """Return each value as `one` reads it, and None for those that are missing or wrong."""
    found: list[Any] = []
    for place, value in enumerate(values):
        if value is None or value is ABSENT:
            found.append(None)
            continue
        try:
            found.append(one(value))
        except _NotOne as wrong:
            problems.append((place, code, str(wrong)))
            found.append(None)
    return found


def _float(value: Any) -> float:
    if type(value) is float:
        return value
    if type(value) is not int:
        what = "no number"
        raise _NotOne(what)
    try:
        return float(value)
    except OverflowError:
        what = "too large a number"
        raise _NotOne(what) from None


def _int_of(kind: str) -> Callable[[Any], int]:
    import numpy as np

    limits = np.iinfo(kind)
    low, high = int(limits.min), int(limits.max)

    def one(value: Any) -> int:
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int:
            raise _NotOne("no whole number" if type(value) is float else "no number")
        if not low <= value <= high:
            what = f"not between {low} and {high}"
            raise _NotOne(what)
        return value

    return one


def _whole(numbers: list[int | None], kind: str, like: Any) -> Any:
    import numpy as np
    import pandas as pd

    if _is_extension(like):
        return pd.array(numbers, dtype=like)
    if None not in numbers:
        return np.array(numbers, dtype=kind)
    # With a missing one, as pandas reads it: a float.
    return _with_nan(numbers, "float64")


def _with_nan(values: Sequence[Any], dtype: str) -> np.ndarray:
    import numpy as np

    return np.array([np.nan if value is None else value for value in values], dtype=dtype)


def _bool(value: Any) -> bool:
    if type(value) is bool:
        return value
    what = "neither true nor false"
    raise _NotOne(what)


def _time_of(dtype: str) -> Callable[[Any], pd.Timestamp]:
    import pandas as pd

    aware, unit = ", " in dtype, _unit_of(dtype)

    def one(value: Any) -> pd.Timestamp:
        # pandas takes `now` for a time too.
        if type(value) is str and _DATE.match(value):
            try:
                time: pd.Timestamp = pd.to_datetime([value], format="ISO8601")[0].as_unit(unit)
            except (ValueError, OverflowError):
                pass
            else:
                if (time.tzinfo is not None) is aware:
                    return time
                raise _NotOne("a time without an offset from UTC" if aware else "a time with an offset from UTC")
        what = "no time (ISO 8601)"
        raise _NotOne(what)

    return one


def _duration_of(dtype: str) -> Callable[[Any], pd.Timedelta]:
    import pandas as pd

    unit = _unit_of(dtype)

    def one(value: Any) -> pd.Timedelta:
        if type(value) is str:
            try:
                return pd.Timedelta(value).as_unit(unit)
            except (ValueError, OverflowError):
                pass
        what = "no duration (ISO 8601)"
        raise _NotOne(what)

    return one


def _unit_of(dtype: str) -> Any:
    """Return the unit of `datetime64[us, UTC]`: `us`."""
    return dtype.partition("[")[2].rstrip("]").partition(",")[0]


def _date(value: Any) -> dt.date:
    what = "no date (YYYY-MM-DD)"
    if type(value) is not str:
        raise _NotOne(what)
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        raise _NotOne(what) from None


def _text(value: Any) -> str:
    if type(value) is not str:
        what = "no text"
        raise _NotOne(what)
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            what = "no text: half of a surrogate pair"
            raise _NotOne(what) from None
    return value


def _categories(values: Sequence[Any], like: Any, problems: list[Problem]) -> Any:
    import numpy as np
    import pandas as pd

    if not isinstance(like, pd.CategoricalDtype):
        # A file keeps no categories that are numbers, and none at all without sample rows.
        if like is not None and like.kind in "iuf":
            one = _float if like.kind == "f" else _int_of(str(like).lower())
            return pd.Categorical(np.array(_read(values, one, problems), dtype=object))
        return pd.Categorical(_read(values, _text, problems))
    known = {(type(category), category) for category in like.categories.tolist()}

    def one_of(value: Any) -> Any:
        # A list or an object has no hash.
        if isinstance(value, bool | int | float | str) and (type(value), value) in known:
            return value
        what = "no category that the model knows"
        raise _NotOne(what)

    return pd.Categorical(_read(values, one_of, problems, "UNKNOWN_CATEGORY"), dtype=like)


def _is_extension(like: Any) -> bool:
    """Say whether a type is one of pandas' own, with missing values of its own."""
    from pandas.api.extensions import ExtensionDtype

    return isinstance(like, ExtensionDtype)
