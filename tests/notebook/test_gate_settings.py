"""A gate that says something that cannot be is told before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mlops_nb.notebook import parse_notebook
from mlops_nb.notebook.settings import problems, settings_from
from mlops_nb.steps import read_steps
from tests.notebook_factory import document

GATE: dict[str, Any] = {"data": "X_test", "target": "y_test", "metrics": {"mae": {"at_most": 1.0}}}


def settings(**changed: Any) -> dict[str, Any]:
    gate = {name: value for name, value in {**GATE, **changed}.items() if value is not None}
    return {"outputs": {"tips": {"type": "model", "variable": "model", "evaluate": gate}}}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (settings(target=None), "needs `target`"),
        (settings(metrics={}), "does not fit"),
        (settings(metrics={"mae": {"atmost": 1}}), "Did you mean `at_most`?"),
        (settings(metrics={"mae": {}, "r2": {}}), "must say which of the metrics leads: mae, r2."),
        (settings(leads="mea"), "is `mea`, which is none of the metrics. Did you mean `mae`?"),
        (settings(train_target="y_train"), "does not fit"),
        (settings(slices={"columns": []}), "does not fit"),
        (settings(promote="always"), "must be one of by hand, automatic"),
        ({"outputs": {"tips": {"type": "dataset", "evaluate": GATE}}}, "`outputs.tips.type` must be model"),
    ],
)
def test_a_gate_that_cannot_be_is_told(given: dict[str, Any], told: str) -> None:
    assert any(told in sentence for _, sentence in problems(given)), problems(given)


def test_what_a_gate_demands_is_no_part_of_what_the_kernel_is_told() -> None:
    (one,) = settings_from(settings(train=["X_a", "X_b"], compare="none")).outputs
    (other,) = settings_from(settings(train=["X_a", "X_b"], metrics={"r2": {}})).outputs
    assert one.inputs == ("X_test", "y_test", "X_a", "X_b")
    assert one.published() == other.published()
    assert one.published()["evaluate"] == {"data": "X_test", "target": "y_test", "train": ["X_a", "X_b"]}
    (plain,) = settings_from({"outputs": {"tips": {"type": "model"}}}).outputs
    assert "evaluate" not in plain.published()


def test_variables_of_a_gate_are_read_by_its_step_and_an_unknown_one_is_told() -> None:
    cells = [
        ("step:split", "X_test, y_test = [[1]], [1]\nX_train = [[2]]"),
        ("step:train", "model = len(X_train)", settings()),
    ]
    graph = read_steps(parse_notebook(_text(cells), Path("tips.ipynb")))
    (edge,) = graph.edges
    assert set(edge.variables) == {"X_train", "X_test", "y_test"}
    assert graph.steps[-1].computes_with == {"X_train"}
    cells[1] = ("step:train", "model = len(X_train)", settings(data="X_tset"))
    (found,) = read_steps(parse_notebook(_text(cells), Path("tips.ipynb"))).diagnostics
    assert (found.code, "Did you mean `X_test`?" in found.message) == ("MN206", True)


def _text(cells: list[Any]) -> str:
    import json

    return json.dumps(document(cells))
