"""`mlops_nb.show`: one thing as a cell shows it, as HTML without scripts and as text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import mlops_nb
from mlops_nb.errors import UsageError
from mlops_nb.metadata import RecordedVerdict
from mlops_nb.project import find_project
from mlops_nb.report import find_origin
from mlops_nb.validation import Finding, Verdict
from tests.widgets.test_compare import Cells

if TYPE_CHECKING:
    from mlops_nb.widgets import Shown
    from tests.widgets.conftest import Income

EVIL = "<img src=x onerror=alert(1)>"
SCHEMA = Verdict(
    "data-schema",
    f"rides {EVIL}",
    "stop",
    (
        Finding("NEW_COLUMN", "color", f"The column {EVIL} is new.", details={"rows": [EVIL]}),
        Finding("FEW_ROWS", "", "There are 12 rows.", "warning"),
    ),
    {"rows": 12, "hash": "ab12", EVIL: EVIL},
)
DRIFT = Verdict(
    "data-drift",
    "rides",
    "retrain",
    (Finding("DRIFTED", "fare", "`fare` drifted: PSI 0.31, and 0.2 is allowed."),),
    {"features": [{"name": "fare", "effect": 0.31, "drifted": True}, {"name": "hour", "effect": 0.01}]},
)


def read(shown: Shown) -> Cells:
    page = Cells()
    page.feed(shown.html)
    assert not page.tags & {"script", "img", "iframe", "link", "object"}
    return page


def test_a_verdict_tells_what_was_decided_why_and_on_which_evidence() -> None:
    shown = mlops_nb.show(SCHEMA)
    page = read(shown)

    assert ["error", "NEW_COLUMN", "color", f"The column {EVIL} is new."] in page.rows
    assert ["rows", "12"] in page.rows
    assert "&lt;img" in shown.html
    assert str(shown).splitlines()[0] == f"data-schema: rides {EVIL}: stop"


def test_several_verdicts_are_one_decision_the_gravest() -> None:
    shown = mlops_nb.show(DRIFT, SCHEMA)

    assert str(shown).splitlines()[0] == "2 verdicts: stop"
    assert ["fare", "0.31", "true"] in read(shown).rows


def test_a_verdict_of_the_record_is_shown_as_it_was_given(income: Income, tmp_path: Path) -> None:
    with find_project(income.copy(tmp_path)).log() as log:
        log.add_verdict(DRIFT.to_json(), run=income.runs[0])
        (recorded,) = log.verdicts(run=income.runs[0])

    assert isinstance(recorded, RecordedVerdict)
    assert mlops_nb.show(recorded) == mlops_nb.show(DRIFT)


def test_an_interval_that_a_judge_found_stands_in_a_comparison(income: Income, tmp_path: Path) -> None:
    folder, run = income.copy(tmp_path), income.runs[1]
    bounds = {"value": 0.01, "low": -0.02, "high": 0.04}
    with find_project(folder).log() as log:
        log.add_verdict(Verdict("model-metrics", "x", "pass", (), {"metrics": {"bias": bounds}}).to_json(), run=run)

    table = mlops_nb.compare(project=folder)

    assert table.details[run]["intervals"]["m:bias"] == [-0.02, 0.04, "judged by model-metrics"]


def test_a_plan_shows_every_step_with_what_it_will_do_and_because_of_what(income: Income) -> None:
    plan = mlops_nb.plan(income.folder / "income.ipynb", [("a test", {"c": 5.5})])
    shown = mlops_nb.show(plan)

    assert "<svg" in shown.html
    told = {row[0]: row[1:] for row in read(shown).rows[1:]}
    assert set(told) == {step.name for step in plan.steps}
    for step in plan.steps:
        assert told[step.name][0] == {"cached": "cached", "run": "will run", "maybe": "may run"}[step.status]
        assert told[step.name][-1] == step.because


@pytest.mark.row(61)
def test_the_lineage_of_a_model_version_goes_back_to_the_file_it_was_made_from(income: Income) -> None:
    shown = mlops_nb.show("income@1", project=income.folder)
    lies = {row[0]: row[-1] for row in read(shown).rows[1:]}

    assert lies["income@1"] == "start"
    above = {name for name, side in lies.items() if side == "above"}
    assert {"train", "load"} <= above
    assert any(name.endswith("adult-income.csv") for name in above)
    project = find_project(income.folder)
    with project.log() as log:
        origin = find_origin(log, "income@1", Path.cwd())
        graph = log.trace(origin.starts, up=True, down=True)
    assert "income@1" in str(mlops_nb.show(graph))


def test_from_the_bad_file_every_model_made_of_it_is_shown(income: Income, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(income.folder)

    below = {row[0] for row in read(mlops_nb.show("adult-income.csv")).rows[1:] if row[-1] == "below"}

    assert {"income@1", "income@2", "income@3"} <= below


def test_a_run_is_shown_by_its_id_its_record_or_as_the_last(income: Income) -> None:
    with find_project(income.folder).log() as log:
        record = log.run(income.runs[-1])

    by_id = mlops_nb.show(income.runs[-1], project=income.folder)

    assert by_id == mlops_nb.show("last", project=income.folder) == mlops_nb.show(record)
    assert by_id == mlops_nb.show(record.run, project=income.folder)
    page = read(by_id)
    assert any(row[:2] == ["c", "30"] for row in page.rows)
    assert str(by_id).startswith(f"run {income.runs[-1]} of income: succeeded")
    assert "<b>plain</b>" not in by_id.html


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ((3,), "A `int` cannot be shown"),
        ((SCHEMA, "last"), "One thing is shown at a time"),
        (("nothing-of-that-name",), "is nothing that the record knows"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_the_next_act(income: Income, what: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        mlops_nb.show(*what, project=income.folder)
