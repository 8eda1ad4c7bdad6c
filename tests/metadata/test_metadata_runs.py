from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from mlops_nb.errors import UsageError
from mlops_nb.metadata import (
    AlreadyEnded,
    Artifact,
    GitState,
    MetadataStore,
    Origin,
    Parameter,
    PipelineVersion,
    PlannedStep,
    RunStart,
    Scrap,
    StepEnd,
    StepError,
    StepStart,
    UnknownRecord,
    this_process,
)

if TYPE_CHECKING:
    from tests.metadata.conftest import StartRun

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
RIDES = Artifact("sha-rides", "dataset", "file:rides.parquet", 1024, "application/vnd.apache.parquet", 6433)
MODEL = Artifact("sha-model", "model", "file:model.skops", 99)


def test_everything_recorded_of_a_run_is_read_back(store: MetadataStore) -> None:
    error = StepError("c7", 7, "KeyError", "'tip'", "Traceback …\nKeyError: 'tip'")
    version = PipelineVersion("taxi", "p1", {"steps": ["load", "train"], "edges": [["load", "train"]]})
    parameters = (
        Parameter("alpha", "float", 0.1, "command-line"),
        Parameter("seed", "int", 7),
        Parameter("depth", "None", None, "file", step="train"),
        Parameter("password", "str", "env:DB_PASSWORD", "config", secret=True),
    )
    store.start_run(
        RunStart(
            "run-1",
            version,
            "notebooks/taxi.ipynb",
            Origin("cli", "mlops-nb run taxi.ipynb"),
            (PlannedStep("load", "l1"), PlannedStep("train", "t1")),
            parameters,
            git=GitState("abc", dirty=True, diff_hash="d1"),
            environment={"python": "3.11", "packages": {"pandas": "3.0"}},
            why="new data",
            started=NOON,
        )
    )
    store.start_step("run-1", "load", StepStart("k1", {"source": "s1"}, "never run", at=NOON))
    store.finish_step(
        "run-1",
        "load",
        StepEnd(
            "succeeded",
            notebook="runs/load.ipynb",
            scraps=(Scrap("rows", 6433), Scrap("about", {"mean": 2.5, "by_day": [1, None]}, "metrics")),
            outputs={"rides": RIDES},
            at=NOON + timedelta(seconds=2.5),
        ),
    )
    store.start_step("run-1", "train", StepStart("k2", inputs={"rides": RIDES}))
    store.finish_step("run-1", "train", StepEnd("failed", error=error, notebook="runs/train.ipynb"))
    store.finish_run("run-1", "failed", "train raised KeyError")

    record = store.run("run-1")

    assert (record.run.status, record.run.reason, record.run.why) == ("failed", "train raised KeyError", "new data")
    assert record.run.started == NOON
    assert record.run.git == GitState("abc", dirty=True, diff_hash="d1")
    assert record.version == version
    assert record.environment == {"python": "3.11", "packages": {"pandas": "3.0"}}
    assert record.parameters == parameters
    load, train = record.steps
    assert (load.step, load.version, load.status, load.key, load.reason) == (
        "load",
        "l1",
        "succeeded",
        "k1",
        "never run",
    )
    assert load.key_components == {"source": "s1"}
    assert (load.seconds, load.notebook, load.error) == (2.5, "runs/load.ipynb", None)
    assert (train.status, train.error, train.notebook) == ("failed", error, "runs/train.ipynb")
    assert [(s.step, s.name, s.value, s.kind) for s in record.scraps] == [
        ("load", "rows", 6433, "json"),
        ("load", "about", {"mean": 2.5, "by_day": [1, None]}, "metrics"),
    ]
    assert [(a.step, a.direction, a.name, a.artifact.hash) for a in record.artifacts] == [
        ("load", "output", "rides", "sha-rides"),
        ("train", "input", "rides", "sha-rides"),
    ]
    assert [(change.step, change.status) for change in record.history] == [
        (None, "running"),
        ("load", "running"),
        ("load", "succeeded"),
        ("train", "running"),
        ("train", "failed"),
        (None, "failed"),
    ]


