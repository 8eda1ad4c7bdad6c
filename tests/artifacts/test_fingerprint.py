"""Fingerprints: equal content is equal in any process, any single change shows, aliasing is content."""

from __future__ import annotations

import copy
import json
import os
import pickle
import subprocess
import sys
import threading
import time
from argparse import Namespace
from collections import Counter, OrderedDict, defaultdict, deque
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlops_nb.artifacts import CannotFingerprint, Trace, fingerprint
from tests.handed_over import handed_over

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).resolve().parents[2]

keys = st.integers() | st.text(max_size=5) | st.booleans() | st.binary(max_size=3)
# Numbers that want no place of one another: others come in another order once they are copied, which counts.
elements = st.integers(0, 7) | st.text(max_size=5) | st.binary(max_size=3)
leaves = st.none() | keys | st.floats() | st.complex_numbers()
values = st.recursive(
    leaves | st.sets(elements, max_size=4) | st.frozensets(elements, max_size=4),
    lambda inner: (
        st.lists(inner, max_size=40)
        | st.dictionaries(keys, inner, max_size=20)
        | st.tuples(inner, inner)
        | st.builds(lambda shared: [shared, {"again": shared}], inner)
    ),
    max_leaves=30,
)


def thawed(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value, protocol=5))


def differ(*given: Any) -> bool:
    prints = [fingerprint(value) for value in given]
    return len(set(prints)) == len(prints)


# --- equal content ----------------------------------------------------------------------------------------------------


@given(values)
def test_a_value_has_the_fingerprint_it_had_before_it_was_pickled_or_copied(value: Any) -> None:
    before = fingerprint(value)

    assert len(before) == 40
    assert fingerprint(value) == before
    assert fingerprint(thawed(value)) == before
    assert fingerprint(copy.deepcopy(value)) == before


def test_the_order_of_a_set_of_numbers_counts() -> None:
    one, other = {0, 8}, {8, 0}

    assert list(one) != list(other)
    assert fingerprint(one) != fingerprint(other)
    assert fingerprint(handed_over(one=one)["one"]) == fingerprint(one)


def changed(value: Any, choose: Callable[[int], int]) -> Any:
    """Return the value with one leaf changed, somewhere."""
    match value:
        case bool() | None:
            return "changed"
        case int() | float() | complex():
            return value + 1 if value == value and value + 1 != value else "changed"  # noqa: PLR0124 - NaN
        case str():
            return value + "\0"
        case bytes():
            return value + b"\0"
        case list() | tuple():
            if not value:
                return type(value)([None])
            place = choose(len(value))
            return type(value)(
                changed(item, choose) if position == place else item for position, item in enumerate(value)
            )
        case set() | frozenset():
            return type(value)([*value, "one more element"])
        case dict():
            if not value:
                return {"new": None}
            place = list(value)[choose(len(value))]
            return {key: changed(item, choose) if key is place else item for key, item in value.items()}
        case _:
            pytest.fail(f"no change for {type(value)}")


@given(values, st.randoms(use_true_random=False))
def test_any_single_change_gives_another_fingerprint(value: Any, random: Any) -> None:
    other = changed(copy.deepcopy(value), random.randrange)

    assert fingerprint(other) != fingerprint(value)


@given(values, values)
def test_different_values_have_different_fingerprints(one: Any, other: Any) -> None:
    assume(pickle.dumps(one) != pickle.dumps(other))
    assume(repr(one) != repr(other))

    # Sets print in the order of their insertion.
    assert fingerprint(one) != fingerprint(other) or one == other


