"""Open formats: tables and JSON come back as they were, figures as the same bytes; what cannot is refused."""

from __future__ import annotations

import datetime as dt
import io
import json
import math
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import seaborn as sns
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ConfusionMatrixDisplay

from mlops_nb.artifacts import (
    CannotStore,
    Column,
    decode_json,
    describe_table,
    dump_figure,
    dump_json,
    dump_table,
    encode_json,
    formats_figure,
    load_json,
    load_table,
)
from mlops_nb.errors import MlopsNbError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "age": [39, 50, 38, 53],
            "workclass": ["Private", None, "Private", "State-gov"],
            "income": pd.Categorical(["low", "high", "low", "low"], ["low", "high"], ordered=True),
            "seen": pd.DatetimeIndex(["2026-01-01", "NaT", "2026-01-03", "2026-01-04"]),
            "zoned": pd.date_range("2026-03-28", periods=4, tz="Europe/Berlin"),
            "waited": pd.to_timedelta([1, 2, 3, 4], "s"),
            "score": [0.5, math.nan, 0.25, -0.0],
            "married": [True, False, True, True],
            "children": pd.array([1, None, 3, 0], dtype="Int64"),
        },
        index=pd.Index([7, 3, 9, 1], name="person"),
    )


# --- tables -----------------------------------------------------------------------------------------------------------


def test_a_frame_comes_back_with_its_dtypes_categories_and_index(frame: pd.DataFrame) -> None:
    stored = dump_table(frame)

    pd.testing.assert_frame_equal(load_table(stored.data), frame)
    assert stored.rows == 4


def test_a_table_says_which_columns_it_has_in_one_vocabulary_for_pandas_2_and_3(frame: pd.DataFrame) -> None:
    columns = dump_table(frame).columns

    assert [column.name for column in columns] == list(frame.columns)
    assert [column.nullable for column in columns] == list(frame.isna().any())
    found = {column.name: column.dtype for column in columns}
    assert found["seen"].startswith("datetime64[")
    assert found["zoned"].endswith("s, Europe/Berlin]")
    assert found["waited"].startswith("timedelta64[")
    assert {name: found[name] for name in ("age", "workclass", "income", "score", "married", "children")} == {
        "age": "int64",
        "workclass": "str",
        "income": "category",
        "score": "float64",
        "married": "bool",
        "children": "int64",
    }
    assert describe_table(frame) == columns


def test_any_parquet_reader_reads_a_stored_table_and_it_is_compressed(frame: pd.DataFrame) -> None:
    stored = io.BytesIO(dump_table(frame).data)

    pd.testing.assert_frame_equal(pd.read_parquet(stored), frame)
    assert pq.ParquetFile(stored).metadata.row_group(0).column(0).compression == "ZSTD"


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([1, 2], name="count"),
        pd.Series(["a", None]),
        pd.Series([1.5, 2.5], name=3),
        pd.Series([True, False], name=("a", 1), index=["x", "y"]),
    ],
    ids=["named", "nameless", "named by a number", "named by a pair"],
)
def test_a_series_comes_back_as_a_series(series: pd.Series[Any]) -> None:
    pd.testing.assert_series_equal(load_table(dump_table(series).data), series)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6.0).reshape(2, 3),
        np.asfortranarray(np.arange(6).reshape(2, 3)),
        np.arange(8)[::2],
        np.array([["a", "bb"], ["ccc", ""]]),
        np.array([["a", None]], dtype=object),
        np.array([[np.nan, np.inf, -0.0]], dtype=np.float32),
        np.array([[1.5]], dtype=np.float16),
        np.array([["2026-01-01", "NaT"]], dtype="datetime64[s]"),
        np.zeros((0, 3)),
        np.zeros((3, 0), dtype=bool),
    ],
    ids=["2-D", "Fortran", "strided", "texts", "objects", "not finite", "half", "times", "no rows", "no columns"],
)
def test_an_array_comes_back_with_its_dtype_and_shape(array: np.ndarray) -> None:
    found = load_table(dump_table(array).data)

    assert (found.dtype, found.shape) == (array.dtype, array.shape)
    np.testing.assert_array_equal(found, array)


def test_nan_in_an_array_counts_as_missing() -> None:
    assert describe_table(np.array([[1.0, np.nan]])) == (Column("0", "float64", False), Column("1", "float64", True))  # noqa: FBT003


def test_an_arrow_table_comes_back_as_one() -> None:
    table = pa.table({"n": [1, None], "tags": [["a"], []]})

    assert load_table(dump_table(table).data).equals(table)


