"""A dataset is judged when its step ends: what may not be stops the run before training, what changed is recorded."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
import yaml

from mlops_nb import lifecycle
from mlops_nb.lifecycle.schemas import approve_schema, find_schema, propose_schema
from mlops_nb.project import find_project
from mlops_nb.validation import TableStatistics, schema_text, validate_data
from tests.notebook_factory import statuses, write
from tests.validation.tables import DATA

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mlops_nb.lifecycle import Finished

CELLS = [
    (
        "step:load",
        "import pandas as pd\nrides = pd.read_csv('taxis.csv', parse_dates=['pickup', 'dropoff'])",
        {"outputs": {"rides": {"type": "dataset", "schema": True}}},
    ),
    (
        "step:train",
        "from sklearn.linear_model import Ridge\nmodel = Ridge().fit(rides[['distance']], rides['tip'])",
    ),
    ("step:tell pipeline-metrics", "slope = float(model.coef_[0])"),
]


@dataclass(frozen=True)
class Approved:
    """A project whose notebook ran before there was a schema, whose proposal was approved, and which ran again."""

    folder: Path
    first: Finished
    told: tuple[str, ...]
    again: Finished


def run(folder: Path, **options: Any) -> Finished:
    return lifecycle.run(folder / "rides.ipynb", **options)


def decisions(finished: Finished) -> list[tuple[str, str]]:
    return [(verdict.judge, verdict.decision) for verdict in finished.verdicts]


def findings(finished: Finished) -> list[tuple[str, str]]:
    return [(one["code"], one["subject"]) for verdict in finished.verdicts for one in verdict.content["findings"]]


def approve(folder: Path, why: str) -> None:
    pipeline = lifecycle.read(folder / "rides.ipynb")
    approve_schema(pipeline, find_schema(pipeline), why)


@pytest.fixture(scope="module")
def approved(tmp_path_factory: pytest.TempPathFactory) -> Approved:
    folder = tmp_path_factory.mktemp("rides") / "project"
    write(folder / "rides.ipynb", CELLS)
    pd.read_csv(DATA / "taxis.csv").sample(2_000, random_state=1).to_csv(folder / "taxis.csv", index=False)
    told: list[str] = []
    first = run(folder, listen=lambda event: told.append(event.text))
    approve(folder, "looked at with Grace")
    return Approved(folder, first, tuple(told), run(folder))


@pytest.fixture
def folder(approved: Approved, tmp_path: Path) -> Path:
    """Return a copy of the project, to be spoiled."""
    copy = tmp_path / "project"
    shutil.copytree(approved.folder, copy)
    return copy


def schemas(folder: Path) -> Path:
    return folder / "pipelines" / "rides" / "schemas"


@pytest.mark.row(9)
def test_the_first_run_proposes_a_schema_and_statistics_and_passes(approved: Approved) -> None:
    first = approved.first

    assert first.result.status == "succeeded"
    assert decisions(first) == [("data-schema", "pass")]
    assert findings(first) == [("NO_SCHEMA", "the table")]
    assert any("one is proposed in pipelines/rides/schemas/rides.proposed.yaml" in text for text in approved.told)
    links = {link.name: link.artifact for link in first.result.record.artifacts if link.direction == "output"}
    store = find_project(approved.folder).artifact_store()
    emitted = store.get(links["rides.statistics"].hash).decode()
    # What the gate compares with is, to the byte, what the exploring step emitted.
    assert (schemas(approved.folder) / "rides.statistics.json").read_text(encoding="utf-8") == emitted
    assert TableStatistics.from_json(emitted).rows == 2_000
    columns = yaml.safe_load(store.get(links["rides.schema"].hash))["columns"]
    assert columns["color"] == {"type": "text", "presence": 1, "domain": ["green", "yellow"]}


@pytest.mark.row(10)
def test_an_approval_says_who_when_and_why_and_judges_from_then_on(approved: Approved) -> None:
    told = yaml.safe_load((schemas(approved.folder) / "rides.yaml").read_text(encoding="utf-8"))

    assert [(one["version"], one["why"]) for one in told["approvals"]] == [(1, "looked at with Grace")]
    assert told["reference"]["run"] == approved.first.result.run
    assert not (schemas(approved.folder) / "rides.proposed.yaml").exists()
    assert decisions(approved.again) == [("data-schema", "pass"), ("data-drift", "pass")]
    # Only the step that the schema judges runs again because of it; what follows finds its inputs unchanged.
    assert statuses(approved.again.result.record) == {"load": "succeeded", "train": "cached", "tell": "cached"}
    (load,) = (step for step in approved.again.result.record.steps if step.step == "load")
    assert load.reason == "the schema `rides` changed"


def test_a_cached_step_shows_the_verdicts_of_the_run_that_did_its_work(folder: Path, approved: Approved) -> None:
    finished = run(folder)

    assert set(statuses(finished.result.record).values()) == {"cached"}
    assert decisions(finished) == decisions(approved.again)
    assert {verdict.run for verdict in finished.verdicts} == {approved.again.result.run}


def spoil(folder: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    change(pd.read_csv(folder / "taxis.csv")).to_csv(folder / "taxis.csv", index=False)


def where_row(column: str, row: int, value: Any) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda table: table.assign(**{column: table[column].where(table.index != row, value)})


SPOILED: dict[str, tuple[str, Callable[[pd.DataFrame], pd.DataFrame]]] = {
    "NEW_COLUMN": ("surge", lambda table: table.assign(surge=1.5)),
    "MISSING_COLUMN": ("color", lambda table: table.drop(columns="color")),
    "PRESENCE": ("dropoff_zone", lambda t: t.assign(dropoff_zone=t["dropoff_zone"].where(t.index > 400))),
    "WRONG_TYPE": ("fare", lambda table: where_row("fare", 3, "7 $")(table.astype({"fare": "str"}))),
    "OUT_OF_DOMAIN": ("payment", where_row("payment", 9, "crypto")),
    "OUT_OF_RANGE": ("fare", where_row("fare", 9, 9_999)),
    "NOT_FINITE": ("tip", where_row("tip", 9, float("inf"))),
    "EMPTY": ("the table", lambda table: table.head(0)),
}


@pytest.mark.row(32)
@pytest.mark.row(33)
@pytest.mark.row(34)
def test_what_may_not_be_stops_the_run_before_training_and_is_named(folder: Path) -> None:
    good = (folder / "taxis.csv").read_bytes()
    for code, (column, change) in SPOILED.items():
        (folder / "taxis.csv").write_bytes(good)
        spoil(folder, change)
        finished = run(folder)

        record = finished.result.record
        assert statuses(record) == {"load": "failed", "train": "skipped", "tell": "skipped"}, code
        assert (code, column) in findings(finished)
        assert decisions(finished)[0] == ("data-schema", "stop")
        (load,) = (step for step in record.steps if step.step == "load")
        assert f"[{code}]" in load.reason
        assert code == "EMPTY" or f"`{column}`" in load.reason


@pytest.mark.row(34)
def test_an_approved_new_version_lets_the_same_data_pass_on_resume(folder: Path) -> None:
    spoil(folder, lambda table: SPOILED["OUT_OF_DOMAIN"][1](table).assign(surge=1.5))
    stopped = run(folder)
    project = find_project(folder)
    assert stopped.result.status == "failed"

    def resume() -> Finished:
        return lifecycle.resume(lifecycle.find_resumption("last", project))

    assert resume().result.status == "failed", "nothing has been approved"
    pipeline = lifecycle.read(folder / "rides.ipynb")
    proposed = propose_schema(pipeline, find_schema(pipeline), stopped.result.run)
    assert [change.split(":")[0] for change in proposed.changes] == ["~ column `payment`", "+ column `surge`"]
    assert resume().result.status == "failed", "a proposal judges nothing"
    approve(folder, "crypto is taken, and surge is new")
    resumed = resume()

    assert resumed.result.status == "succeeded"
    assert decisions(resumed) == [("data-schema", "pass"), ("data-drift", "pass")]
    told = yaml.safe_load((schemas(folder) / "rides.yaml").read_text(encoding="utf-8"))
    assert [one["version"] for one in told["approvals"]] == [1, 2]


@pytest.mark.row(35)
def test_a_shifted_distribution_is_recorded_asks_for_a_new_model_and_stops_nothing(folder: Path) -> None:
    told: list[str] = []
    spoil(folder, lambda table: table.assign(distance=table["distance"] * 1.3))
    finished = run(folder, listen=lambda event: told.append(event.text))

    assert statuses(finished.result.record) == dict.fromkeys(("load", "train", "tell"), "succeeded")
    assert decisions(finished) == [("data-schema", "pass"), ("data-drift", "retrain")]
    assert findings(finished)[0] == ("DRIFT", "distance")
    assert any("`distance` have changed" in text and "a new model is asked for" in text for text in told)
    evidence = finished.verdicts[1].content["evidence"]
    assert evidence["together"]["auc"] > 0.5, "the rows of the reference were there to be compared with"
    assert evidence["data"] != evidence["reference"]["data"]


def test_a_schema_that_was_edited_judges_nothing_before_it_is_approved(folder: Path) -> None:
    path = schemas(folder) / "rides.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("[green, yellow]", "[green, yellow, black]"), "utf-8")
    refused = run(folder)

    assert refused.result.status == "failed"
    assert findings(refused) == [("UNAPPROVED_SCHEMA", "the table")]
    (load,) = (step for step in refused.result.record.steps if step.step == "load")
    assert "has been changed since version 1 was approved" in load.reason
    assert load.notebook == "", "nothing ran"
    approve(folder, "black cabs came")
    assert run(folder).result.status == "succeeded"
    assert "[green, yellow, black]" in path.read_text(encoding="utf-8")


def test_a_schema_that_is_required_and_not_there_stops_the_run(tmp_path: Path) -> None:
    settings = {"outputs": {"rides": {"type": "dataset", "schema": {"required": True, "name": "trips"}}}}
    write(tmp_path / "rides.ipynb", [("step:load", "import pandas as pd\nrides = pd.DataFrame({'a': [1]})", settings)])
    finished = run(tmp_path)

    assert finished.result.status == "failed"
    assert findings(finished) == [("NO_SCHEMA", "the table")]


def test_judging_leaves_the_step_as_its_cells_left_it(folder: Path) -> None:
    cells = [*CELLS]
    cells.insert(1, ("step:look", "import os, random, sys\nseen = (sorted(os.environ), random.random())"))
    with_gate = run(folder, seed=1, fresh=True).result
    for place, gate in ((folder / "rides.ipynb", True), (folder / "plain.ipynb", False)):
        settings = {"outputs": {"rides": {"type": "dataset", "schema": gate}}}
        write(place, [(*cells[0][:2], settings), *cells[1:]])
    runs = [lifecycle.run(folder / name, seed=1, fresh=True).result for name in ("rides.ipynb", "plain.ipynb")]
    left = []
    for result in runs:
        (load,) = (step for step in result.record.steps if step.step == "load")
        delta = json.loads(find_project(folder).artifact_store().get(load.outcome["delta"]))
        left.append({key: value for key, value in delta.items() if key in {"ambient", "deleted", "imports"}})

    assert with_gate.status == "succeeded"
    assert left[0] == left[1]


@pytest.mark.row(88)
def test_what_a_gate_stops_the_same_schema_refuses_in_a_file(folder: Path) -> None:
    pipeline = lifecycle.read(folder / "rides.ipynb")
    schema = find_schema(pipeline).approved
    assert schema is not None
    table = pd.read_csv(folder / "taxis.csv", parse_dates=["pickup", "dropoff"])

    assert validate_data(table, schema).decision == "pass"
    refused = validate_data(table.drop(columns="fare"), schema_file := schemas(folder) / "rides.yaml")
    assert (refused.decision, refused.findings[0].subject) == ("stop", "fare")
    assert validate_data(table.assign(distance=table["distance"] * 1.3), schema_file).decision == "retrain"
    assert schema_text(schema).startswith("# What the table `rides` must look like.")