@pytest.mark.parametrize(
    "group",
    [
        (1, 1.0, True, "1", b"1", 1 + 0j, Decimal(1), Fraction(1), np.int64(1), np.float64(1), np.int32(1)),
        (0.0, -0.0),
        ([], (), {}, set(), frozenset(), "", b"", bytearray(), None),
        (["ab", "c"], ["a", "bc"], ["abc"]),
        ([1, [2, 3]], [1, 2, 3], [[1, 2], 3]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, OrderedDict(a=1, b=2), Counter(a=1, b=2)),
        (list(range(100)), list(range(101)), [float(n) for n in range(100)], [str(n) for n in range(100)]),
        (deque([1], maxlen=1), deque([1], maxlen=2)),
        (defaultdict(list), defaultdict(set), defaultdict(None)),
        (datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))),
        (timedelta(1), timedelta(2)),
        (range(3), range(4), slice(3)),
    ],
    ids=lambda group: type(group[0]).__name__,
)
def test_values_that_only_look_alike_are_told_apart(group: tuple[Any, ...]) -> None:
    assert differ(*group)


def test_the_order_of_a_set_is_not_content_that_of_a_mapping_is() -> None:
    assert fingerprint({1, 9, 17}) == fingerprint({17, 1, 9})
    assert fingerprint({(1, "a"), (2, "b")}) == fingerprint({(2, "b"), (1, "a")})
    assert fingerprint({"a": 1, "b": 2}) != fingerprint({"b": 2, "a": 1})


# --- aliasing ---------------------------------------------------------------------------------------------------------


class Thing:
    def __init__(self, content: Any) -> None:
        self.content = content


class Timestamped(Namespace):
    """Says itself what pickle stores of it."""

    def __getstate__(self) -> dict[str, Any]:
        """Return the attributes, and one that is made for each pickle."""
        return {**vars(self), "made": [1]}


class Slotted:
    """Has a place for a value beside its attributes."""

    __slots__ = ("__dict__", "__weakref__", "slot")


def test_one_object_twice_is_not_two_equal_objects() -> None:
    a: list[Any] = [1]
    thing = Thing(1)
    array = np.arange(3)

    assert differ([a, a], [a, [1]])
    assert differ({"x": a, "y": a}, {"x": a, "y": [1]})
    assert differ([thing, thing], [thing, Thing(1)])
    assert differ([array, array], [array, array.copy()])
    assert differ([[a], a], [[[1]], a])


def test_one_tuple_of_plain_values_twice_is_two_equal_ones() -> None:
    """Who has made them may have taken both from a cache, as Matplotlib does with colours."""
    color = (0.0, 0.5, ("a", None))
    assert fingerprint([color, color]) == fingerprint([color, (0.0, 0.5, ("a", None))])
    inner = [1]
    assert fingerprint([(inner,), (inner,)]) != fingerprint([(inner,), ([1],)])


def test_aliasing_into_a_set_is_seen() -> None:
    thing = Thing(1)

    assert differ([thing, {thing}], [thing, {Thing(1)}])
    assert differ([thing, frozenset({(thing,)})], [thing, frozenset({(Thing(1),)})])


@pytest.mark.parametrize(
    ("kind", "attribute"),
    [(Namespace, "own"), (Timestamped, "own"), (Slotted, "own"), (Slotted, "slot"), (Fraction, "_numerator")],
)
def test_the_second_object_of_a_kind_is_looked_at_as_the_first(kind: Callable[[], Any], attribute: str) -> None:
    first, changed = kind(), kind()
    before = fingerprint([first, kind()])
    assert fingerprint([first, kind()]) == before
    setattr(changed, attribute, 1)
    assert fingerprint([first, changed]) != before


def test_what_has_no_content_to_read_is_refused_behind_the_second_object_of_a_kind() -> None:
    with pytest.raises(CannotFingerprint):
        fingerprint([Namespace(), Namespace(held=threading.Lock())])


def test_which_of_two_equal_objects_is_shared_is_seen() -> None:
    a, b = [1], [1]

    assert differ([a, b, a], [a, b, b])


def test_a_value_that_contains_itself_has_a_fingerprint() -> None:
    ring: list[Any] = [1]
    ring.append(ring)
    longer: list[Any] = [1, [1]]
    longer[1].append(longer)
    loop = Thing(None)
    loop.content = loop

    assert fingerprint(thawed(ring)) == fingerprint(ring)
    assert differ(ring, longer, loop)