def test_equal_tables_are_equal_bytes_whatever_their_memory_looks_like(frame: pd.DataFrame) -> None:
    stored = dump_table(frame).data
    pieces = pd.concat([frame.iloc[:1], frame.iloc[1:]]).astype({"income": frame["income"].dtype})
    backwards = frame.iloc[::-1].iloc[::-1]

    assert dump_table(frame.copy()).data == stored
    assert dump_table(pieces).data == stored
    assert dump_table(backwards).data == stored
    assert dump_table(pa.concat_tables([pa.table({"n": [1]}), pa.table({"n": [2]})])).data == (
        dump_table(pa.table({"n": [1, 2]})).data
    )
    assert dump_table(frame.assign(age=frame["age"] + 1)).data != stored


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([1, 2], "A `list` is no table"),
        (pd.DataFrame({"mixed": [1, "x"]}), "column mixed"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "Duplicate column names"),
        (pd.DataFrame({"things": [object()]}), "column things"),
        (np.zeros((2, 2, 2)), "3 dimensions"),
        (np.ma.masked_array([1, 2], [True, False]), "no table"),
        (np.eye(2, dtype=complex), "cannot be written as a table"),
        (np.zeros(2, dtype=[("a", "i4")]), "no table"),
    ],
    ids=["list", "mixed column", "duplicate columns", "objects", "3-D", "masked", "complex", "records"],
)
def test_what_is_no_table_is_refused_with_its_reason(value: object, told: str) -> None:
    with pytest.raises(CannotStore, match=told) as refusal:
        dump_table(value)

    assert refusal.value.hint


def test_a_table_of_a_newer_format_is_refused() -> None:
    table = pa.table({"n": [1]}).replace_schema_metadata({"mlops_nb": json.dumps({"format": 2, "kind": "cube"})})
    out = io.BytesIO()
    pq.write_table(table, out)

    with pytest.raises(MlopsNbError, match="format 2"):
        load_table(out.getvalue())


# --- figures ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def figure() -> Iterator[Any]:
    figure, axes = plt.subplots(1, 2, layout="constrained")
    axes[0].plot([1, 2, 3], [2, 1, 2], label="tip")
    axes[0].legend()
    axes[1].imshow(np.arange(9).reshape(3, 3))
    yield figure
    plt.close("all")


def test_a_figure_becomes_a_png_and_an_svg_that_name_no_date(figure: Any) -> None:
    picture = dump_figure(figure)

    assert picture.png.startswith(b"\x89PNG\r\n")
    assert picture.svg is not None
    assert b"<svg" in picture.svg
    assert b"date" not in picture.svg.lower()
    assert b"matplotlib v" not in picture.svg.lower() + picture.png.lower()


def test_a_figure_is_drawn_to_the_same_bytes_each_time_and_left_as_it_was(figure: Any) -> None:
    before = (figure.get_size_inches().tolist(), figure.dpi, dict(mpl.rcParams))

    assert dump_figure(figure) == dump_figure(figure)
    assert (figure.get_size_inches().tolist(), figure.dpi, dict(mpl.rcParams)) == before


def test_a_closed_figure_can_still_be_drawn(figure: Any) -> None:
    drawn = dump_figure(figure)
    plt.close(figure)

    assert dump_figure(figure) == drawn


def test_axes_lists_of_axes_subfigures_grids_and_displays_stand_for_their_figure(figure: Any) -> None:
    drawn = dump_figure(figure)

    assert dump_figure(figure.axes[0]) == drawn
    assert dump_figure(figure.axes) == drawn
    assert dump_figure(np.array(figure.axes)) == drawn
    outer = plt.figure()
    inner: Any = outer.subfigures(1, 2)
    assert dump_figure(inner[0].subplots()) == dump_figure(outer)
    grid = sns.relplot(pd.DataFrame({"x": [1, 2], "y": [1, 2]}), x="x", y="y")
    assert dump_figure(grid) == dump_figure(grid.figure)
    display = ConfusionMatrixDisplay(np.eye(2)).plot()
    assert dump_figure(display) == dump_figure(display.figure_)


def test_an_svg_too_large_for_a_browser_is_left_out(figure: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats_figure, "MAX_SVG_BYTES", 1_000)

    picture = dump_figure(figure)

    assert picture.svg is None
    assert picture.png


@pytest.mark.parametrize("value", ["figure", [], [1], {"a": 1}, None], ids=repr)
def test_what_is_no_figure_is_refused(value: object) -> None:
    with pytest.raises(CannotStore, match="is no figure"):
        dump_figure(value)


def test_a_figure_that_cannot_be_drawn_says_why(figure: Any) -> None:
    figure.axes[0].set_title("$\\broken$")

    with pytest.raises(CannotStore, match="cannot be drawn as PNG: ValueError"):
        dump_figure(figure)


# --- JSON -------------------------------------------------------------------------------------------------------------

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.just("$float"), inner, max_size=4),
    max_leaves=20,
)


