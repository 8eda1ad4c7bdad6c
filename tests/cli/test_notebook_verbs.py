"""The verbs about a notebook as it is written: check, suggest, compile, plan."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.cli.command import call
from tests.notebook_factory import document, write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Project

TYPO = [("step:a", "x = 1"), ("step:b prev:c", "y = xx + 1")]


def test_check_says_what_is_wrong_where_and_how_to_mend_it(tmp_path: Path) -> None:
    write(tmp_path / "typo.ipynb", TYPO)
    ended = call(tmp_path, "check", "typo.ipynb", "--json")
    assert ended.code == 2
    assert ended.json["ok"] is False
    by_code = {found["code"]: found for found in ended.json["diagnostics"]}
    assert set(by_code) == {"MN103", "MN301"}
    assert (by_code["MN301"]["cell_number"], by_code["MN301"]["line"]) == (2, 1)
    text = call(tmp_path, "check", "typo.ipynb")
    assert text.code == 2
    for found in ended.json["diagnostics"]:
        for part in (found["code"], found["message"], found["fix"]):
            assert part in text.out
    assert not (tmp_path / ".mlops_nb").exists()


def test_check_is_content_with_a_notebook_that_can_run(project: Project) -> None:
    ended = call(project.folder, "check", "means.ipynb", "--json")
    assert (ended.code, ended.json["ok"], ended.json["steps"]) == (0, True, ["prelude", "load", "mean"])
    assert "means.ipynb can run: 3 steps" in call(project.folder, "check", "means.ipynb").out


def test_suggest_shows_tags_as_a_diff_and_writes_them_only_when_asked(tmp_path: Path) -> None:
    untagged = document([("", "import math"), ("", "numbers = [1, 2, 3]"), ("", "total = math.fsum(numbers)")])
    headings = ["# A sum", "## Load the numbers", "## Add them up"]
    cells: list[dict[str, Any]] = []
    for heading, cell in zip(headings, untagged["cells"], strict=True):
        cells += [{"cell_type": "markdown", "id": f"m{len(cells)}", "metadata": {}, "source": heading}, cell]
    path = tmp_path / "sum.ipynb"
    path.write_text(json.dumps({**untagged, "cells": cells}), encoding="utf-8")
    before = path.read_bytes()

    shown = call(tmp_path, "suggest", "sum.ipynb")
    assert shown.code == 0
    assert any(line.startswith("+") and "step:" in line for line in shown.out.splitlines())
    assert all(line == line.rstrip() for line in shown.out.splitlines())
    told = call(tmp_path, "suggest", "sum.ipynb", "--json").json
    assert told["written"] is False
    assert path.read_bytes() == before

    assert call(tmp_path, "suggest", "sum.ipynb", "--write", "--json").json["written"] is True
    checked = call(tmp_path, "check", "sum.ipynb", "--json").json
    assert checked["ok"] is True
    assert len(checked["steps"]) >= 2
    assert call(tmp_path, "suggest", "sum.ipynb", "--write", "--json").json["written"] is False


def test_compile_writes_a_ploomber_project_and_tells_what_it_wrote(project: Project) -> None:
    first = call(project.folder, "compile", "means.ipynb", "--json").json
    folder = project.folder / "pipelines" / "means"
    assert first["folder"] == str(folder)
    assert (folder / "pipeline.yaml").exists()
    assert (folder / "steps" / "mean.ipynb").exists()
    again = call(project.folder, "compile", "means.ipynb", "--json").json
    assert again["written"] == []
    # The settings file is written once, and from then on the person's.
    assert {*again["unchanged"], str(folder / "settings.toml")} == set(first["written"])


def test_plan_says_what_would_run_because_of_what_and_how_long_it_will_take(project: Project) -> None:
    cached = call(project.folder, "plan", "means.ipynb", "--json").json
    assert [step["status"] for step in cached["steps"]] == ["cached"] * 3
    assert "Nothing to run" in call(project.folder, "plan", "means.ipynb").out
    other = {
        step["name"]: step
        for step in call(project.folder, "plan", "means.ipynb", "-p", "n", "7", "--json").json["steps"]
    }
    assert other["prelude"]["status"] == "run"
    assert "`n`" in other["prelude"]["because"]
    assert other["load"]["status"] in {"run", "maybe"}
    assert all(step["expected_seconds"] > 0 for step in other.values())
    text = call(project.folder, "plan", "means.ipynb", "-p", "n", "7").out
    assert "3 of 3 steps to run, about" in text
