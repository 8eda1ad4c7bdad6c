from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from mlops_nb.metadata import AlreadyEnded, Artifact, MetadataStore, Scrap, StepEnd, StepStart, UnknownRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.metadata.conftest import StartRun

STEPS = [f"step-{number}" for number in range(200)]


@contextmanager
def statements(store: MetadataStore) -> Iterator[list[tuple[str, Any]]]:
    """Collect the statements that a store sends, transactions aside."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, values: Any, *_: object) -> None:
        if not statement.startswith("BEGIN"):
            seen.append((statement, values))

    event.listen(store._engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(store._engine, "before_cursor_execute", note)


def run_once(store: MetadataStore, run: str, keys: dict[str, str], *, seconds: float = 1.0) -> None:
    for step, key in keys.items():
        store.start_step(run, step, StepStart(key, {"source": key}))
        store.finish_step(run, step, StepEnd("succeeded", seconds=seconds))
    store.finish_run(run, "succeeded")


def test_the_latest_success_with_a_key_is_found_and_nothing_else(store: MetadataStore, start_run: StartRun) -> None:
    for run in ("run-1", "run-2", "run-3"):
        start_run(run)
    run_once(store, "run-1", {"load": "k1", "train": "k2"})
    run_once(store, "run-2", {"load": "k1"})
    store.start_step("run-3", "load", StepStart("k1"))
    store.finish_step("run-3", "load", StepEnd("failed"))

    found = store.latest_success("taxi", "load", "k1")

    assert found is not None
    assert (found.run, found.key_components) == ("run-2", {"source": "k1"})
    assert store.latest_success("taxi", "train", "k1") is None
    assert store.latest_success("adult", "load", "k1") is None
    assert store.latest_success("taxi", "load", "k9") is None
    assert {step: past.run for step, past in store.latest_successes("taxi", {"load": "k1", "train": "k2"}).items()} == {
        "load": "run-2",
        "train": "run-1",
    }


def test_a_step_without_a_key_is_never_taken_for_another(store: MetadataStore, start_run: StartRun) -> None:
    start_run("run-1")
    run_once(store, "run-1", {"load": ""})

    assert store.latest_success("taxi", "load", "") is None


def test_the_last_run_of_a_step_tells_what_it_was_made_of_even_if_it_failed(
    store: MetadataStore, start_run: StartRun
) -> None:
    for run in ("run-1", "run-2", "run-3"):
        start_run(run, "load train test")
    run_once(store, "run-1", {"load": "k1", "train": "k1", "test": "k1"})
    store.start_step("run-2", "train", StepStart("k2", {"source": "k2"}))
    store.finish_step("run-2", "train", StepEnd("failed"))
    store.reuse_steps("run-2", {"load": store.last_step_runs("taxi", ["load"])["load"].id})
    store.start_step("run-3", "load", StepStart("k3"))
    store.finish_run("run-3", "cancelled")

    last = store.last_step_runs("taxi", ["load", "train", "test", "new"])

    assert {step: (past.run, past.status, past.key_components) for step, past in last.items()} == {
        "load": ("run-2", "cached", {"source": "k1"}),
        "train": ("run-2", "failed", {"source": "k2"}),
        "test": ("run-1", "succeeded", {"source": "k1"}),
    }
    assert store.last_step_run("taxi", "new") is None


def test_the_usual_seconds_of_a_step_are_the_median_of_its_last_five_successes(
    store: MetadataStore, start_run: StartRun
) -> None:
    for number, seconds in enumerate([1000.0, 1.0, 9.0, 2.0, 8.0, 3.0]):
        start_run(f"run-{number}")
        run_once(store, f"run-{number}", {"load": "k", **({"train": "k"} if number < 2 else {})}, seconds=seconds)
    start_run("run-9")
    store.reuse_steps("run-9", {"load": 1})
    store.start_step("run-9", "train")
    store.finish_step("run-9", "train", StepEnd("failed", seconds=77.0))

    assert store.typical_seconds("taxi", ["load", "train", "new"]) == {"load": 3.0, "train": 500.5}


def test_a_reused_step_has_the_results_of_the_one_that_did_the_work(store: MetadataStore, start_run: StartRun) -> None:
    for run in ("run-1", "run-2", "run-3"):
        start_run(run)
    source = store.start_step("run-1", "load", StepStart("k1", {"source": "s"}))
    end = StepEnd(
        "succeeded",
        notebook="runs/run-1/load.ipynb",
        outcome={"evidence": "e1"},
        scraps=(Scrap("rows", 3),),
        inputs={"raw": Artifact("sha-raw", "file", "file:raw.csv", 1)},
        outputs={"rides": Artifact("sha-rides", "dataset", "file:rides", 1)},
    )
    store.finish_step("run-1", "load", end)
    store.reuse_steps("run-2", {"load": source}, "nothing changed")
    from_cached = store.run("run-2").steps[0].id
    store.reuse_steps("run-3", {"load": from_cached})
    store.finish_run("run-3", "succeeded")

    for run in ("run-2", "run-3"):
        record = store.run(run)
        load = record.steps[0]
        assert (load.status, load.cached_from, load.seconds) == ("cached", source, 0.0)
        assert load.outcome == {"evidence": "e1"}
        assert (load.key, load.key_components, load.notebook) == ("k1", {"source": "s"}, "runs/run-1/load.ipynb")
        assert load.started == load.finished is not None
        assert [(scrap.step, scrap.name, scrap.value) for scrap in record.scraps] == [("load", "rows", 3)]
        assert {(link.direction, link.name, link.artifact.hash) for link in record.artifacts} == {
            ("input", "raw", "sha-raw"),
            ("output", "rides", "sha-rides"),
        }
    assert store.outputs_of([source, from_cached]).keys() == {source, from_cached}
    assert store.outputs_of([from_cached])[from_cached]["rides"].uri == "file:rides"
    assert store.best_run("taxi", "rows").run.id == "run-3"


def test_only_a_pending_step_can_be_reused_and_only_from_one_that_exists(
    store: MetadataStore, start_run: StartRun
) -> None:
    start_run("run-1")
    run_once(store, "run-1", {"load": "k", "train": "k"})
    start_run("run-2")
    store.start_step("run-2", "train")

    with pytest.raises(AlreadyEnded, match="`train` of run `run-2` cannot be reused: it is running"):
        store.reuse_steps("run-2", {"load": 1, "train": 2})
    with pytest.raises(UnknownRecord, match="no step run 99"):
        store.reuse_steps("run-2", {"load": 99})
    with pytest.raises(UnknownRecord, match="Did you mean `load`"):
        store.reuse_steps("run-2", {"laod": 1})

    assert store.run("run-2").steps[0].status == "pending"


def test_a_plan_of_200_steps_asks_three_questions_of_the_store(store: MetadataStore, start_run: StartRun) -> None:
    keys = {step: f"key of {step}" for step in STEPS}
    start_run("run-1", " ".join(STEPS))
    with store.transaction():
        run_once(store, "run-1", keys)

    with statements(store) as sent:
        successes = store.latest_successes("taxi", keys)
        last = store.last_step_runs("taxi", STEPS)
        seconds = store.typical_seconds("taxi", STEPS)

    assert successes.keys() == last.keys() == seconds.keys() == set(STEPS)
    assert len(sent) == 3


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_what_plans_and_pages_ask_is_answered_from_indexes(store: MetadataStore, start_run: StartRun, url: str) -> None:
    start_run("run-1")
    run_once(store, "run-1", {"load": "k1", "train": "k2"})
    with statements(store) as sent:
        store.latest_successes("taxi", {"load": "k1"})
        store.last_step_runs("taxi", ["load"])
        store.typical_seconds("taxi", ["load"])
        store.runs()
        store.runs(pipeline="taxi")
        store.runs(status="succeeded")
        store.runs(pipeline="taxi", status="succeeded", before="run-1")
        store.runs(before="run-1")
        store.run("run-1")
        store.uses_of("sha")
        store.outputs_of([1])

    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection:
        for statement, values in sent:
            plan = [row[-1] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
            # Neither a whole table, nor (past, which comes with a step and a status or key) all of a pipeline.
            walks = [
                line
                for line in plan
                if (line.startswith("SCAN") and "wanted" not in line and "USING INDEX ix_run" not in line)
                or (line.startswith("SEARCH past") and line.endswith("(pipeline=?)"))
            ]
            assert not walks, (statement, plan)
            # A page comes in an index's order; the few rows of a plan or of one run may be sorted.
            if statement.startswith("SELECT run.") and "LIMIT" in statement:
                assert not any("B-TREE" in line for line in plan), (statement, plan)
