"""What `gc` frees, and what it never touches."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

import pytest

from mlops_nb.artifacts import Holdings
from mlops_nb.errors import UsageError
from mlops_nb.execution.deciding import decide
from mlops_nb.execution.upkeep.gc import Removable, Rules, removable, remove
from mlops_nb.lifecycle import plan_run, run
from mlops_nb.metadata import Artifact, this_process
from mlops_nb.project import find_project
from tests.execution.recorded_runs import NOW, Place, hours_ago
from tests.notebook_factory import edit, statuses, write

if TYPE_CHECKING:
    from pathlib import Path


def found(place: Place, keep: int = 1, days: float = 0) -> Removable:
    return removable(place.log, place.holdings, place.runs, Rules(keep, days))


def sweep(place: Place, keep: int = 1, days: float = 0) -> None:
    remove(found(place, keep, days), place.log, place.holdings, Rules(keep, days))


@pytest.mark.parametrize(
    ("keep", "days", "kept"),
    [
        (1, 0, {"taxi-1": "newest", "adult-3": "newest"}),
        (2, 0, {"taxi-1": "newest", "taxi-5": "newest", "adult-3": "newest"}),
        (0, 4, {"taxi-1": "young", "adult-3": "young"}),
        (1, 7, {"taxi-1": "newest", "taxi-5": "young", "adult-3": "newest"}),
        (0, 0, {}),
    ],
)
def test_the_newest_runs_of_each_pipeline_and_the_young_ones_are_kept(
    place: Place, keep: int, days: float, kept: dict[str, str]
) -> None:
    for name, ago in (("taxi-9", 9.5), ("taxi-5", 5.5), ("adult-3", 3.5), ("taxi-1", 1.5)):
        place.run(name, days_ago=ago, pipeline=name.partition("-")[0])

    assert found(place, keep, days).kept == kept


def test_what_only_dropped_runs_refer_to_goes_and_the_rest_stays_whole(place: Place) -> None:
    old, new = place.run("old", days_ago=9), place.run("new", days_ago=3)
    before = found(place)
    freed = remove(before, place.log, place.holdings, Rules(1, 0))

    assert place.held() == new.all()
    assert place.folders() == {"new"}
    assert (freed.folders, freed.artifacts, freed.bytes) == (1, len(old.all()), before.bytes)
    assert all(place.holdings.verify(digest) for digest in new.all())


def test_the_record_of_a_run_whose_files_went_stays_and_says_so_once(place: Place) -> None:
    place.run("old", days_ago=9)
    place.run("new", days_ago=3)
    before = place.log.run("old")

    sweep(place)
    sweep(place)

    after = place.log.run("old")
    assert dataclasses.replace(after, history=before.history) == before
    assert [(line.status, line.why) for line in after.history[len(before.history) :]] == [
        ("swept", "mlops-nb gc --keep 1 --days 0")
    ]
    assert "swept" not in {line.status for line in place.log.run("new").history}


def test_a_dry_look_changes_nothing(place: Place) -> None:
    place.run("old", days_ago=9)
    place.run("new", days_ago=3)
    held, folders, history = place.held(), place.folders(), place.log.run("old").history

    assert found(place).bytes > 0

    assert (place.held(), place.folders(), place.log.run("old").history) == (held, folders, history)


def test_content_that_two_runs_share_stays_with_the_one_that_is_kept(place: Place) -> None:
    place.run("old", days_ago=9, content="the same")
    shared = place.run("new", days_ago=3, content="the same")
    sweep(place)

    assert place.held() == shared.all()


def test_a_run_that_made_a_model_is_kept_with_all_it_left(place: Place) -> None:
    made = place.run("old", days_ago=90, model="tips")
    place.log.move_aliases("tips", {"champion": 1}, "it is good")
    new = place.run("new", days_ago=3)
    sweep(place)

    assert found(place).kept == {"new": "newest", "old": "made a model"}
    assert place.held() == made.all() | new.all()
    assert place.folders() == {"old", "new"}


def test_the_newest_success_of_each_step_is_kept_for_the_cache(place: Place) -> None:
    load = place.run("old", days_ago=9, step="load")
    train = place.run("new", days_ago=3, step="train")
    sweep(place)

    # The old run's step `load` stands for the next run's; so does the notebook that it ran in.
    assert place.held() == load.all() | train.all()
    assert place.folders() == {"old", "new"}


def test_a_run_that_goes_on_is_kept_and_so_is_all_that_was_stored_since_it_began(place: Place) -> None:
    place.run("old", days_ago=9)
    place.run("new", days_ago=1)
    place.run("alive", days_ago=2, pipeline="slow", ends=False)
    unrecorded, _ = place.holdings.put(b"glued a day ago by the run that goes on")
    older, _ = place.holdings.put(b"left by nobody three days ago")
    place.age(hours_ago(24), unrecorded)
    place.age(hours_ago(72), older)
    sweep(place)

    assert found(place).kept["alive"] == "running"
    assert unrecorded in place.held()
    assert older not in place.held()
    assert "alive" in place.folders()


def test_a_run_whose_process_is_gone_holds_nothing_back(place: Place) -> None:
    gone = dataclasses.replace(this_process(), process=this_process().process.rpartition("|")[0] + "|1")
    place.run("died", days_ago=9, who=gone, ends=False)
    place.run("new", days_ago=3)
    sweep(place)

    assert place.folders() == {"new"}


def test_what_was_stored_or_found_there_within_the_hour_never_goes(place: Place) -> None:
    old = place.run("old", days_ago=9)
    place.run("new", days_ago=3)
    fresh, _ = place.holdings.put(b"about to be recorded")
    place.holdings.put(b"value of old")
    place.holdings.touch(old.delta)
    sweep(place)

    assert {fresh, old.value, old.delta} <= place.held()
    assert old.published not in place.held()


def test_what_is_used_between_the_look_and_the_sweep_stays(place: Place) -> None:
    old = place.run("old", days_ago=9)
    place.run("new", days_ago=3)
    seen = found(place)
    place.holdings.put(b"value of old")
    remove(seen, place.log, place.holdings, Rules())

    assert old.value in place.held()
    assert old.published not in place.held()


def test_the_content_that_a_kept_snapshot_names_stays(place: Place) -> None:
    source, _ = place.holdings.put(b"import pandas")
    manifest, size = place.holdings.put(f'{{"files": {{"taxi.ipynb": {{"digest": "{source}"}}}}}}'.encode())
    stray, _ = place.holdings.put(b"import numpy")
    new = place.run("new", days_ago=3)
    place.log.link("new", None, "input", {"snapshot": Artifact(manifest, "snapshot", "artifact:", size)})
    place.age(hours_ago(50), source, manifest, stray)
    sweep(place)

    assert place.held() == new.all() | {source, manifest}


def test_a_record_that_does_not_know_the_runs_of_the_folder_removes_nothing(place: Place) -> None:
    place.run("old", days_ago=9)
    held = place.held()
    (place.runs / "stranger").mkdir()
    os.utime(place.runs / "stranger", (hours_ago(2), hours_ago(2)))

    with pytest.raises(UsageError, match=r"holds stranger, a run that the record .* does not know"):
        sweep(place, keep=0)

    assert place.held() == held


def test_an_empty_record_removes_nothing_of_a_store_that_is_not_empty(place: Place) -> None:
    kept, _ = place.holdings.put(b"of another record")
    place.age(hours_ago(50), kept)

    with pytest.raises(UsageError, match="has no runs, but its artifact store is not empty"):
        sweep(place)

    assert place.held() == {kept}


def test_a_store_elsewhere_is_swept_only_while_no_run_goes_on(place: Place) -> None:
    remote = Holdings(f"memory://{os.urandom(4).hex()}")
    stray, length = remote.put(b"stored by nobody")
    place.run("old", days_ago=9)
    later = NOW.replace(year=NOW.year + 1)

    living = dataclasses.replace(place, holdings=remote)
    place.run("alive", ends=False)
    assert removable(living.log, remote, living.runs, Rules(), later).artifacts == ()
    place.log.finish_run("alive", "succeeded")
    gone = removable(living.log, remote, living.runs, Rules(), later)
    assert gone.artifacts == (stray,)
    assert remove(gone, living.log, remote, Rules()).bytes == length
    assert not remote.has(stray)


def test_a_notebook_is_cached_after_the_sweep_and_what_is_gone_is_planned_with_the_reason(tmp_path: Path) -> None:
    cells = [
        ("step:load", "numbers = list(range(5000))"),
        ("step:mean", "mean = sum(numbers)"),
        ("pipeline-metrics", "print(mean)"),
    ]
    notebook = write(tmp_path / "means.ipynb", cells)
    first = run(notebook).result
    edit(notebook, 1, "numbers = list(range(6000))")
    second = run(notebook).result
    project = find_project(notebook)

    with project.log() as log:
        holdings = Holdings(project.artifact_store().url)
        for digest in holdings.digests():
            os.utime(holdings.path(digest), (hours_ago(2), hours_ago(2)))
        gone = removable(log, holdings, project.runs, Rules(1, 0))
        freed = remove(gone, log, holdings, Rules(1, 0))

    assert freed.artifacts > 0
    assert {path.name for path in project.runs.iterdir()} == {second.run}
    assert not plan_run(notebook).to_run
    assert set(statuses(run(notebook).result.record).values()) == {"cached"}
    edit(notebook, 1, "numbers = list(range(5000))")
    again = plan_run(notebook)
    assert [(step.name, step.status) for step in again.steps] == [("load", "run"), ("mean", "maybe")]
    assert again.steps[0].because == "its stored state is gone or corrupt"
    third = run(notebook).result
    assert {scrap.name: scrap.value for scrap in third.record.scraps} == {
        scrap.name: scrap.value for scrap in first.record.scraps
    }


def test_a_run_that_waits_for_a_person_is_kept_until_somebody_has_decided(tmp_path: Path) -> None:
    notebook = write(tmp_path / "p" / "a.ipynb", [("step:look", "a = 1", {"pause": True}), ("step:end", "b = a")])
    waits = run(notebook).result.run
    project = find_project(notebook)
    with project.log() as log:
        holdings = Holdings(project.artifact_store().url)
        for decided, rule in ((False, "waits for a person"), (True, None)):
            if decided:
                decide(log, waits, "continue", why="right")
            assert removable(log, holdings, project.runs, Rules(0, 0)).kept.get(waits) == rule