@pytest.mark.row(56)
@pytest.mark.parametrize(
    "origin", [Origin("cli", "mlops-nb run"), Origin("schedule", "nightly"), Origin("trigger", "event-17")]
)
def test_the_record_names_who_or_what_started_a_run_and_where_it_ran(store: MetadataStore, origin: Origin) -> None:
    version = PipelineVersion("taxi", "p1")
    store.start_run(RunStart("run-1", version, "taxi.ipynb", origin, (), executor="dask tcp://10.0.0.5:8786"))

    (run,) = store.runs()

    assert run.origin == origin
    assert run.who == this_process()
    assert run.who.user
    assert run.who.host
    assert run.executor == "dask tcp://10.0.0.5:8786"


def test_times_are_read_back_in_utc_to_the_microsecond(store: MetadataStore, start_run: StartRun) -> None:
    in_kathmandu = datetime(2026, 5, 1, 5, 45, 0, 123457, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    start_run("run-1", started=in_kathmandu)

    (run,) = store.runs()

    assert run.started == datetime(2026, 5, 1, 0, 0, 0, 123457, tzinfo=UTC)
    assert run.started.utcoffset() == timedelta(0)


def test_a_secret_is_stored_as_a_reference_or_not_at_all(store: MetadataStore, start_run: StartRun) -> None:
    start_run("run-1")

    with pytest.raises(UsageError) as refused:
        store.record_parameters("run-1", [Parameter("password", "str", "hunter2", secret=True)])

    assert "hunter2" not in str(refused.value)
    assert store.run("run-1").parameters == ()


def test_a_value_that_is_no_json_is_refused_by_name_and_nothing_is_recorded(
    store: MetadataStore, start_run: StartRun
) -> None:
    start_run("run-1")
    store.start_step("run-1", "load")

    with pytest.raises(UsageError, match=r"Scrap `when` is a `datetime\.datetime`"):
        store.finish_step("run-1", "load", StepEnd("succeeded", scraps=(Scrap("n", 1), Scrap("when", NOON))))

    record = store.run("run-1")
    assert record.steps[0].status == "running"
    assert record.scraps == ()


def test_text_that_a_database_cannot_hold_is_kept_as_its_escape(store: MetadataStore, start_run: StartRun) -> None:
    start_run("run-1")
    store.start_step("run-1", "load")
    error = StepError("c1", 1, "ValueError", "\udcff and \0", "Traceback \ud800")

    store.finish_step("run-1", "load", StepEnd("failed", "bad \udcff and \0", notebook="r\udce9sum.ipynb", error=error))

    load = store.run("run-1").steps[0]
    assert load.error == error
    assert load.reason == "bad \\udcff and \\x00"
    assert load.notebook == "r\\udce9sum.ipynb"


def test_a_step_starts_once_and_ends_once(store: MetadataStore, start_run: StartRun) -> None:
    start_run("run-1")
    store.start_step("run-1", "load")
    with pytest.raises(AlreadyEnded, match="it is running"):
        store.start_step("run-1", "load")
    store.finish_step("run-1", "load", StepEnd("succeeded"))
    with pytest.raises(AlreadyEnded, match="it is succeeded"):
        store.finish_step("run-1", "load", StepEnd("failed"))

    assert store.run("run-1").steps[0].status == "succeeded"


def test_a_run_ends_once_and_its_open_steps_end_with_it(store: MetadataStore, start_run: StartRun) -> None:
    start_run("run-1", "load train test")
    store.start_step("run-1", "load")
    store.finish_step("run-1", "load", StepEnd("succeeded"))
    store.start_step("run-1", "train")
    store.finish_run("run-1", "cancelled", "Ctrl-C")
    with pytest.raises(AlreadyEnded, match="it is cancelled"):
        store.finish_run("run-1", "succeeded")

    record = store.run("run-1")
    assert record.run.status == "cancelled"
    assert [step.status for step in record.steps] == ["succeeded", "cancelled", "cancelled"]
    assert record.steps[1].finished == record.run.finished
    assert [(change.step, change.status) for change in record.history[-3:]] == [
        ("train", "cancelled"),
        ("test", "cancelled"),
        (None, "cancelled"),
    ]


def test_steps_after_a_failure_are_skipped_with_the_reason(store: MetadataStore, start_run: StartRun) -> None:
    start_run("run-1", "load train test")
    store.start_step("run-1", "load")
    store.finish_step("run-1", "load", StepEnd("failed"))
    store.skip_steps("run-1", ["train", "test"], "step load failed")
    store.finish_run("run-1", "failed")

    skipped = store.run("run-1").steps[1:]
    assert [(step.status, step.reason, step.seconds) for step in skipped] == [("skipped", "step load failed", None)] * 2


def test_a_reopened_step_has_only_the_results_of_its_new_attempt_and_nothing_is_lost(
    store: MetadataStore, start_run: StartRun
) -> None:
    start_run("run-1")
    first = store.start_step("run-1", "load", StepStart("k1"))
    wrong = StepEnd("succeeded", scraps=(Scrap("loss", 0.1),), outputs={"rides": RIDES}, inputs={"model": MODEL})
    store.finish_step("run-1", "load", wrong)

    store.reopen_step("run-1", "load", "its input had changed")

    assert store.run("run-1").steps[0].status == "pending"
    assert store.latest_success("taxi", "load", "k1") is None
    second = store.start_step("run-1", "load", StepStart("k2"))
    right = Artifact("sha-right", "dataset", "file:right", 1)
    store.finish_step("run-1", "load", StepEnd("succeeded", scraps=(Scrap("loss", 0.5),), outputs={"rides": right}))
    store.finish_run("run-1", "succeeded")

    record = store.run("run-1")
    assert [(step.step, step.attempt) for step in record.steps] == [("load", 2), ("train", 1)]
    assert [scrap.value for scrap in record.scraps] == [0.5]
    assert [link.artifact.hash for link in record.artifacts] == ["sha-right"]
    assert [link.artifact.hash for link in store.artifacts_of("run-1")] == ["sha-right"]
    assert store.best_run("taxi", "loss", "min").value == 0.5
    assert [(change.step, change.status, change.why) for change in record.history[3:5]] == [
        ("load", "withdrawn", "its input had changed"),
        ("load", "pending", "its input had changed"),
    ]
    outputs = store.outputs_of([first, second])
    assert (outputs[first]["rides"].hash, outputs[second]["rides"].hash) == ("sha-rides", "sha-right")


def test_a_reopened_step_can_be_reused_and_reopened_again(store: MetadataStore, start_run: StartRun) -> None:
    start_run("run-1")
    source = store.start_step("run-1", "load", StepStart("k1"))
    store.finish_step("run-1", "load", StepEnd("succeeded", scraps=(Scrap("n", 1),)))
    start_run("run-2")
    for _ in range(2):
        store.reuse_steps("run-2", {"load": source})
        store.reopen_step("run-2", "load", "again")
    store.reuse_steps("run-2", {"load": source})

    record = store.run("run-2")
    assert (record.steps[0].attempt, record.steps[0].status) == (3, "cached")
    assert [scrap.value for scrap in record.scraps] == [1]


def test_only_a_step_that_has_ended_in_a_run_that_has_not_is_reopened(
    store: MetadataStore, start_run: StartRun
) -> None:
    start_run("run-1")
    with pytest.raises(UsageError, match="cannot be reopened: it is pending"):
        store.reopen_step("run-1", "load", "why")
    store.finish_run("run-1", "cancelled")
    with pytest.raises(AlreadyEnded, match="run `run-1` has ended"):
        store.reopen_step("run-1", "load", "why")


def test_what_a_transaction_holds_is_recorded_whole_or_not_at_all(store: MetadataStore, start_run: StartRun) -> None:
    start_run("run-1")

    def start_both() -> None:
        with store.transaction():
            store.start_step("run-1", "load")
            assert store.run("run-1").steps[0].status == "running"
            store.start_step("run-1", "no such step")

    with pytest.raises(UnknownRecord):
        start_both()

    assert store.run("run-1").steps[0].status == "pending"


def test_of_two_scraps_with_one_name_the_later_counts(store: MetadataStore, start_run: StartRun) -> None:
    start_run("run-1")
    store.record_scraps("run-1", "load", [Scrap("loss", 0.5)])
    store.record_scraps("run-1", "load", [Scrap("loss", 0.25)])

    assert [scrap.value for scrap in store.run("run-1").scraps] == [0.25]


def test_a_second_run_with_the_same_id_is_refused(store: MetadataStore, start_run: StartRun) -> None:
    start_run("run-1")

    with pytest.raises(UsageError, match="`run-1` is already in"):
        start_run("run-1")


def test_the_best_run_is_the_succeeded_one_with_the_best_metric(store: MetadataStore, start_run: StartRun) -> None:
    values = [("run-0", 0.8, "succeeded"), ("run-1", 0.9, "succeeded"), ("run-2", 0.99, "failed")]
    values += [("run-3", 0.9, "succeeded"), ("run-4", float("nan"), "succeeded"), ("run-5", 0.1, "failed")]
    for run, value, status in values:
        start_run(run)
        store.record_scraps(run, "train", [Scrap("metrics", {"accuracy": value, "name": "forest", "flag": True})])
        store.finish_run(run, status)  # type: ignore[arg-type]

    best, worst = store.best_run("taxi", "metrics.accuracy"), store.best_run("taxi", "metrics.accuracy", "min")

    assert (best.run.id, best.step, best.value) == ("run-1", "train", 0.9)
    assert (worst.run.id, worst.value) == ("run-0", 0.8)
    with pytest.raises(UnknownRecord):
        store.best_run("taxi", "metrics.flag")


def test_lineage_is_followed_from_a_run_to_its_artifacts_and_back(store: MetadataStore, start_run: StartRun) -> None:
    start_run("run-1")
    store.link("run-1", None, "input", {"notebook": Artifact("sha-nb", "notebook", "file:taxi.ipynb", 10)})
    store.link("run-1", "load", "output", {"rides": RIDES})
    store.link("run-1", "train", "input", {"rides": RIDES})
    store.link("run-1", "train", "output", {"model": MODEL})
    start_run("run-2")
    store.link("run-2", "train", "input", {"again": RIDES})

    outputs = [(link.step, link.name) for link in store.artifacts_of("run-1", "output")]
    assert outputs == [("load", "rides"), ("train", "model")]
    assert [link.step for link in store.artifacts_of("run-1", "input")] == [None, "train"]
    assert [(link.run, link.step) for link in store.uses_of("sha-rides", "input")] == [
        ("run-2", "train"),
        ("run-1", "train"),
    ]
    assert [(link.run, link.step) for link in store.uses_of("sha-rides", "output")] == [("run-1", "load")]
    recorded = store.artifact("sha-rides")
    assert recorded is not None
    assert recorded.rows == 6433
    assert store.artifact("sha-none") is None


def test_an_artifact_stays_as_it_was_recorded_first(store: MetadataStore) -> None:
    store.record_artifact(Artifact("h", "dataset", "file:first", 1))
    store.record_artifact(Artifact("h", "dataset", "file:second", 1))

    recorded = store.artifact("h")
    assert recorded is not None
    assert recorded.uri == "file:first"
