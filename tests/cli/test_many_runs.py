"""Several commands at once on the same stores: each is recorded whole, and none disturbs another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlops_nb.pipeline import read_lock
from mlops_nb.project import find_project
from tests.cli.command import Started, call, statuses
from tests.notebook_factory import write

if TYPE_CHECKING:
    from tests.postgresql import Server

AT_ONCE = 8
CELLS = [
    ("parameters", "n = 1"),
    ("step:load", "numbers = list(range(10_000 * n))"),
    ("step:total", "total = sum(numbers)"),
    ("pipeline-metrics", "print(total)"),
]


@pytest.fixture(params=["sqlite", "postgresql"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return a project whose record is in each database."""
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgresql")
        settings = f"[tool.mlops_nb]\nmetadata = {json.dumps(server.new_database())}\n"
        (tmp_path / "pyproject.toml").write_text(settings, encoding="utf-8")
    return tmp_path


def test_eight_notebooks_run_at_once_on_one_store_and_all_are_recorded_whole(folder: Path) -> None:
    for number in range(1, AT_ONCE + 1):
        write(folder / f"part{number}.ipynb", CELLS)
    started = [
        Started(folder, "run", f"part{number}.ipynb", "--json", "--workers", "1", "-p", "n", str(number))
        for number in range(1, AT_ONCE + 1)
    ]
    ended = [command.wait(200) for command in started]

    assert [one.code for one in ended] == [0] * AT_ONCE, [one.err for one in ended if one.code]
    with find_project(folder).log() as log:
        records = [log.run(one.json["run"]) for one in ended]
    for number, (one, record) in enumerate(zip(ended, records, strict=True), 1):
        assert one.json["scraps"] == {"total": sum(range(10_000 * number))}
        assert set(statuses(one).values()) == {"succeeded"}
        assert record.run.status == "succeeded"
        assert [item.value for item in record.parameters if item.step is None] == [number]
        lines = [(line.step, line.status) for line in record.history]
        assert lines[0] == (None, "running")
        assert lines[-1] == (None, "succeeded")
        assert lines[1:-1] == [
            (step["name"], status) for step in one.json["steps"] for status in ("running", "succeeded")
        ]
    assert len({one.json["run"] for one in ended}) == AT_ONCE
    assert call(folder, "doctor", "--json").json["ok"]


def test_two_runs_of_one_pipeline_at_once_keep_out_of_each_others_way(folder: Path) -> None:
    notebook = write(folder / "sums.ipynb", CELLS)
    started = [Started(folder, "run", notebook.name, "--json", "--fresh", "-p", "n", number) for number in ("2", "3")]
    ended = [command.wait(200) for command in started]

    assert [one.code for one in ended] == [0] * 2, [one.err for one in ended]
    totals = [one.json["scraps"]["total"] for one in ended]
    assert totals == [sum(range(20_000)), sum(range(30_000))]
    runs = {one.json["run"] for one in ended}
    assert {path.name for path in (folder / ".mlops_nb" / "runs").iterdir()} == runs
    for one in ended:
        assert all(one.json["run"] in Path(step["notebook"]).parts for step in one.json["steps"])
    lock = read_lock(folder / "pipelines" / "sums" / "dataflow.lock.json")
    assert lock.steps["load"].writes == ("numbers",)
    assert not [path.name for path in (folder / "pipelines" / "sums").iterdir() if path.name.startswith(".")]
    again = call(folder, "run", notebook.name, "--json", "-p", "n", "2")
    assert set(statuses(again).values()) == {"cached"}
