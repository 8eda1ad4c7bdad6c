"""The verbs that read: runs, show, models; and what they answer where there is nothing."""

from __future__ import annotations

import shlex
import subprocess
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.cli.command import MLOPS_NB, call, environment
from tests.notebook_factory import edit, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Project


def test_runs_lists_the_newest_first(project: Project) -> None:
    listed = call(project.folder, "runs", "--json").json
    # An identifier has the second in it and no more: two runs may begin in one.
    begun = [run["started"] for run in listed]
    assert begun == sorted(begun, reverse=True)
    mine = {run["id"]: run["status"] for run in listed}
    assert [mine[ended.json["run"]] for ended in (project.first, project.again, project.failed)] == [
        "succeeded",
        "succeeded",
        "failed",
    ]
    (newest,) = call(project.folder, "runs", "--limit", "1", "--json").json
    assert newest == listed[0]
    assert call(project.folder, "show", "last", "--json").json["run"]["id"] == newest["id"]
    (failed,) = call(project.folder, "runs", "--status", "failed", "--json").json
    assert failed["id"] == project.failed.json["run"]


def test_lists_are_whole_without_a_terminal_and_fit_a_narrow_one(project: Project) -> None:
    piped = call(project.folder, "runs").out
    assert all(ended.json["run"] in piped for ended in (project.first, project.again, project.failed))
    assert "step `mean` failed" in piped
    narrow = call(project.folder, "runs", env={"COLUMNS": "80"}).out
    assert project.first.json["run"] in narrow
    assert all(len(line) <= 80 for line in narrow.splitlines())
    assert all(line == line.rstrip() for line in piped.splitlines())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["runs", "--status", "faild"], "Did you mean `failed`?"),
        (["runs", "--pipeline", "meens"], "Did you mean `means`?"),
        (["show", "{first}x"], "Did you mean `{first}`?"),
        (["show", "2"], "Several runs start with `2`"),
        (["show", "last", "meen"], "Did you mean `mean`?"),
        (["models", "means"], "There is no model `means`"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(project: Project, arguments: list[str], told: str) -> None:
    first = project.first.json["run"]
    ended = call(project.folder, *(word.format(first=first) for word in arguments))
    assert ended.code == 2
    assert told.format(first=first) in ended.err
    assert not ended.out


def test_show_tells_a_run_by_the_start_of_its_id(project: Project) -> None:
    first, shown = project.first.json["run"], project.shown[0]
    assert shown["run"]["id"] == first
    assert [step["step"] for step in shown["steps"]] == ["prelude", "load", "mean"]
    assert {(scrap["step"], scrap["name"], scrap["value"]) for scrap in shown["scraps"]} == {("mean", "mean", 1.0)}
    text = call(project.folder, "show", first[:-2]).out
    assert f"✔ run {first} succeeded" in text
    for line in ("n     3", "name  a", "mean  1  mean"):
        assert line in text


def test_show_tells_where_a_step_failed(project: Project) -> None:
    step = call(project.folder, "show", project.failed.json["run"], "mean", "--json").json
    assert step["status"] == "failed"
    assert step["parameters"] == {"n": 0}
    assert (step["error"]["cell_id"], step["error"]["cell_number"]) == ("c4", 4)
    assert step["error"]["ename"] == "ZeroDivisionError"
    assert "mean = sum(numbers) / n" in step["error"]["traceback"]
    text = call(project.folder, "show", project.failed.json["run"], "mean").out
    assert "ZeroDivisionError in cell 4 (c4)" in text
    assert step["notebook"] in text


@pytest.mark.row(4)
def test_compare_holds_a_run_against_another_or_the_success_before_it(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    notebook = write(
        folder / "sizes.ipynb",
        [
            ("parameters", "n = 3"),
            ("step:load", "text = open('words.txt').read()"),
            ("step:size", "size = len(text) * n"),
            ("pipeline-metrics", "print(size)"),
        ],
    )
    (folder / "words.txt").write_text("abc", encoding="utf-8")
    first = call(folder, "run", "sizes.ipynb", "--json").json["run"]
    (folder / "words.txt").write_text("abcd", encoding="utf-8")
    edit(notebook, 3, "size = len(text) * n + 1")
    second = call(folder, "run", "sizes.ipynb", "--json", "-p", "n", "5").json["run"]

    told = call(folder, "compare", "last", "--json").json
    assert (told["before"], told["after"]) == (first, second)
    assert told["metrics"] == [{"name": "size", "before": 9, "after": 21, "difference": 12}]
    assert told["parameters"] == [{"name": "n", "before": 3, "after": 5, "difference": 2}]
    assert [change["name"] for change in told["steps"]] == ["size"]
    assert [change["name"] for change in told["data"]] == ["file:words.txt"]
    shown = call(folder, "compare", second, first).out
    assert "+12" in shown
    assert f"{second} against {first}" in shown
    none = call(folder, "compare", first, "--json")
    assert none.code == 2
    assert "no success before" in none.json["error"]["message"]


@pytest.mark.row(55)
def test_every_step_has_its_start_end_and_duration_in_utc(project: Project) -> None:
    for shown in project.shown:
        began, over = (datetime.fromisoformat(shown["run"][name]) for name in ("started", "finished"))
        times = [
            (datetime.fromisoformat(step["started"]), datetime.fromisoformat(step["finished"]), step["seconds"])
            for step in shown["steps"]
        ]
        assert all(at.utcoffset() == timedelta(0) for at in (began, over, *(time for row in times for time in row[:2])))
        assert all(began <= start <= end <= over for start, end, _ in times)
        # A chain: the steps' durations and the gaps between them make up the run.
        assert sum(seconds for *_, seconds in times) <= (over - began).total_seconds()
        if all(step["status"] != "cached" for step in shown["steps"]):
            assert all(
                (end - start).total_seconds() == pytest.approx(seconds, abs=0.5) for start, end, seconds in times
            )


def test_before_the_first_run_there_is_nothing_and_reading_makes_nothing(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    assert "No runs yet" in call(tmp_path, "runs").out
    assert call(tmp_path, "runs", "--json").json == []
    assert call(tmp_path, "models", "--json").json == []
    refused = call(tmp_path, "show", "last", "--json")
    assert refused.code == 2
    assert "no runs yet" in refused.json["error"]["message"]
    assert [path.name for path in tmp_path.iterdir()] == ["pyproject.toml"]


def test_a_reader_that_leaves_early_is_no_error(project: Project) -> None:
    for verb in ("runs", "runs --json", "--help"):
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {shlex.quote(MLOPS_NB)} {verb} | head -c 1"],
            cwd=project.folder,
            env=environment(),
            capture_output=True,
            check=False,
            timeout=240,
        )
        assert len(done.stdout) == 1
        assert not done.stderr, done.stderr


def test_a_failed_run_shows_the_line_of_the_cell_however_deep_a_library_raised_and_what_to_do(tmp_path: Path) -> None:
    asks = "columns = ['fare', 'per_mile']\nasked = rides[columns].sum()\nprint(asked)"
    write(tmp_path / "n.ipynb", [("step:a", "import pandas as pd\n\nrides = pd.DataFrame({'fare': [1.5]})\n" + asks)])
    ended = call(tmp_path, "run", "n.ipynb")
    assert ended.code == 1
    shown = [line for line in ended.out.splitlines() if line.startswith("  │")]
    assert any("----> 5 asked = rides[columns].sum()" in line for line in shown)
    assert "KeyError" in shown[-1]
    assert len(shown) <= 14
    assert "mlops-nb open last a" in ended.out
    assert "mlops-nb resume last" in ended.out
