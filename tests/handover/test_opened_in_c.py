"""What the system tells of the files that this process opens, without a kernel."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from mlops_nb.handover.fanotify import LOST, Fanotify
from mlops_nb.handover.opened_in_c import OpenedInC

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def is_told() -> bool:
    try:
        Fanotify().close()
    except OSError:
        return False
    return True


pytestmark = pytest.mark.skipif(not is_told(), reason="this system does not tell which files are opened")


class Seen:
    """Which files were read and written, by their places below a folder."""

    read: list[str]
    written: list[str]
    lost: str


@contextmanager
def watching(folder: Path, *, heard: str = "", changed: str = "", made: str = "") -> Iterator[Seen]:
    """Watch a folder during the block; the words say what an audit hook is to have heard of."""
    opened, seen = OpenedInC([str(folder)]), Seen()

    def places(words: str) -> set[str]:
        return {str(folder / word) for word in words.split()}

    opened.begin()
    try:
        yield seen
    finally:
        opened.end()
    read, written = opened.used(places(heard) | places(changed), places(changed), places(made))
    seen.read, seen.written = (sorted(os.path.relpath(path, folder) for path in paths) for paths in (read, written))
    seen.lost = opened.lost


def open_in_c(path: Path, flags: int = os.O_RDONLY) -> int:
    number: int = ctypes.CDLL(None).open(os.fsencode(path), flags, ctypes.c_int(0o600))
    assert number >= 0
    return number


def touch_in_c(path: Path, flags: int = os.O_RDONLY) -> None:
    os.close(open_in_c(path, flags))


def test_what_is_read_and_written_is_told_and_what_was_heard_is_not_told_again(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for name in ("old", "both", "heard", "data/deep"):
        (tmp_path / name).write_text("x")
    with watching(tmp_path, heard="heard both") as seen:
        for name in ("old", "heard", "both", "data/deep"):
            touch_in_c(tmp_path / name)
        touch_in_c(tmp_path / "both", os.O_WRONLY)
        touch_in_c(tmp_path / "new", os.O_WRONLY | os.O_CREAT)
        # Read after it was written: nobody knows that it was after.
        touch_in_c(tmp_path / "new")
    assert (seen.read, seen.written, seen.lost) == (["data/deep", "old"], ["both", "new"], "")


def test_what_was_heard_to_be_written_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "rows").write_text("x")
    with watching(tmp_path, changed="rows") as seen:
        touch_in_c(tmp_path / "rows", os.O_WRONLY)
        touch_in_c(tmp_path / "rows")
    assert (seen.read, seen.written) == ([], [])


def test_what_another_process_does_is_not_told(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("x")
    with watching(tmp_path) as seen:
        code = "import pathlib; pathlib.Path('old').read_text(); pathlib.Path('new').write_text('')"
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert (seen.read, seen.written, seen.lost) == ([], [], "")


def test_a_file_that_stays_open_counts_by_what_it_was_opened_for(tmp_path: Path) -> None:
    for name in ("read", "written"):
        (tmp_path / name).write_text("x")
    held = []
    try:
        with watching(tmp_path) as seen:
            held += [open_in_c(tmp_path / "read"), open_in_c(tmp_path / "written", os.O_RDWR)]
    finally:
        for number in held:
            os.close(number)
    assert (seen.read, seen.written) == (["read"], ["written"])


def test_what_came_and_went_is_nothing_and_what_was_taken_away_is_changed(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("x")
    libc = ctypes.CDLL(None)
    with watching(tmp_path) as seen:
        touch_in_c(tmp_path / "passing", os.O_WRONLY | os.O_CREAT)
        assert libc.unlink(os.fsencode(tmp_path / "passing")) == 0
        assert libc.unlink(os.fsencode(tmp_path / "old")) == 0
        touch_in_c(tmp_path / "half", os.O_WRONLY | os.O_CREAT)
        assert libc.rename(os.fsencode(tmp_path / "half"), os.fsencode(tmp_path / "whole")) == 0
    assert (seen.read, seen.written) == ([], ["old", "whole"])


def test_what_lies_in_a_folder_that_was_made_meanwhile_came_meanwhile(tmp_path: Path) -> None:
    with watching(tmp_path, made="heard") as seen:
        for name in ("heard", "unheard"):
            assert ctypes.CDLL(None).mkdir(os.fsencode(tmp_path / name), 0o700) == 0
            touch_in_c(tmp_path / name / "rows", os.O_WRONLY | os.O_CREAT)
    assert (seen.read, seen.written) == ([], ["heard/rows", "unheard/rows"])


def test_hidden_folders_environments_code_and_what_a_database_needs_are_left_out(tmp_path: Path) -> None:
    for name in (".hidden", "env", "node_modules"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    (tmp_path / "env" / "pyvenv.cfg").touch()
    # A link that leads to itself hides nothing else.
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "data").mkdir()
    for name in ("data/rows", ".secret", "code.py", "db", "db-wal"):
        (tmp_path / name).touch()
    with watching(tmp_path) as seen:
        for path in sorted(tmp_path.rglob("*")):
            if path.is_file():
                touch_in_c(path)
    assert (seen.read, seen.written) == (["data/rows", "db"], [])


def test_a_folder_behind_a_link_is_watched_by_the_name_of_the_link(tmp_path: Path) -> None:
    (tmp_path / "far" / "data").mkdir(parents=True)
    (tmp_path / "far" / "data" / "rows").touch()
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "near").symlink_to(tmp_path / "far")
    with watching(tmp_path / "project") as seen:
        touch_in_c(tmp_path / "far" / "data" / "rows")
    assert seen.read == ["near/data/rows"]


def test_more_than_the_system_can_tell_of_is_told_as_lost(tmp_path: Path) -> None:
    # Nobody empties this queue.
    queue = Fanotify()
    queue.watch(str(tmp_path))
    with open("/proc/sys/fs/fanotify/max_queued_events", encoding="ascii") as file:  # noqa: PTH123
        most = int(file.read())
    for number in range(most + 10):
        os.close(os.open(tmp_path / str(number), os.O_CREAT | os.O_WRONLY))
    events = list(queue.read())
    queue.close()
    assert len(events) > most
    assert any(event.kind & LOST for event in events)


def test_a_name_that_is_no_text_is_told(tmp_path: Path) -> None:
    with watching(tmp_path) as seen:
        touch_in_c(tmp_path / os.fsdecode(b"r\xffws"), os.O_WRONLY | os.O_CREAT)
    assert (seen.read, seen.written) == ([], [])
    assert "UTF-8" in seen.lost


def test_a_queue_that_somebody_closed_is_told_and_no_other_file_is_read_in_its_place(tmp_path: Path) -> None:
    opened = OpenedInC([str(tmp_path)])
    opened.begin()
    assert opened._queue is not None
    number = opened._queue.descriptor
    os.close(number)
    reading, writing = os.pipe()
    try:
        os.write(writing, b"x" * 100)
        os.dup2(reading, number)
        opened.end()
        assert "closes" in opened.lost
        os.set_blocking(reading, False)
        assert os.read(reading, 200) == b"x" * 100
    finally:
        for each in {reading, writing, number}:
            os.close(each)