def test_equal_text_and_numbers_are_one_whether_or_not_they_are_one_object() -> None:
    text = str(b"spam", "ascii")

    assert fingerprint([text, "spam"]) == fingerprint([text, text])
    assert fingerprint([10**20, 10**20]) == fingerprint([int("1" + "0" * 20)] * 2)


# --- NumPy ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "array",
    [
        np.arange(12).reshape(3, 4),
        np.asfortranarray(np.arange(12).reshape(3, 4)),
        np.arange(12)[::-2],
        np.arange(24).reshape(4, 6).T[::2],
        np.array([["a", [1]], [None, 2.5]], dtype=object),
        np.array([[str(n) for n in range(m, m + 6)] for m in range(4)], dtype=object).T[::2],
        np.array(["2026-01-01", "NaT"], dtype="datetime64[D]"),
        np.array([(1, 2.5)], dtype=[("n", "i4"), ("x", "f8")]),
        np.zeros((0, 3)),
        np.array(7),
        np.array(["a", "bc"]),
        np.ma.masked_array([1, 2], [True, False]),
        np.random.default_rng(1),
        np.random.RandomState(1),
        np.float32(1.5),
        np.dtype("int16"),
    ],
    ids=[
        *(
            "C",
            "Fortran",
            "backwards",
            "view",
            "objects",
            "view of objects",
            "times",
            "records",
            "empty",
            "0-D",
            "text",
        ),
        *("masked", "generator", "random state", "scalar", "dtype"),
    ],
)
def test_values_of_numpy_keep_their_fingerprint_through_pickling(array: Any) -> None:
    assert fingerprint(thawed(array)) == fingerprint(array)


def test_an_array_is_its_elements_dtype_shape_and_whether_it_may_be_written() -> None:
    array = np.arange(6)
    read_only = array.copy()
    read_only.flags.writeable = False
    other = array.copy()
    other[3] = 0

    assert differ(array, other, array.astype("int32"), array.reshape(2, 3), array.reshape(3, 2), read_only)
    assert differ(array.view("M8[s]"), array.view("M8[ms]"), array.view("float64"))
    assert fingerprint(np.arange(12)[::2]) == fingerprint(np.arange(12)[::2].copy())


def test_what_lies_between_the_fields_of_a_record_is_not_content() -> None:
    dtype = np.dtype([("flag", "u1"), ("x", "f8")], align=True)
    first, second = (np.frombuffer(bytes([fill]) * dtype.itemsize * 2, dtype).copy() for fill in (0, 7))
    first["flag"], first["x"] = 1, [2.0, 3.0]
    second["flag"], second["x"] = 1, [2.0, 3.0]

    assert first.tolist() == second.tolist()
    assert fingerprint(first) == fingerprint(second)
    second["x"][1] = 4.0
    assert fingerprint(first) != fingerprint(second)


def test_a_generator_that_was_drawn_from_is_another() -> None:
    drawn, fresh = np.random.default_rng(1), np.random.default_rng(1)
    assert fingerprint(drawn) == fingerprint(fresh)

    drawn.random()

    assert fingerprint(drawn) != fingerprint(fresh)


def test_the_trace_says_whose_memory_arrays_use() -> None:
    array = np.arange(10)
    one, other = Trace(), Trace()
    fingerprint(array[2:], trace=one)
    fingerprint(array[:3][::-1], trace=other)

    assert one.memory & other.memory == {id(array)}


# --- pandas -----------------------------------------------------------------------------------------------------------


