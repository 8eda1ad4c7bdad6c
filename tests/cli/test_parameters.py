"""Papermill's parameter options on the command line: typed, recorded, refused before a kernel starts."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from tests.cli.command import call, scraps
from tests.notebook_factory import Cell, write

if TYPE_CHECKING:
    from pathlib import Path

DECLARED = """\
import datetime
n = 3
rate = 0.1
flag = True
limit: int | None = 5
name = "a"
names = ["x"]
depths = {"a": 1}
day = datetime.date(2024, 1, 1)
at = datetime.datetime(2024, 1, 1, 12, 30)
code = "000"
left = 1"""
NAMES = ("n", "rate", "flag", "limit", "name", "names", "depths", "day", "at", "code", "left")
CELLS: list[Cell] = [
    ("parameters", DECLARED),
    (
        "step:show",
        f"shown = {{name: repr(globals()[name]) for name in {NAMES!r}}}",
        {"outputs": {"shown": {"type": "value"}}},
    ),
]


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("parameters") / "typed.ipynb", CELLS)


def test_every_kind_of_value_arrives_with_its_type_and_is_recorded(notebook: Path) -> None:
    folder = notebook.parent
    (folder / "more.yaml").write_text("names: [y, 'no']\ndepths: {b: 2}\nrate: 5\n", encoding="utf-8")
    ended = call(
        folder,
        *("run", "typed.ipynb", "--json"),
        *("-p", "n", "-1", "-p", "rate", "1e-3", "-p", "flag", "False", "-p", "limit", "None"),
        *("-p", "day", "2025-02-28", "--parameters", "name", "007", "-r", "code", "007"),
        *("-f", "more.yaml", "-y", "at: 2025-02-28T23:59:00"),
        *("-b", base64.b64encode(b"name: lost\n").decode()),
    )
    assert scraps(ended)["shown"] == {
        "n": "-1",
        "rate": "0.001",
        "flag": "False",
        "limit": "None",
        "name": "'007'",
        "names": "['y', 'no']",
        "depths": "{'b': 2}",
        "day": "datetime.date(2025, 2, 28)",
        "at": "datetime.datetime(2025, 2, 28, 23, 59)",
        "code": "'007'",
        "left": "1",
    }
    recorded = {
        item["name"]: (item["type"], item["source"])
        for item in call(folder, "show", "last", "--json").json["parameters"]
        if item["step"] is None
    }
    assert recorded == {
        "n": ("int", "command-line"),
        "rate": ("float", "command-line"),
        "flag": ("bool", "command-line"),
        "limit": ("int", "command-line"),
        "name": ("str", "command-line"),
        "names": ("list", "file"),
        "depths": ("dict", "file"),
        "day": ("date", "command-line"),
        "at": ("datetime", "command-line"),
        "code": ("str", "command-line"),
        "left": ("int", "default"),
    }


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["-p", "nmae", "b"], "Did you mean `name`?"),
        (["-p", "n", "1.5"], "`n` is of type int"),
        (["-p", "flag", "1"], "`flag` is of type bool"),
        (["-p", "n", "None"], "annotate it in the parameter cell"),
        (["-p", "day", "tomorrow"], "Write it as 2024-12-31"),
        (["-r", "n", "3"], "`n` is of type int"),
        (["-f", "nowhere.yaml"], "there is no such file"),
        (["-y", "n: [1"], "not valid YAML"),
        (["-b", "%%%"], "not base64"),
        (["-y", "name: yes"], "put the word in quotes"),
    ],
)
def test_what_does_not_fit_is_refused_before_a_kernel_starts(tmp_path: Path, options: list[str], told: str) -> None:
    write(tmp_path / "typed.ipynb", CELLS)
    ended = call(tmp_path, "run", "typed.ipynb", *options, "--json")
    assert ended.code == 2
    error = ended.json["error"]
    assert error["code"] == "parameter"
    assert told in error["message"] + error["hint"]
    assert not (tmp_path / ".mlops_nb" / "runs").exists()
