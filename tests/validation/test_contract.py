"""What a model takes and gives, held against what requests are made for, field by field."""

from __future__ import annotations

from typing import Any

import pytest

from mlops_nb.validation.contract import signature_changes, signature_findings
from mlops_nb.validation.deployment import Target, judge_deployment

LIVE: dict[str, Any] = {
    "layout": "frame",
    "inputs": [
        {"name": "distance", "dtype": "float64", "nullable": False},
        {"name": "passengers", "dtype": "int64", "nullable": False},
        {"name": "color", "dtype": "str", "nullable": False},
    ],
    "method": "predict",
    "dtype": "float64",
    "shape": [-1],
    "classes": None,
    "probabilities": False,
}


def with_inputs(**changed: str | None) -> dict[str, Any]:
    """Return the signature with fields of other types, more fields, or (None) fewer."""
    fields = {item["name"]: item["dtype"] for item in LIVE["inputs"]} | changed
    inputs = [{"name": name, "dtype": dtype, "nullable": False} for name, dtype in fields.items() if dtype]
    return {**LIVE, "inputs": inputs}


@pytest.mark.row(40)
@pytest.mark.parametrize(
    ("candidate", "code", "field", "told"),
    [
        (with_inputs(tolls="float64"), "INPUT_ADDED", "tolls", "takes a field `tolls` (float64)"),
        (with_inputs(color=None), "INPUT_REMOVED", "color", "does not take the field `color` (str)"),
        (with_inputs(distance=None, distance_km="float64"), "INPUT_RENAMED", "distance", "called `distance_km`"),
        (with_inputs(distance="int64"), "INPUT_TYPE", "distance", "was float64 and is int64"),
        (with_inputs(passengers="str"), "INPUT_TYPE", "passengers", "was int64 and is str"),
        ({**LIVE, "shape": [-1, 2]}, "OUTPUT_CHANGED", "the shape", "was [-1] and is [-1, 2]"),
        ({**LIVE, "classes": ["a", "b"]}, "OUTPUT_CHANGED", "the classes", "was none and is ['a', 'b']"),
        ({**LIVE, "dtype": "str"}, "OUTPUT_CHANGED", "the type", "was float64 and is str"),
        ({**LIVE, "method": "transform"}, "OUTPUT_CHANGED", "the method", "was predict and is transform"),
    ],
)
def test_a_field_that_differs_is_refused_by_name(candidate: dict[str, Any], code: str, field: str, told: str) -> None:
    (found,) = signature_findings(LIVE, candidate, may_change=False)
    assert (found.code, found.subject, found.severity) == (code, field, "error")
    assert told in found.message
    (allowed,) = signature_findings(LIVE, candidate, may_change=True)
    assert allowed.severity == "warning"


@pytest.mark.parametrize(
    "candidate",
    [
        LIVE,
        with_inputs(passengers="float64"),
        with_inputs(color="category"),
        {**LIVE, "inputs": LIVE["inputs"][::-1]},
        {**LIVE, "dtype": "float32"},
        {**LIVE, "probabilities": True},
    ],
)
def test_what_breaks_no_request_is_not_refused(candidate: dict[str, Any]) -> None:
    assert not [change for change in signature_changes(LIVE, candidate) if change.breaks]


def test_the_places_of_an_array_count_and_lost_probabilities_do() -> None:
    array, turned = ({**LIVE, "layout": "array", "inputs": LIVE["inputs"][::step]} for step in (1, -1))
    assert [change.kind for change in signature_changes(array, turned)] == ["order"]
    assert signature_changes(array, turned)[0].breaks
    assert signature_changes({**LIVE, "probabilities": True}, LIVE)[0].field == "`predict_proba`"


@pytest.mark.row(39)
@pytest.mark.row(85)
def test_a_missing_package_too_much_memory_and_an_error_are_named() -> None:
    probe = {"missing": ["xgboost"], "error": "", "peak_bytes": 300 << 20, "packages": {"numpy": "2.0"}, "python": "3"}
    target = Target({"xgboost": "2.1", "numpy": "1.26"}, memory_mb=256)
    verdict = judge_deployment("tips 2", LIVE, probe, 0, target, {})
    assert verdict.decision == "refuse"
    assert [(f.code, f.severity) for f in verdict.findings] == [
        ("MEMORY_EXCEEDED", "error"),
        ("PACKAGE_MISSING", "error"),
        ("PACKAGE_DIFFERS", "warning"),
    ]
    assert "`xgboost` 2.1" in verdict.findings[1].message
    failing = {**probe, "missing": [], "peak_bytes": 1, "stage": "predict", "error": "ValueError: no"}
    assert judge_deployment("t 2", LIVE, failing, 0, target, {}).findings[0].code == "CANNOT_PREDICT"
    assert judge_deployment("t 2", {}, {**failing, "error": ""}, 0, target, {}).findings[0].code == "NO_SIGNATURE"
    ended = judge_deployment("t 2", LIVE, None, 400 << 20, target, {})
    assert [f.code for f in ended.findings] == ["MEMORY_EXCEEDED"]
