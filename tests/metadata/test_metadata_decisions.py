"""Decisions about what a step made: the newest counts, and nobody overrules what he has not seen; in both databases."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from mlops_nb.execution.deciding import NotWaiting, decide, waiting_at, why_stopped
from mlops_nb.metadata import AlreadyDecided, MetadataStore, StepEnd
from mlops_nb.metadata.records import PAUSED

if TYPE_CHECKING:
    from tests.metadata.conftest import StartRun

CONTENT = "ab" * 32


@pytest.fixture
def paused(store: MetadataStore, start_run: StartRun) -> str:
    start_run("r1", "load look train")
    for step in ("load", "look"):
        store.start_step("r1", step)
        store.finish_step("r1", step, StepEnd("succeeded"))
    store.note("r1", "look", PAUSED, CONTENT)
    store.skip_steps("r1", ["train"], "it waits")
    store.finish_run("r1", "paused", "waits for a decision at `look`")
    return "r1"


def test_a_stopped_run_is_over_and_an_overruled_one_is_not(store: MetadataStore, paused: str) -> None:
    (waits,) = waiting_at(store, store.run(paused))
    assert (waits.step, waits.content, waits.decision) == ("look", CONTENT, None)
    assert [run.id for run in store.runs(status="paused")] == [paused]

    made = decide(store, paused, "stop", why=" too old ", by="Ada")

    record = store.run(paused)
    assert (made.step, made.why, made.by, made.content) == ("look", "too old", "Ada", CONTENT)
    assert (record.run.status, record.run.reason) == ("cancelled", "at `look` Ada decided to stop: too old")
    assert [(line.step, line.status) for line in record.history][-2:] == [("look", "decided"), (None, "cancelled")]
    assert why_stopped(store, record)[0] == "look"
    with pytest.raises(AlreadyDecided, match="Ada decided to stop: too old"):
        decide(store, paused, "continue", why="no")
    decide(store, paused, "continue", why="no", by="Bo", overrule=True)
    assert why_stopped(store, store.run(paused)) == ("", "")
    assert [item.decision for item in store.verdicts(run=paused)] == ["stop", "pass"]


def test_a_run_that_may_go_on_stays_paused_until_another_goes_on(store: MetadataStore, paused: str) -> None:
    decide(store, paused, "continue", why="right", by="Ada")
    assert store.run(paused).run.status == "paused"
    assert store.run(paused).run.reason == "at `look` Ada decided to continue: right"


def test_a_decision_about_other_content_is_none_about_this(store: MetadataStore, paused: str) -> None:
    decide(store, paused, "continue", why="right")
    assert store.decision_about(CONTENT, judge="person", subject="look") is not None
    assert store.decision_about("cd" * 32, judge="person", subject="look") is None
    assert store.decision_about(CONTENT, judge="person", subject="load") is None


def test_of_many_who_decide_at_once_one_wins(url: str, store: MetadataStore, paused: str) -> None:
    together, told, refused = threading.Barrier(6), [], []

    def one(number: int) -> None:
        with MetadataStore.open(url) as own:
            together.wait()
            try:
                told.append(decide(own, paused, "stop" if number % 2 else "continue", why=str(number)).why)
            except AlreadyDecided as error:
                refused.append(error.decision)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (kept,) = store.verdicts(run=paused)
    assert told == [kept.content["evidence"]["why"]]
    assert refused == [kept] * 5


def test_a_run_that_was_not_held_up_has_nothing_to_decide(store: MetadataStore, start_run: StartRun) -> None:
    start_run("r2")
    with pytest.raises(NotWaiting, match="has not ended"):
        decide(store, "r2", "stop", why="no")


def test_what_one_did_not_see_is_not_overruled(store: MetadataStore, paused: str) -> None:
    content: dict[str, Any] = {
        "judge": "person",
        "subject": "look",
        "decision": "stop",
        "findings": [{"message": "no"}],
        "evidence": {"content": CONTENT},
    }
    first = store.decide(content, run=paused, step="look", seen=None, status="cancelled")
    for seen in (None, first + 1):
        with pytest.raises(AlreadyDecided):
            store.decide(content, run=paused, step="look", seen=seen, status="cancelled")
    assert store.decide(content, run=paused, step="look", seen=first, status="cancelled") > first