def rides() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "n": [1, 2, 3],
            "x": [0.5, np.nan, -0.0],
            "s": ["a", None, "c"],
            "c": pd.Categorical(["u", "v", "u"]),
            "t": pd.date_range("2026-01-01", periods=3),
            "z": pd.date_range("2026-01-01", periods=3, tz="Europe/Berlin"),
            "d": pd.to_timedelta([1, 2, 3], "s"),
            "p": pd.period_range("2026-01", periods=3, freq="M"),
            "i": pd.array([1, None, 3], dtype="Int64"),
            "o": pd.Series([[1], {"a": 2}, 3], dtype=object),
            "b": [True, False, True],
        }
    )


def test_a_frame_keeps_its_fingerprint_through_pickling_copying_and_another_layout_of_its_blocks() -> None:
    frame = rides()
    before = fingerprint(frame)

    assert fingerprint(thawed(frame)) == before
    assert fingerprint(frame.copy()) == before
    assert fingerprint(pd.DataFrame({name: frame[name] for name in frame})) == before
    assert fingerprint(frame[list(frame.columns[:4])].join(frame[list(frame.columns[4:])])) == before


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame(np.arange(6.0).reshape(3, 2)),
        pd.DataFrame(np.arange(12.0).reshape(3, 4)).iloc[::2, 1:],
        pd.DataFrame({"a": [1, 2]}, index=pd.MultiIndex.from_tuples([("x", 1), ("y", 2)], names=["k", None])),
        pd.DataFrame({"a": [1, 2]}, index=pd.date_range("2026-01-01", periods=2, freq="D")),
        pd.DataFrame([[1, 2]], columns=["a", "a"]),
        pd.DataFrame(),
        pd.Series([1, 2], name="n", index=pd.CategoricalIndex(["a", "b"])),
        pd.Series(["a", "b", None, "d"])[1:],
        pd.Index(["a", "b"], name="k"),
        pd.RangeIndex(3),
        pd.IntervalIndex.from_breaks([0, 1, 2]),
        pd.Timestamp("2026-01-01", tz="UTC"),
        pd.Timedelta("1h"),
        [pd.NaT, pd.NA],
        pd.Series(pd.arrays.SparseArray([0, 0, 1])),
        rides().groupby("c", observed=True)["n"],
    ],
    ids=[
        *("2-D block", "view", "multi-index", "dates", "double name", "empty", "series", "slice of text", "index"),
        *("range", "intervals", "time", "duration", "missing", "sparse", "groups"),
    ],
)
def test_pandas_values_keep_their_fingerprint_through_pickling(frame: Any) -> None:
    assert fingerprint(handed_over(frame=frame)["frame"]) == fingerprint(frame)


def test_any_change_of_a_frame_shows() -> None:
    frame = rides()
    variants = [frame]
    for name in frame.columns:
        other = frame.copy()
        other[name] = other[name].iloc[::-1].to_numpy() if name in {"s", "o"} else other[name].shift(1)
        variants.append(other)
    flagged = frame.copy()
    flagged.attrs["source"] = "taxi"
    strict = frame.copy().set_flags(allows_duplicate_labels=False)
    variants += [
        frame.rename(columns={"n": "m"}),
        frame.set_index("n"),
        frame.rename_axis("row"),
        frame.iloc[:2],
        frame[frame.columns[::-1]],
        frame.astype({"n": "float64"}),
        frame.assign(c=frame["c"].cat.reorder_categories(["v", "u"])),
        frame.astype({"c": pd.CategoricalDtype(["u", "v"], ordered=True)}),
        frame.astype({"s": object}) if frame["s"].dtype != object else frame.astype({"s": "string"}),
        flagged,
        strict,
    ]

    assert differ(*variants)


def test_a_slice_of_text_is_its_own_rows_and_not_those_around_it() -> None:
    text = pd.Series(["a", "b", "c", "d"])
    other = pd.Series(["x", "b", "c", "y"])

    assert fingerprint(text[1:3]) == fingerprint(other[1:3])


# --- functions and classes --------------------------------------------------------------------------------------------


def notebook(source: str) -> dict[str, Any]:
    """Return the namespace of a notebook whose cell is `source`."""
    namespace: dict[str, Any] = {"__name__": "__main__", "__builtins__": __builtins__}
    exec(compile(source, "<cell>", "exec"), namespace)  # noqa: S102 - a cell is code
    return namespace


