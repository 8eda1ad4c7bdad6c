"""What a person may hand in by mistake, or find in the way: a clear message, the record right, nothing lost."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

import mlops_nb
from tests.cli.command import MLOPS_NB, call, environment, scraps, statuses
from tests.cli.privileges import WITHOUT_PRIVILEGES
from tests.notebook_factory import document, write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ONE_STEP = document([("step:a", "a = 1")])
OF_R = {
    **ONE_STEP,
    "metadata": {"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}, "language_info": {"name": "R"}},
}
OLD_CELL = {"cell_type": "code", "language": "python", "collapsed": False, "prompt_number": 1, "outputs": []}
OLD = {
    "nbformat": 3,
    "nbformat_minor": 0,
    "metadata": {"name": "old"},
    "worksheets": [{"metadata": {}, "cells": [{**OLD_CELL, "input": "old = 1", "metadata": {"tags": ["step:a"]}}]}],
}


@pytest.mark.parametrize(
    ("content", "code", "told"),
    [
        (json.dumps(OF_R), "MN001", "only Python notebooks"),
        (json.dumps({**ONE_STEP, "cells": []}), "MN002", "no code cell"),
        (json.dumps(ONE_STEP)[:100], "notebook", "not valid JSON"),
        ("", "notebook", "not valid JSON"),
        ("<<<<<<< HEAD\n" + json.dumps(ONE_STEP), "notebook", "merge conflict"),
        ("[1, 2]", "notebook", "not a notebook"),
        (json.dumps({**ONE_STEP, "nbformat": 5}), "notebook", "notebook format 5"),
        (json.dumps(document([("step:a", "a = 1")], kernel="julia-1.10")), "MN006", "no kernel named 'julia-1.10'"),
    ],
    ids=["of R", "empty", "half written", "no bytes", "merge conflict", "a list", "newer format", "unknown kernel"],
)
def test_what_cannot_run_is_refused_and_nothing_is_recorded(tmp_path: Path, content: str, code: str, told: str) -> None:
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "it.ipynb").write_text(content, encoding="utf-8")
    ended = call(tmp_path, "run", "it.ipynb", "--json")
    assert ended.code == 2
    assert "Traceback" not in ended.err
    error = ended.json["error"]
    assert code in {error["code"], *(found["code"] for found in ended.json.get("diagnostics", ()))}
    assert told in json.dumps(ended.json)
    assert (tmp_path / "it.ipynb").read_text(encoding="utf-8") == content
    assert not (tmp_path / ".mlops_nb" / "runs").exists()
    # Whoever asks before they run is told the same.
    checked = call(tmp_path, "check", "it.ipynb", "--json")
    assert (checked.code, told in json.dumps(checked.json)) == (2, True)


def test_a_notebook_of_format_3_runs_and_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    path = tmp_path / "old.ipynb"
    path.write_text(json.dumps(OLD), encoding="utf-8")
    ended = call(tmp_path, "run", "old.ipynb", "--json")
    assert statuses(ended) == {"a": "succeeded"}
    assert "MN004" in ended.err
    assert json.loads(path.read_text(encoding="utf-8")) == OLD


def test_a_missing_data_file_fails_its_step_and_the_run_goes_through_once_it_is_there(tmp_path: Path) -> None:
    read = "with open('data/rows.txt') as file:\n    rows = file.read().split()"
    write(tmp_path / "rows.ipynb", [("step:load", read), ("pipeline-metrics", "count = len(rows)\nprint(count)")])
    failed = call(tmp_path, "run", "rows.ipynb", "--json")
    assert failed.code == 1
    assert failed.json["steps"][0]["reason"].startswith("FileNotFoundError")
    assert "data/rows.txt" in failed.err
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.txt").write_text("a b c", encoding="utf-8")
    assert scraps(call(tmp_path, "run", "rows.ipynb", "--json")) == {"count": 3}


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "one.ipynb", [("step:a", "a = 1")])
    assert call(tmp_path, "plan", "one.ipynb").code == 0
    file = tmp_path / ".mlops_nb" / "metadata.db"
    store = sqlite3.connect(file)
    with store:
        store.execute("update mlops_nb_revision set version_num = '9999_of_the_future'")
    store.close()
    before = file.read_bytes()
    for verb in (["run", "one.ipynb"], ["runs"]):
        ended = call(tmp_path, *verb, "--json")
        assert (ended.code, ended.json["error"]["code"]) == (2, "store-newer")
        assert "9999_of_the_future" in ended.json["error"]["message"]
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MLOPS_NB_ARTIFACTS", "{folder}/file/artifacts"),
        ("MLOPS_NB_METADATA", "sqlite:///{folder}/file/metadata.db"),
        ("MLOPS_NB_METADATA", "mysql://host/database"),
        ("MLOPS_NB_WORKERS", "many"),
        ("MLOPS_NB_ARTEFACTS", "elsewhere"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_before_anything_runs(tmp_path: Path, variable: str, value: str) -> None:
    write(tmp_path / "one.ipynb", [("step:a", "a = 1")])
    (tmp_path / "file").touch()
    ended = call(tmp_path, "run", "one.ipynb", "--json", env={variable: value.format(folder=tmp_path)})
    assert ended.code == 2, ended.err
    assert "Traceback" not in ended.err
    assert ended.json["error"]["hint"]
    assert not (tmp_path / ".mlops_nb" / "runs").exists()


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    """Return a project that nobody can write, with one untagged and one tagged notebook."""
    folder = tmp_path / "project"
    write(folder / "one.ipynb", [("step:a", "a = 1")])
    write(folder / "untagged.ipynb", [("", "a = 1")])
    for path in (*folder.iterdir(), folder):
        path.chmod(0o555 if path.is_dir() else 0o444)
    yield folder
    folder.chmod(0o755)


@pytest.mark.skipif(sys.platform != "linux", reason="rights are taken from root in Linux's way")
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["run", "one.ipynb"], 2),
        (["compile", "one.ipynb"], 2),
        (["suggest", "untagged.ipynb", "--write"], 1),
    ],
)
def test_a_read_only_project_is_refused_with_the_place_and_what_to_do(
    read_only: Path, arguments: list[str], code: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PRIVILEGES, MLOPS_NB, *arguments, "--json"],
        cwd=read_only,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    error = json.loads(done.stdout.splitlines()[-1])["error"]
    assert str(read_only) in error["message"] or "untagged.ipynb" in error["message"]
    assert "rights" in error["hint"]
    assert sorted(path.name for path in read_only.iterdir()) == ["one.ipynb", "pyproject.toml", "untagged.ipynb"]


@pytest.mark.skipif(sys.platform != "linux", reason="rights are taken from root in Linux's way")
def test_a_read_only_project_runs_with_its_home_elsewhere(read_only: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PRIVILEGES, MLOPS_NB, "run", "one.ipynb", "--json"],
        cwd=read_only,
        env=environment(MLOPS_NB_HOME=str(tmp_path / "elsewhere")),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    (step,) = json.loads(done.stdout.splitlines()[-1])["steps"]
    assert step["notebook"].startswith(str(tmp_path / "elsewhere"))
    assert "dataflow.lock.json cannot be written" in done.stderr


@pytest.mark.skipif(sys.platform != "linux", reason="rights are taken from root in Linux's way")
def test_a_read_only_project_can_be_checked_and_read(read_only: Path) -> None:
    prefix = [sys.executable, "-c", WITHOUT_PRIVILEGES, MLOPS_NB]
    for verb in (["check", "one.ipynb"], ["runs"]):
        assert subprocess.run([*prefix, *verb], cwd=read_only, env=environment(), check=False).returncode == 0


def test_the_version_is_told_and_no_verb_is_needed(tmp_path: Path) -> None:
    ended = call(tmp_path, "--version")
    assert (ended.code, ended.out) == (0, f"mlops-nb {mlops_nb.__version__}\n")
