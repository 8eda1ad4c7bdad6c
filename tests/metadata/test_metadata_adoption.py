"""A run's record leaves a store as JSON and comes whole into another."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from mlops_nb.metadata import (
    Artifact,
    GitState,
    MetadataStore,
    NotARecord,
    Origin,
    Parameter,
    PipelineVersion,
    PlannedStep,
    RunRecord,
    RunStart,
    Scrap,
    StepEnd,
    StepError,
    StepStart,
    record_from_json,
    record_to_json,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def record(tmp_path: Path) -> RunRecord:
    """Return a run with a fact of every kind, from a store of its own."""
    with MetadataStore.open(f"sqlite:///{tmp_path / 'there.db'}") as there:
        there.start_run(
            RunStart(
                "20261124-101112-abcdef",
                PipelineVersion("taxi", "v1", {"edges": [["load", "train"]]}),
                "/home/ada/taxi.ipynb",
                Origin("schedule", "nightly"),
                (PlannedStep("load", "a"), PlannedStep("train", "b"), PlannedStep("report", "c")),
                (Parameter("alpha", "float", 0.5, "config"), Parameter("key", "str", "env:KEY", secret=True)),
                git=GitState("c0ffee", dirty=True, diff_hash="d1ff"),
                environment={"python": "3.11.7", "packages": {"pandas": "3.1.1"}},
                why="new data",
            )
        )
        there.link(
            "20261124-101112-abcdef", None, "input", {"snapshot": Artifact("5" * 64, "snapshot", "artifact:5", 10)}
        )
        table = Artifact("7" * 64, "table", "artifact:7", 999, "application/vnd.apache.parquet", rows=3)
        there.start_step("20261124-101112-abcdef", "load", StepStart("key", {"source": "a"}, "it never ran"))
        end = StepEnd(
            "succeeded", scraps=(Scrap("mae", 1.5), Scrap("note", "ü")), outputs={"rides": table}, seconds=2.5
        )
        there.finish_step("20261124-101112-abcdef", "load", end)
        there.start_step("20261124-101112-abcdef", "train")
        error = StepError("cell-2", 2, "ValueError", "no", "Traceback …")
        there.finish_step("20261124-101112-abcdef", "train", StepEnd("failed", "it raised", error=error))
        there.skip_steps("20261124-101112-abcdef", ["report"], "train failed")
        there.finish_run("20261124-101112-abcdef", "failed", "step `train` failed")
        return there.run("20261124-101112-abcdef")


def _comparable(record: RunRecord) -> RunRecord:
    """Return a record without the row numbers of its store."""
    return replace(record, steps=tuple(replace(step, id=0) for step in record.steps))


def test_a_record_comes_back_from_json_as_it_was(record: RunRecord) -> None:
    assert record_from_json(record_to_json(record)) == record


def test_an_adopted_run_is_all_that_it_was_where_it_came_from(record: RunRecord, store: MetadataStore) -> None:
    assert store.adopt(record)
    assert _comparable(store.run(record.run.id)) == _comparable(record)
    assert [run.id for run in store.runs()] == [record.run.id]
    # Its metrics are found, as those of every run.
    assert [link.run for link in store.uses_of("7" * 64)] == [record.run.id]


def test_adopting_a_run_twice_changes_nothing(record: RunRecord, store: MetadataStore) -> None:
    assert store.adopt(record)
    before = store.run(record.run.id)
    assert not store.adopt(replace(record, run=replace(record.run, why="something else")))
    assert store.run(record.run.id) == before


def test_a_record_that_cannot_be_taken_in_whole_is_not_taken_in_at_all(record: RunRecord, store: MetadataStore) -> None:
    with pytest.raises(KeyError):
        store.adopt(replace(record, steps=record.steps[1:]))
    assert store.runs() == ()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 99}', '{"format": 1, "run": {"id": 3}}'])
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(NotARecord):
        record_from_json(text)


def test_equal_records_give_equal_text(record: RunRecord) -> None:
    assert record_to_json(record) == record_to_json(record_from_json(record_to_json(record)))
    assert json.loads(record_to_json(record))["format"] == 1
