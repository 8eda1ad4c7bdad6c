"""A run that is ended from outside: nothing is left behind, the record says so, and the next run goes on from there."""

from __future__ import annotations

import os
import signal
import sqlite3
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from tests.cli.command import Started, call, statuses, wait_until
from tests.notebook_factory import write

if TYPE_CHECKING:
    from pathlib import Path

# The slow cell starts a child too, and waits only as long as there is no file `go`.
QUICK = "import pathlib, subprocess, time\nquick = 1"
SLOW = """\
if not pathlib.Path('go').exists():
    child = subprocess.Popen(['sleep', '300'])
    pathlib.Path('waiting').touch()
    time.sleep(300)
slow = quick + 1"""
STUBBORN = """\
import pathlib, time
while True:
    try:
        pathlib.Path('waiting').touch()
        time.sleep(300)
    except KeyboardInterrupt:
        pass"""
CELLS = [
    ("step:quick", QUICK),
    ("step:slow", SLOW),
    ("step:after", "after = slow + 1"),
    ("pipeline-metrics", "print(after)"),
]


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    return write(tmp_path / "slow.ipynb", CELLS)


def waiting(started: Started, folder: Path) -> None:
    """Wait until the slow cell waits."""
    wait_until((folder / "waiting").exists)
    assert any("sleep 300" in process for process in started.descendants())


def goes_on(folder: Path) -> None:
    """Check that the next run takes over what had finished, and only that."""
    (folder / "go").touch()
    again = call(folder, "run", "slow.ipynb", "--json")
    assert again.code == 0, again.err
    assert statuses(again) == {"quick": "cached", "slow": "succeeded", "after": "succeeded"}
    assert again.json["scraps"] == {"after": 3}


def test_an_interrupted_run_is_recorded_as_cancelled_leaves_no_process_and_can_go_on(notebook: Path) -> None:
    folder = notebook.parent
    started = Started(folder, "run", "slow.ipynb", "--json")
    waiting(started, folder)
    started.signal(signal.SIGINT)
    ended = started.wait()

    assert ended.code == 130
    assert not started.descendants()
    assert ended.json["status"] == "cancelled"
    assert statuses(ended) == {"quick": "succeeded", "slow": "cancelled", "after": "cancelled"}
    shown = call(folder, "show", "last", "--json").json
    assert (shown["run"]["status"], shown["run"]["reason"]) == ("cancelled", "interrupted")
    assert all(step["finished"] for step in shown["steps"])
    goes_on(folder)


def test_a_terminated_run_whose_cell_ignores_interrupts_ends_all_the_same(tmp_path: Path) -> None:
    write(tmp_path / "stubborn.ipynb", [("step:stubborn", STUBBORN)])
    started = Started(tmp_path, "run", "stubborn.ipynb", "--json")
    wait_until((tmp_path / "waiting").exists)
    started.signal(signal.SIGTERM)
    ended = started.wait(timeout=120)

    assert (ended.code, ended.json["status"]) == (130, "cancelled")
    assert not started.descendants()


def test_a_closed_terminal_and_impatient_interrupts_do_no_harm(tmp_path: Path) -> None:
    write(tmp_path / "slow.ipynb", [("step:slow", f"{QUICK}\n{SLOW}")])
    started = Started(tmp_path, "run", "slow.ipynb", "--json")
    waiting(started, tmp_path)
    started.signal(signal.SIGHUP)
    started.signal(signal.SIGINT)
    started.signal(signal.SIGINT)
    ended = started.wait()

    assert ended.code == 130
    assert "Traceback" not in ended.err
    wait_until(lambda: not started.descendants(), timeout=60)
    assert call(tmp_path, "runs", "--json").json[0]["status"] == "cancelled"


def test_a_killed_run_takes_its_kernels_along_and_is_listed_as_died(notebook: Path) -> None:
    folder = notebook.parent
    started = Started(folder, "run", "slow.ipynb", "--json")
    waiting(started, folder)
    (copied,) = (folder / ".mlops_nb" / "runs").glob("*/notebook.ipynb")
    since = copied.stat().st_mtime
    wait_until(lambda: copied.stat().st_mtime > since + 1)
    started.process.kill()
    started.wait()

    wait_until(lambda: not started.descendants(), timeout=60)
    (listed,) = call(folder, "runs", "--status", "died", "--json").json
    assert listed["status"] == "died"
    shown = call(folder, "show", "last", "--json").json
    assert {step["step"]: step["status"] for step in shown["steps"]} == {
        "quick": "succeeded",
        "slow": "died",
        "after": "pending",
    }
    call(folder, "doctor", "--repair")
    closed = call(folder, "show", "last", "--json").json
    # Its cell had printed nothing for a while: it gave signs of life all the same.
    assert datetime.fromisoformat(closed["run"]["finished"]).timestamp() > since + 1
    assert next(step for step in closed["steps"] if step["step"] == "slow")["seconds"] > 0
    goes_on(folder)


def test_two_runs_of_one_notebook_at_once_both_succeed(tmp_path: Path) -> None:
    cells = [
        ("step:a", "import time\ntime.sleep(1)\na = list(range(1000))"),
        ("step:b", "b = sum(a)"),
        ("pipeline-metrics", "print(b)"),
    ]
    write(tmp_path / "twice.ipynb", cells)
    both = [Started(tmp_path, "run", "twice.ipynb", "--json", "--fresh") for _ in range(2)]
    ended = [started.wait() for started in both]

    assert [(end.code, end.json["scraps"]) for end in ended] == [(0, {"b": 499500})] * 2, ended
    listed = call(tmp_path, "runs", "--json").json
    assert {run["id"] for run in listed} == {end.json["run"] for end in ended}
    assert all(run["status"] == "succeeded" for run in listed)
    store = sqlite3.connect(tmp_path / ".mlops_nb" / "metadata.db")
    assert store.execute("pragma integrity_check").fetchall() == [("ok",)]
    assert store.execute("pragma foreign_key_check").fetchall() == []
    store.close()
    assert set(statuses(call(tmp_path, "run", "twice.ipynb", "--json")).values()) == {"cached"}


def test_an_interrupt_before_the_run_begins_is_told_as_json_too(tmp_path: Path) -> None:
    # A named pipe as the notebook: whoever reads it waits until something is written.
    pipe = tmp_path / "pipe.ipynb"
    os.mkfifo(pipe)
    started = Started(tmp_path, "run", "pipe.ipynb", "--json")
    ends: list[int] = []

    def has_a_reader() -> bool:
        try:
            ends.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        except OSError:
            return False
        return True

    wait_until(has_a_reader)
    started.signal(signal.SIGINT)
    ended = started.wait()
    os.close(*ends)

    assert (ended.code, ended.json["error"]["code"]) == (130, "interrupted")
    assert "Traceback" not in ended.err
