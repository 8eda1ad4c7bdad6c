from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_nb.errors import UsageError
from mlops_nb.metadata import MetadataStore, Origin, Parameter, PipelineVersion, RunStart
from mlops_nb.metadata.json_values import from_text, numbers, plain, to_text

if TYPE_CHECKING:
    from pathlib import Path

texts = st.text(st.characters(codec=None), max_size=8) | st.sampled_from(
    ["$float", "$$float", "nan", "$", "\0", "\ud800"]
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=12,
)


def same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        if math.isnan(one):
            return math.isnan(other)
        return one == other and math.copysign(1, one) == math.copysign(1, other)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


@given(json_values)
def test_every_json_value_comes_back_as_it_was_with_nan_and_infinity(value: Any) -> None:
    assert same(from_text(to_text(plain(value, "a value"))), value)


@given(json_values)
def test_the_text_is_ascii_json_that_any_parser_reads(value: Any) -> None:
    text = to_text(plain(value, "a value"))

    assert text.isascii()
    assert "\0" not in text
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


@pytest.mark.parametrize("value", [{1, 2}, b"bytes", 1j, {"a": object()}, [{"b": range(3)}], {1: "a"}])
def test_what_is_no_json_is_refused(value: object) -> None:
    with pytest.raises(UsageError, match="JSON cannot hold"):
        plain(value, "parameter `p`")


def test_numbers_are_found_under_dotted_names() -> None:
    value = {"rmse": 2.5, "by": {"day": 1, "nan": float("nan")}, "text": "3", "ok": True, "list": [1]}

    assert dict(numbers("m", value)) == {"m.rmse": 2.5, "m.by.day": 1.0}


def test_parameters_are_replayed_verbatim_from_the_store(tmp_path: Path) -> None:
    values = [1, 1.0, -0.0, float("inf"), float("-inf"), "1", "", "NaN", True, None, [], {}, 10**30, "é\0\ud83d"]
    parameters = tuple(Parameter(f"p{i}", type(value).__name__, value) for i, value in enumerate(values))
    with MetadataStore.open(f"sqlite:///{tmp_path}/metadata.db") as store:
        store.start_run(RunStart("run", PipelineVersion("p", "v"), "p.ipynb", Origin("api"), (), parameters))

    with MetadataStore.open(f"sqlite:///{tmp_path}/metadata.db") as store:
        replayed = store.run("run").parameters

    assert replayed == parameters
    assert all(same(one.value, other.value) for one, other in zip(replayed, parameters, strict=True))
