"""The disk is full, turns read-only, or takes no large file; the database is locked or gone: told, and gone on with."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from typing import TYPE_CHECKING

import pytest

from tests.cli.command import Started, call, wait_until
from tests.faults.runner import HERE, Server, Small
from tests.notebook_factory import write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OWN_MOUNTS = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
CAN_MOUNT = (
    shutil.which("unshare") is not None and not subprocess.run(_OWN_MOUNTS, capture_output=True, check=False).returncode
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    made = Server(tmp_path_factory.mktemp("server"))
    yield made
    made.close()


@pytest.mark.row(58)
@pytest.mark.skipif(not CAN_MOUNT, reason="this machine lets nobody mount a disk of their own")
def test_a_full_or_read_only_disk_is_told_and_the_run_goes_on_when_there_is_space(tmp_path: Path) -> None:
    # Kernels see the disks of their template: the ones in the namespace have a template of their own.
    with tempfile.TemporaryDirectory(prefix="mlnb-", ignore_cleanup_errors=True) as runtime:
        done = subprocess.run(
            ["unshare", "-rm", sys.executable, str(HERE / "full_disk.py"), str(tmp_path)],
            env={**os.environ, "XDG_RUNTIME_DIR": runtime},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    *full, read_only = [json.loads(line) for line in done.stdout.splitlines()]
    told = [answer.get("error", answer.get("reason", "")) for answer in full]
    failed = [text for text in told if text]
    assert len(failed) >= 3
    assert read_only["error"]


@pytest.mark.row(58)
@pytest.mark.parametrize("largest", [20_000, 60_000])
def test_a_file_that_may_not_grow_is_told_and_the_run_goes_on(tmp_path: Path, server: Server, largest: int) -> None:
    project = Small.new(tmp_path / "four")
    _, answer = server.do("run", project, largest_file=largest)
    assert answer.get("error") or answer["status"] == "failed"
    record = project.last()
    project.require_whole_files(record)
    act = "resume" if record is not None else "run"
    assert server.do(act, project)[1]["status"] == "succeeded"


def test_a_database_that_somebody_else_locks_is_waited_for(tmp_path: Path, server: Server) -> None:
    project = Small.new(tmp_path / "four")
    server.do_and_die("run", project, at=100)
    place = tmp_path / "four" / ".mlops_nb" / "metadata.db"
    locked, held = threading.Event(), []

    def lock() -> None:
        other = sqlite3.connect(place)
        other.execute("BEGIN IMMEDIATE")
        locked.set()
        time.sleep(3)
        held.append(time.monotonic())
        other.rollback()
        other.close()

    thread = threading.Thread(target=lock)
    thread.start()
    locked.wait()
    _, answer = server.do("resume", project)
    thread.join()

    assert answer["status"] == "succeeded"
    assert held[0] <= time.monotonic()


def test_a_database_that_vanished_is_told_and_the_notebook_runs_again(tmp_path: Path, server: Server) -> None:
    project = Small.new(tmp_path / "four")
    server.do_and_die("run", project, at=100)
    for place in (tmp_path / "four" / ".mlops_nb").glob("metadata.db*"):
        place.unlink()
    _, answer = server.do("resume", project)
    assert (answer["code"], answer["hint"]) == ("cannot-resume", "Start one: mlops-nb run NOTEBOOK")
    assert server.do("run", project)[1]["status"] == "succeeded"


def test_a_database_that_vanishes_under_a_run_is_told(tmp_path: Path) -> None:
    waits = "pathlib.Path('waiting').touch()\nwhile not pathlib.Path('go').exists():\n    time.sleep(0.05)"
    slow = f"import pathlib, time\n{waits}"
    write(tmp_path / "slow.ipynb", [("step:slow", slow), ("step:after", "after = 1")])
    started = Started(tmp_path, "run", "slow.ipynb", "--json")
    wait_until((tmp_path / "waiting").exists)
    for place in (tmp_path / ".mlops_nb").glob("metadata.db*"):
        place.unlink()
    (tmp_path / "go").touch()
    ended = started.wait()

    assert ended.code == 2
    assert "is gone: it was removed or moved while it was open" in ended.json["error"]["message"]
    assert "Traceback" not in ended.err
    assert call(tmp_path, "run", "slow.ipynb", "--json").json["status"] == "succeeded"
