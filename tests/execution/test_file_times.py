"""Files of later steps are younger than those of earlier ones: no more is changed than that takes, and nothing else."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from mlops_nb.execution.file_times import let_be_younger, with_times_of_their_own

if TYPE_CHECKING:
    from pathlib import Path

HOUR_S = 3600


def made(folder: Path, **ages: float) -> dict[str, int]:
    """Make files that are so many seconds old; return their times."""
    for name, age in ages.items():
        (folder / name).write_text(name)
        os.utime(folder / name, (time.time() - age,) * 2)
    return times(folder, *ages)


def times(folder: Path, *names: str) -> dict[str, int]:
    return {name: (folder / name).lstat().st_mtime_ns for name in names}


def test_a_later_steps_files_become_younger_and_none_is_in_the_future(tmp_path: Path) -> None:
    before = made(tmp_path, early=1, first=2 * HOUR_S, second=HOUR_S, third=HOUR_S)
    os.utime(tmp_path / "third", ns=(before["second"], before["second"]))
    let_be_younger([["early"], ["first", "second", "third"]], tmp_path)
    after = times(tmp_path, *before)
    assert after["early"] == before["early"]
    assert after["early"] < after["first"] < after["second"] == after["third"] <= time.time_ns()


def test_files_that_are_in_order_keep_their_times(tmp_path: Path) -> None:
    before = made(tmp_path, early=3, late=2)
    let_be_younger([["early"], ["late"]], tmp_path)
    assert times(tmp_path, *before) == before


def test_files_keep_how_far_they_are_apart_where_there_is_room(tmp_path: Path) -> None:
    before = made(tmp_path, early=100, first=120, second=110)
    let_be_younger([["early"], ["first", "second"]], tmp_path)
    after = times(tmp_path, *before)
    assert after["second"] - after["first"] == before["second"] - before["first"]
    assert before["early"] < after["first"]


def test_a_file_with_another_name_keeps_its_time(tmp_path: Path) -> None:
    before = made(tmp_path, early=1, source=HOUR_S, linked=HOUR_S)
    (tmp_path / "link").symlink_to("source")
    (tmp_path / "second").hardlink_to(tmp_path / "linked")
    let_be_younger([["early"], ["link", "linked", "second", "gone"]], tmp_path)
    assert times(tmp_path, *before) == before


def test_what_is_older_than_its_step_has_a_time_of_its_own(tmp_path: Path) -> None:
    made(tmp_path, source=HOUR_S, copied=0)
    told = with_times_of_their_own(["copied", "source", "gone"], tmp_path, time.time() - 60)
    assert list(told) == ["source"]