def made(source: str, name: str = "f") -> str:
    namespace = notebook(source)
    return fingerprint(namespace[name], namespace=namespace)


def test_a_function_is_its_code_and_not_where_it_was_typed() -> None:
    source = "def f(a, b=1):\n    '''Doc.'''\n    return [a + b for _ in {1, 2}]\n"

    assert made(source) == made("\n\nx = 0\n" + source)
    assert made(source) == made(source.replace("    return", "    # why\n    return"))


@pytest.mark.parametrize(
    "other",
    [
        "def f(a, b=2): return a + b",
        "def f(a, b=1): return a - b",
        "def f(a, c=1): return a + c",
        "def f(a, *, b=1): return a + b",
        "def f(a: int, b=1): return a + b",
        "def f(a, b=1):\n    'Doc.'\n    return a + b",
        "def f(a, b=1): return (lambda: a + b + 0)()",
        "def f(a, b=1): return a + b\nf.used = True",
        "async def f(a, b=1): return a + b",
        "f = lambda a, b=1: a + b",
        "def f(a, b=1):\n    try: return a + b\n    except ValueError: return 0",
    ],
    ids=lambda source: source.replace("\n", ";"),
)
def test_any_change_of_a_function_shows(other: str) -> None:
    assert made("def f(a, b=1): return a + b") != made(other)


CLOSURE = "def outer(n):\n    def f(): return n\n    return f\nf = outer(1)"
CACHED = "from functools import lru_cache\n@lru_cache(4)\ndef f(n): return n"
PARTIAL = "from functools import partial\ndef g(n): return n\nf = partial(g, 1)"
METHOD = "class C:\n    def m(self): return 1\nf = C().m"
VECTORIZED = "import numpy as np\nf = np.vectorize(lambda n: n)"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (CLOSURE, CLOSURE.replace("outer(1)", "outer(2)")),
        (CACHED, CACHED.replace("return n", "return -n")),
        (CACHED, CACHED.replace("4", "8")),
        (PARTIAL, PARTIAL.replace("(g, 1)", "(g, 2)")),
        (PARTIAL, PARTIAL.replace("return n", "return -n")),
        (METHOD, METHOD.replace("return 1", "return 2")),
        (VECTORIZED, VECTORIZED.replace("n: n", "n: -n")),
    ],
    ids=["closure", "cached", "size of the cache", "partial argument", "partial function", "method", "vectorized"],
)
def test_a_change_inside_what_wraps_a_function_shows(before: str, after: str) -> None:
    assert made(before) == made(before)
    assert made(before) != made(after)


def test_a_function_of_a_module_is_its_name_and_one_of_the_notebook_names_the_globals_it_reads() -> None:
    namespace = notebook("rate = 2\ndef f(n): return n * rate + len([g for g in other])\nother = []")
    trace = Trace()
    before = fingerprint(namespace["f"], namespace=namespace, trace=trace)
    namespace["rate"] = 3

    assert {"rate", "other", "len"} <= trace.globals
    assert fingerprint(namespace["f"], namespace=namespace) == before
    assert fingerprint(json.dumps) == fingerprint(thawed(json.dumps))
    assert differ(json.dumps, json.loads, len, np.sum, np.add, json, np)


