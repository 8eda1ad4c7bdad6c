"""A column comes out of JSON as it was in training: of that very type, to the last bit, or it is refused."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_nb.artifacts import describe_table, dump_table, load_table
from mlops_nb.validation.json_values import ABSENT, column_of
from mlops_nb.validation.rows import RowsReader

TIMES = pd.DatetimeIndex(["2019-03-10 02:30:00.123456", "1969-12-31 00:00:00.000000", "NaT"])
COLUMNS: dict[str, Any] = {
    "float64": [0.1, -0.0, 5e-324],
    "float with a missing one": [1.5, None, 2.0],
    "float32": np.array([0.1, 16777216, 3], dtype=np.float32),
    "int64": [1, -(2**63), 2**63 - 1],
    "uint8": np.array([0, 255, 1], dtype=np.uint8),
    "Int64 with a missing one": pd.array([1, None, 2**53 + 1], dtype="Int64"),
    "bool": [True, False, True],
    "boolean with a missing one": pd.array([True, None, False], dtype="boolean"),
    "text": ["a", "é", ""],
    "text with a missing one": ["a", None, "1"],
    "category": pd.Categorical(["b", "a", None], categories=["z", "b", "a"]),
    "ordered category": pd.Categorical(["b", "a", "b"], categories=["b", "a"], ordered=True),
    "time": TIMES,
    "time of a zone": TIMES.tz_localize("America/New_York", nonexistent="shift_forward"),
    "date": [dt.date(2019, 3, 10), dt.date(1, 1, 1), dt.date(9999, 12, 31)],
    "duration": pd.to_timedelta(["1 days", "-3 hours", None]),
}


def as_json(column: pd.Series) -> list[Any]:
    """Return a column as a client writes it: numbers, truths, texts, null; times in ISO 8601."""
    found: list[Any] = []
    for value in column.tolist():
        if value is None or pd.isna(value):
            found.append(None)
        elif isinstance(value, pd.Timestamp | dt.date | pd.Timedelta):
            found.append(value.isoformat())
        else:
            found.append(value)
    back: list[Any] = json.loads(json.dumps(found))
    return back


def read(frame: pd.DataFrame, sample: pd.DataFrame, **values: list[Any]) -> tuple[pd.DataFrame, RowsReader]:
    columns = [vars(column) for column in describe_table(frame)]
    reader = RowsReader(columns, like={str(name): dtype for name, dtype in sample.dtypes.items()})
    return pd.DataFrame(reader.read_json(values, len(next(iter(values.values()))))), reader


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_comes_back_with_the_type_of_training(name: str) -> None:
    frame = pd.DataFrame({"x": COLUMNS[name]})
    sample = load_table(dump_table(frame).data)
    back, reader = read(frame, sample, x=as_json(frame["x"]))

    assert reader.violations() == []
    assert back["x"].dtype == sample["x"].dtype
    pd.testing.assert_frame_equal(back, sample, check_exact=True)
    if frame["x"].dtype.kind == "f":
        assert back["x"].to_numpy().tobytes() == frame["x"].to_numpy().tobytes()


def test_categories_that_are_numbers_stay_numbers() -> None:
    frame = pd.DataFrame({"x": pd.Categorical([3, 1, 3], categories=[1, 2, 3])})
    back, reader = read(frame, load_table(dump_table(frame).data), x=[3, 1, 1])

    assert reader.fits
    assert back["x"].dtype == "category"
    assert back["x"].tolist() == [3, 1, 1]


@given(st.lists(st.floats(allow_nan=False) | st.integers(-(2**53), 2**53), min_size=1))
def test_every_number_arrives_to_the_last_bit(numbers: list[Any]) -> None:
    text = json.dumps(numbers).replace("Infinity", "1e999")
    array, problems = column_of(json.loads(text), "float64")

    assert problems == []
    assert array.tobytes() == np.array(numbers, dtype=np.float64).tobytes()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=3,
)


@given(st.lists(JSON | st.just(ABSENT), max_size=4), st.sampled_from(sorted(COLUMNS)))
def test_whatever_a_request_holds_is_taken_or_told_and_never_an_error(values: list[Any], name: str) -> None:
    frame = pd.DataFrame({"x": COLUMNS[name]})
    ((column),) = describe_table(frame)
    sample = load_table(dump_table(frame).data)
    for like in (sample["x"].dtype, None):
        array, problems = column_of(values, column.dtype, like)

        assert len(array) == len(values)
        wrong = {place for place, _, _ in problems}
        missing = {place for place, value in enumerate(values) if value is None or value is ABSENT or value != value}  # noqa: PLR0124 - NaN
        assert {place for place, one in enumerate(array) if pd.isna(one)} == {*wrong, *missing}


@pytest.mark.parametrize(
    ("dtype", "value", "told"),
    [
        ("float64", "1", "no number"),
        ("float64", True, "no number"),
        ("float64", {}, "no number"),
        ("int8", 128, "not between -128 and 127"),
        ("int64", 1.5, "no whole number"),
        ("int64", "1", "no number"),
        ("int64", float("inf"), "no whole number"),
        ("uint64", -1, "not between 0 and"),
        ("bool", 1, "neither true nor false"),
        ("bool", "true", "neither true nor false"),
        ("str", 1, "no text"),
        ("str", ["a"], "no text"),
        ("datetime64[us]", 0, "no time"),
        ("datetime64[us]", "now", "no time"),
        ("datetime64[us]", "2019-13-01", "no time"),
        ("datetime64[us]", "2019-03-01T00:00:00Z", "a time with an offset"),
        ("datetime64[us, UTC]", "2019-03-01T00:00:00", "a time without an offset"),
        ("datetime64[ns]", "3019-03-01", "no time"),
        ("date", "2019-03-01T00:00", "no date"),
        ("timedelta64[ns]", 5, "no duration"),
        ("timedelta64[ns]", "soon", "no duration"),
        ("category", 1, "no text"),
    ],
)
def test_a_value_of_another_type_is_told(dtype: str, value: Any, told: str) -> None:
    _, ((place, code, what),) = column_of([value, None], dtype)

    assert (place, code) == (0, "WRONG_TYPE")
    assert what.startswith(told)


def test_whole_numbers_may_be_written_with_a_point_and_zones_are_brought_to_that_of_training() -> None:
    whole, problems = column_of([1.0, 2], "int64")
    zone = pd.DatetimeTZDtype("us", "America/New_York")
    times, others = column_of(["2019-07-01T12:00:00Z", "2019-07-01T08:00:00-04:00"], "datetime64[us, UTC]", zone)

    assert problems == others == []
    assert (whole.tolist(), whole.dtype) == ([1, 2], np.dtype("int64"))
    assert times.dtype == zone
    assert {str(time) for time in times} == {"2019-07-01 08:00:00-04:00"}