@given(values)
def test_a_json_value_comes_back_exactly_nan_and_infinities_included(value: object) -> None:
    data = dump_json(value)

    # `repr` tells -0.0 from 0.0, 1 from True, and NaN equals NaN.
    back = load_json(data)
    assert repr(_sorted(back)) == repr(_sorted(value))
    json.loads(data, parse_constant=pytest.fail)
    assert data.isascii()


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


def test_equal_mappings_are_equal_json_whatever_their_order() -> None:
    assert dump_json({"b": 1, "a": 2}) == dump_json({"a": 2, "b": 1}) == b'{"a":2,"b":1}'


@pytest.mark.parametrize(
    ("value", "tree"),
    [
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.float64("nan"), {"$float": "nan"}),
        (np.bool_(True), True),  # noqa: FBT003
        (np.str_("x"), "x"),
        (np.array([[1, 2]]), [[1, 2]]),
        (np.array(["2026-01-01"], dtype="datetime64[D]"), ["2026-01-01"]),
        (np.datetime64("NaT"), None),
        (np.timedelta64(90, "s"), "P0DT0H1M30S"),
        (pd.Timestamp("2026-01-01 12:00", tz="UTC"), "2026-01-01T12:00:00+00:00"),
        (pd.NaT, None),
        (pd.NA, None),
        (dt.date(2026, 1, 1), "2026-01-01"),
        (dt.timedelta(minutes=1), "P0DT0H1M0S"),
        ((1, 2), [1, 2]),
        ({np.int64(1): "a", 2: "b"}, {"1": "a", "2": "b"}),
        ({"$float": 1}, {"$$float": 1}),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Path("data/rides.csv"), "data/rides.csv"),
    ],
    ids=repr,
)
def test_values_of_numpy_pandas_and_the_calendar_have_a_form_in_json(value: object, tree: object) -> None:
    assert encode_json(value) == tree
    assert json.loads(dump_json(value)) == tree


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"a": [1, {2, 3}]}, r"`a\[1\]` is a `set`"),
        (b"bytes", "`bytes`"),
        (Decimal("1.5"), "`decimal.Decimal`"),
        ({"table": pd.DataFrame()}, "`table` is a `pandas"),
        (1j, "`complex`"),
        ({(1, 2): 3}, "key of the value is a `tuple`"),
        ({1: "a", "1": "b"}, "Two keys of the value are `1`"),
        (np.array([object()]), "`object`"),
    ],
    ids=["set", "bytes", "decimal", "frame", "complex", "tuple key", "clashing keys", "object"],
)
def test_what_json_cannot_hold_is_refused_and_named(value: object, told: str) -> None:
    with pytest.raises(CannotStore, match=told):
        dump_json(value)


def test_a_list_that_contains_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)

    with pytest.raises(CannotStore, match="contains itself"):
        encode_json(endless)


def test_decoding_leaves_what_only_looks_like_an_escape() -> None:
    assert decode_json({"$float": "inf"}) == math.inf
    assert decode_json({"$$float": "inf"}) == {"$float": "inf"}
    assert decode_json({"$float": "inf", "b": 1}) == {"$float": "inf", "b": 1}


# --- another process --------------------------------------------------------------------------------------------------

SCRIPT = """
import hashlib, json, matplotlib.pyplot as plt, pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder
from mlops_nb.artifacts import dump_figure, dump_model, dump_table

rows = pd.DataFrame({"n": [1.0, 2.0, 3.0, 4.0], "c": ["a", "b", "a", "b"], "t": ["x y", "y z", "z x", "x x"]})
words = CountVectorizer(token_pattern=r"\\w+")
parts = ColumnTransformer([("c", OneHotEncoder(), ["c"]), ("t", words, "t")], remainder="passthrough")
model = Pipeline([("parts", parts), ("forest", RandomForestClassifier(5, random_state=0))])
model.fit(rows, ["no", "yes", "no", "yes"])
model.words_ = {"x", "y", "and", "or", "the"}
figure, ax = plt.subplots()
ax.plot(rows["n"], label="n"); ax.legend(); ax.fill_between([1, 2], [0, 1], hatch="/")
picture = dump_figure(figure)
files = {"table": dump_table(rows).data, "png": picture.png, "svg": picture.svg,
         "model": dump_model(model, sample_input=rows).data}
print(json.dumps({name: hashlib.sha256(data).hexdigest() for name, data in files.items()}))
"""


def test_files_are_the_same_in_another_process_with_another_hash_seed() -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([str(ROOT), *_extra_path()])},
        )
        for seed in ("1", "2")
    ]
    outputs = [child.communicate()[0] for child in children]

    assert [child.returncode for child in children] == [0, 0]
    first, second = (json.loads(output) for output in outputs)
    assert first == second


def _extra_path() -> list[str]:
    return [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