@pytest.mark.parametrize(
    "other",
    [
        "class f:\n    rate = 2\n    def get(self): return self.rate",
        "class f:\n    rate = 1\n    def get(self): return -self.rate",
        "class f:\n    rate = 1\n    def got(self): return self.rate",
        "class f:\n    rate = 1\n    @property\n    def get(self): return self.rate",
        "class f:\n    rate = 1\n    @staticmethod\n    def get(self): return self.rate",
        "class f:\n    rate = 1\n    @classmethod\n    def get(self): return self.rate",
        "class f(Exception):\n    rate = 1\n    def get(self): return self.rate",
        "class f:\n    __slots__ = ('a',)\n    rate = 1\n    def get(self): return self.rate",
    ],
    ids=["attribute", "method", "name", "property", "static", "class method", "base", "slots"],
)
def test_any_change_of_a_class_shows_in_it_and_in_its_instances(other: str) -> None:
    source = "class f:\n    rate = 1\n    def get(self): return self.rate"

    assert made(source) == made(source)
    assert made(source) != made(other)
    assert made(f"{source}\none = f()", "one") != made(f"{other}\none = f()", "one")


@pytest.mark.parametrize(
    "source",
    [
        "from dataclasses import dataclass, field\n@dataclass\nclass f:\n    a: list = field(default_factory=list)",
        "from enum import Enum\nclass f(Enum):\n    A = 1\n    B = 2",
        "from collections import namedtuple\nf = namedtuple('f', 'a b')",
        "from typing import NamedTuple\nclass f(NamedTuple):\n    a: int",
        "from abc import ABC, abstractmethod\nclass f(ABC):\n    @abstractmethod\n    def get(self): ...",
        "from typing import Protocol\nclass f(Protocol):\n    def get(self): ...",
        "from typing import Generic, TypeVar\nT = TypeVar('T')\nclass f(Generic[T]):\n    pass",
        "from sklearn.base import BaseEstimator\nclass f(BaseEstimator):\n    def fit(self, X): return self",
        "class f:\n    def __init__(self): self.me = f\n    def again(self): return super().__repr__()",
        "from functools import cached_property\nclass f:\n    @cached_property\n    def n(self): return 1",
    ],
    ids=["dataclass", "enum", "namedtuple", "NamedTuple", "ABC", "protocol", "generic", "estimator", "super", "cached"],
)
def test_classes_as_notebooks_write_them_have_a_fingerprint_that_stays(source: str) -> None:
    assert made(source) == made(source)


# --- estimators -------------------------------------------------------------------------------------------------------

X = np.random.default_rng(0).random((60, 3))
Y = (X[:, 0] > 0.5).astype(int)


@pytest.mark.parametrize(
    "make",
    [
        lambda: make_pipeline(StandardScaler(), LogisticRegression()),
        lambda: RandomForestClassifier(5, random_state=0),
        lambda: HistGradientBoostingClassifier(max_iter=3, early_stopping=False, random_state=0),
    ],
    ids=["linear", "forest", "boosting"],
)
def test_an_estimator_is_its_parameters_and_what_it_learnt(make: Callable[[], Any]) -> None:
    fitted = make().fit(X, Y)
    before = fingerprint(fitted)

    assert fingerprint(handed_over(fitted=fitted)["fitted"]) == before
    assert fingerprint(make().fit(X, Y)) == before
    assert differ(fitted, make(), make().fit(X, 1 - Y))
    fitted.predict(X)
    assert fingerprint(fitted) == before


# --- what cannot be known ---------------------------------------------------------------------------------------------


def test_what_has_no_content_to_read_is_refused_wherever_it_hides(tmp_path: Path) -> None:
    def numbers() -> Any:
        yield 1

    class Refusing:
        def __reduce__(self) -> Any:
            raise OSError

    with (tmp_path / "file").open("w", encoding="utf-8") as file:
        for value in (numbers(), file, memoryview(b"a"), Refusing(), sys._getframe()):
            for hidden in (value, [value], {"a": (value,)}, Thing(value)):
                with pytest.raises(CannotFingerprint):
                    fingerprint(hidden)


# --- another process --------------------------------------------------------------------------------------------------

