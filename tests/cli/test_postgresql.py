"""Whole pipelines with their record in PostgreSQL: what works, and what a person is told when the server does not."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from mlops_nb.project import find_project
from tests.cli.command import Ended, Started, call, statuses, wait_until
from tests.notebook_factory import write
from tests.postgresql import PASSWORD

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgresql import Server

# The slow cell waits as long as there is no file `go`.
SLOW = """\
import pathlib, time
while not pathlib.Path('go').exists():
    pathlib.Path('waiting').touch()
    time.sleep(0.05)
slow = quick + 1"""
CELLS = [
    ("parameters", "n = 1"),
    ("step:quick", "quick = n"),
    ("step:slow", SLOW),
    ("step:after", "after = slow + 1"),
    ("pipeline-metrics", "print(after)"),
]
# Longer than a run waits for its server.
TOO_LONG_S = 11


def project(folder: Path, url: str) -> Path:
    write(folder / "slow.ipynb", CELLS)
    (folder / "pyproject.toml").write_text(f"[tool.mlops_nb]\nmetadata = {json.dumps(url)}\n", encoding="utf-8")
    return folder


def until_it_waits(started: Started, folder: Path) -> None:
    wait_until(lambda: (folder / "waiting").exists() or started.process.poll() is not None)
    assert started.process.poll() is None, started.wait()


def refused(ended: Ended, code: int, *parts: str) -> None:
    """Check that a command was refused in a sentence, without a traceback and without the password."""
    assert ended.code == code
    told = ended.err.replace("\n", " ")
    assert all(part in told for part in parts), told
    assert not any(secret in told for secret in ("Traceback", PASSWORD, "horse", "wrong")), told


def test_a_notebook_is_run_cached_shown_searched_and_looked_after_with_its_record_on_a_server(
    tmp_path: Path, postgresql: Server
) -> None:
    folder = project(tmp_path, postgresql.new_database())
    (folder / "go").touch()

    first = call(folder, "run", "slow.ipynb", "--json", "-p", "n", "4")
    again = call(folder, "run", "slow.ipynb", "--json", "-p", "n", "4")

    assert first.code == 0, first.err
    assert first.json["scraps"] == again.json["scraps"] == {"after": 6}
    assert set(statuses(again).values()) == {"cached"}
    assert not (folder / ".mlops_nb" / "metadata.db").exists()
    shown = call(folder, "show", first.json["run"], "--json").json
    assert [step["status"] for step in shown["steps"]] == ["succeeded"] * len(shown["steps"])
    assert [item["value"] for item in shown["parameters"] if item["step"] is None] == [4]
    found = call(folder, "runs", "--where", "after > 5 and params.n = 4", "--json").json
    assert {run["id"] for run in found} == {first.json["run"], again.json["run"]}
    assert call(folder, "doctor", "--json").json == {"ok": True, "findings": []}


def test_a_server_that_does_not_answer_is_named_and_nothing_runs(tmp_path: Path) -> None:
    folder = project(tmp_path, "postgresql://ada:wrong@127.0.0.1:1/mlops")

    refused(call(folder, "run", "slow.ipynb"), 1, "postgresql://ada:***@127.0.0.1:1/mlops failed", "Connection refused")
    assert not (folder / "waiting").exists()


def test_a_wrong_password_or_database_is_told_with_what_to_do(tmp_path: Path, postgresql: Server) -> None:
    folder = project(tmp_path, postgresql.url("postgres", "wrong"))
    refused(call(folder, "run", "slow.ipynb"), 2, "does not take this user and password", "~/.pgpass")

    project(tmp_path, postgresql.url("nowhere"))
    refused(call(folder, "run", "slow.ipynb"), 2, "has no such database", "createdb")
    assert not (folder / "waiting").exists()


def test_a_server_that_is_started_anew_in_the_middle_of_a_run_is_waited_for(tmp_path: Path, postgresql: Server) -> None:
    folder = project(tmp_path, postgresql.new_database())
    started = Started(folder, "run", "slow.ipynb", "--json")
    until_it_waits(started, folder)

    postgresql.stop()
    try:
        (folder / "go").touch()
        time.sleep(1)
    finally:
        postgresql.start()

    ended = started.wait(120)
    assert ended.code == 0, ended.err
    assert set(statuses(ended).values()) == {"succeeded"}


@pytest.mark.row(55)
def test_a_server_that_stays_away_ends_the_run_with_a_reason_and_the_next_one_goes_on(
    tmp_path: Path, postgresql: Server
) -> None:
    folder = project(tmp_path, postgresql.new_database())
    started = Started(folder, "run", "slow.ipynb", "--json")
    until_it_waits(started, folder)

    postgresql.stop()
    try:
        (folder / "go").touch()
        time.sleep(TOO_LONG_S)
        ended = started.wait(120)
    finally:
        postgresql.start()

    refused(ended, 1, "failed:", "what is recorded stays")
    assert ended.json["error"]["code"] == "store-failed"
    assert not started.descendants()
    with find_project(folder).log() as log:
        (run,) = log.runs()
    assert run.status == "died"
    assert call(folder, "doctor", "--repair", "--json").json["ok"]
    again = call(folder, "run", "slow.ipynb", "--json")
    assert statuses(again) == {"prelude": "cached", "quick": "cached", "slow": "succeeded", "after": "succeeded"}
    steps = {step["step"]: step for step in call(folder, "show", run.id, "--json").json["steps"]}
    assert {name: step["status"] for name, step in steps.items()} == {
        "prelude": "succeeded",
        "quick": "succeeded",
        "slow": "died",
        "after": "cancelled",
    }
    assert steps["slow"]["started"] < steps["slow"]["finished"]
