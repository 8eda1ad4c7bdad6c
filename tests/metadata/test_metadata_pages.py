from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from mlops_nb.metadata import MetadataStore, Scrap, UnknownRecord

if TYPE_CHECKING:
    from tests.metadata.conftest import StartRun

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_runs_come_newest_first_in_pages(store: MetadataStore, start_run: StartRun) -> None:
    for number in range(7):
        start_run(f"run-{number}", started=NOON + timedelta(microseconds=number))

    def ids(*, limit: int = 3, offset: int = 0, before: str | None = None) -> list[str]:
        return [run.id for run in store.runs(limit, offset, before=before)]

    assert ids() == ["run-6", "run-5", "run-4"]
    assert ids(offset=3) == ["run-3", "run-2", "run-1"]
    assert ids(before="run-4") == ["run-3", "run-2", "run-1"]
    assert ids(before="run-1") == ["run-0"]


def test_pages_turned_by_the_last_run_miss_and_repeat_nothing_when_runs_start_at_the_same_moment(
    store: MetadataStore, start_run: StartRun
) -> None:
    for number in range(7):
        start_run(f"run-{number}", started=NOON + timedelta(microseconds=number // 3))

    seen: list[str] = []
    while page := store.runs(2, before=seen[-1] if seen else None):
        seen += [run.id for run in page]

    assert seen == ["run-6", "run-5", "run-4", "run-3", "run-2", "run-1", "run-0"]


def test_runs_are_filtered_by_pipeline_and_status(store: MetadataStore, start_run: StartRun) -> None:
    for number, (pipeline, status) in enumerate(
        [("taxi", "succeeded"), ("taxi", "failed"), ("adult", "succeeded"), ("taxi", "succeeded")]
    ):
        start_run(f"run-{number}", pipeline=pipeline)
        store.finish_run(f"run-{number}", status)  # type: ignore[arg-type]
    start_run("run-4")

    def ids(**filters: str) -> list[str]:
        return [run.id for run in store.runs(**filters)]  # type: ignore[arg-type]

    assert ids(pipeline="taxi", status="succeeded") == ["run-3", "run-0"]
    assert ids(pipeline="adult") == ["run-2"]
    assert ids(status="failed") == ["run-1"]
    assert ids(status="running") == ["run-4"]
    assert ids(status="died") == []
    assert store.pipelines() == ("adult", "taxi")


def test_a_run_is_found_by_the_unique_start_of_its_id(store: MetadataStore, start_run: StartRun) -> None:
    for run in ("a1b2", "a1c3", "a1", "B%_9"):
        start_run(run)

    assert store.run("a1b").run.id == "a1b2"
    assert store.run("a1").run.id == "a1"
    assert store.run("B%").run.id == "B%_9"
    with pytest.raises(UnknownRecord, match="Several runs start with `a`"):
        store.run("a")
    for nothing in ("b", "%", "_", ""):
        with pytest.raises(UnknownRecord, match="has no run"):
            store.run(nothing)


def test_an_unknown_name_is_answered_with_the_nearest(store: MetadataStore, start_run: StartRun) -> None:
    start_run("taxi-2026-05-01")
    store.record_scraps("taxi-2026-05-01", "train", [Scrap("metrics", {"rmse": 2.5})])
    store.finish_run("taxi-2026-05-01", "succeeded")

    with pytest.raises(UnknownRecord, match="Did you mean `taxi-2026-05-01`"):
        store.run("taxi-2026-06-01")
    with pytest.raises(UnknownRecord, match=r"has no step `trian`\. Did you mean `train`"):
        store.start_step("taxi-2026-05-01", "trian")
    with pytest.raises(UnknownRecord, match=r"Did you mean `metrics\.rmse`"):
        store.best_run("taxi", "metrics.rsme")