SCRIPT = """
import json, pickle, sys
import numpy as np, pandas as pd
from enum import Enum
from dataclasses import dataclass
from functools import lru_cache
from sklearn.ensemble import RandomForestClassifier
from mlops_nb.artifacts import fingerprint

class Colour(Enum):
    RED = "red"

@dataclass(frozen=True)
class Point:
    x: int
    tags: frozenset

def near(word):
    return word in {"alpha", "beta", "gamma"} or word in FAR

@lru_cache
def cached(word):
    return near(word)

FAR = {"delta", "epsilon", "zeta"}
X = np.random.default_rng(0).random((40, 2))
values = {
    "sets": [{"a", "b", "c"}, frozenset({("a", 1), ("b", 2)}), {frozenset({"x", "y"}), frozenset({"z"})}],
    "points": {Point(n, frozenset({"p", "q", str(n)})) for n in range(20)},
    "enum": [Colour.RED, {Colour.RED: 1}],
    "text": {str(n): [str(n)] for n in range(100)},
    "frame": pd.DataFrame({"s": ["a", None], "n": [1, 2], "c": pd.Categorical(["x", "y"])}),
    "function": near, "cached": cached, "class": Point, "enum class": Colour,
    "lambda": lambda words: words & {"one", "two", "three"},
    "forest": RandomForestClassifier(3, random_state=0).fit(X, X[:, 0] > 0.5),
    "float": [0.1, float("nan"), 1e300], "module": np, "type": list[int],
}
print(json.dumps({name: fingerprint(value, namespace=globals()) for name, value in values.items()}))
"""


def test_fingerprints_are_the_same_in_another_process_with_another_hash_seed() -> None:
    children = [
        subprocess.Popen(
            [sys.executable, "-c", SCRIPT],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=os.environ
            | {"PYTHONHASHSEED": seed, "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
        )
        for seed in ("1", "2")
    ]
    outputs = [json.loads(child.communicate()[0]) for child in children]

    assert outputs[0] == outputs[1]
    assert len(set(outputs[0].values())) == len(outputs[0])


class Peer:
    """Is in the set that it holds."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.peers: set[Any] = set()

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Peer) and self.key == other.key


def circle(*keys: str) -> Peer:
    first = Peer(keys[0])
    first.peers |= {first, *(Peer(key) for key in keys[1:])}
    return first


def test_a_set_that_holds_its_owner_has_a_fingerprint() -> None:
    assert fingerprint(circle("n")) == fingerprint(circle("n"))
    assert fingerprint(circle("n", "m", "o")) == fingerprint(circle("n", "o", "m"))
    assert len({fingerprint(circle(*keys)) for keys in (("n",), ("m",), ("n", "m"), ("n", "m", "o"))}) == 4


class Cell:
    """Is found in sets by its identity, and holds sets of others."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.near: set[Cell] = set()
        self.groups: list[set[Cell]] = []


def grid(side: int, *, far: str = "far") -> list[Cell]:
    cells = {(x, y): Cell(f"{x} {y}") for x in range(side) for y in range(side)}
    cells[side - 1, side - 1].name = far
    for (x, y), cell in cells.items():
        near = (cells.get(place) for place in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)))
        cell.near = {other for other in near if other is not None}
        cell.groups = [cell.near, set(cells.values())]
    return list(cells.values())


def test_sets_that_lead_into_each_other_cost_no_more_than_as_many_objects() -> None:
    first, other = grid(6), grid(6, far="farther")

    started = time.process_time()
    assert fingerprint(first) == fingerprint(grid(6))
    assert fingerprint(first) != fingerprint(other)
    assert time.process_time() - started < 20

    first[5].near.discard(next(iter(first[5].near)))
    assert fingerprint(first) != fingerprint(grid(6))


def test_deep_nests_of_sets_have_a_fingerprint_that_the_innermost_counts_in() -> None:
    def nest(depth: int, inside: Any) -> Any:
        for _ in range(depth):
            inside = frozenset({inside, (inside, "again")})
        return inside

    started = time.process_time()
    assert fingerprint(nest(40, "x")) == fingerprint(nest(40, "x"))
    assert differ(nest(40, "x"), nest(40, "y"), nest(41, "x"))
    assert time.process_time() - started < 20
