"""What the system tells of the files that this process opens, without a kernel."""

from __future__ import annotations

import ctypes
import os
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_nb.handover.fanotify import LOST, Fanotify
from mlops_nb.handover.opened_in_c import OpenedInC
from tests.told_by_the_system import only_where_it_is_told

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest


pytestmark = only_where_it_is_told


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


def test_what_another_process_puts_into_a_new_folder_is_not_told(tmp_path: Path) -> None:
    with watching(tmp_path, made="new new/deep", heard="new/mine") as seen:
        (tmp_path / "new" / "deep").mkdir(parents=True)
        time.sleep(1)
        code = "import pathlib; pathlib.Path('new/theirs').touch(); pathlib.Path('new/deep/theirs').touch()"
        subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
        touch_in_c(tmp_path / "new" / "deep" / "mine", os.O_WRONLY | os.O_CREAT)
    assert (seen.read, seen.written) == ([], ["new/deep/mine"])


def test_a_folder_that_is_listed_in_c_is_read(tmp_path: Path) -> None:
    libc = ctypes.CDLL(None)
    libc.opendir.restype = ctypes.c_void_p
    for name in ("parts", "heard"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.parquet").touch()
    with watching(tmp_path, heard="heard") as seen:
        for name in ("parts", "heard"):
            opened = libc.opendir(os.fsencode(tmp_path / name))
            assert opened
            libc.closedir(ctypes.c_void_p(opened))
    assert seen.read == ["parts"]


def test_a_database_that_opens_its_folder_does_not_list_it(tmp_path: Path) -> None:
    with (
        watching(tmp_path, heard="rows.db", changed="rows.db") as seen,
        closing(sqlite3.connect(tmp_path / "rows.db")) as db,
    ):
        for number in range(3):
            db.execute(f"CREATE TABLE t{number} (x)")
            db.commit()
    assert (seen.read, seen.written) == ([], [])


def test_a_file_without_a_name_is_nothing(tmp_path: Path) -> None:
    with watching(tmp_path) as seen, tempfile.TemporaryFile(dir=tmp_path) as file:
        file.write(b"x")
    assert (seen.read, seen.written) == ([], [])


def test_a_file_that_is_probed_and_then_held_for_writing_is_written(tmp_path: Path) -> None:
    (tmp_path / "d.db").write_text("x")
    with watching(tmp_path) as seen:
        touch_in_c(tmp_path / "d.db")
        held = open_in_c(tmp_path / "d.db", os.O_RDWR)
        # It stays open until the block is over.
    os.close(held)
    assert (seen.read, seen.written) == ([], ["d.db"])


def test_a_folder_that_was_moved_is_known_by_its_new_name(tmp_path: Path) -> None:
    (tmp_path / "half").mkdir()
    with watching(tmp_path, changed="half whole") as seen:
        (tmp_path / "half").rename(tmp_path / "whole")
        time.sleep(1)
        touch_in_c(tmp_path / "whole" / "rows", os.O_WRONLY | os.O_CREAT)
    assert (seen.read, seen.written) == ([], ["whole/rows"])


def test_what_a_notebook_puts_in_the_place_of_sleep_is_not_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[float] = []
    with watching(tmp_path):
        wait = threading.Event().wait
        monkeypatch.setattr(time, "sleep", called.append)
        wait(0.7)
    assert called == []


def test_a_process_that_is_forked_keeps_no_queue(tmp_path: Path) -> None:
    opened = OpenedInC([str(tmp_path)])
    opened.begin()
    child = os.fork()
    if not child:
        links = [str(entry.readlink()) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
        os._exit(int(any("fanotify" in link for link in links)))
    assert os.waitpid(child, 0)[1] == 0
    touch_in_c(tmp_path / "rows", os.O_WRONLY | os.O_CREAT)
    opened.end()
    assert opened.used(set(), set())[1] == {str(tmp_path / "rows")}


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
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    with watching(tmp_path) as seen:
        for path in files:
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
