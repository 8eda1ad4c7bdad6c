"""What `mlops-nb run … --json` promises to a CI job."""

from __future__ import annotations

import getpass
import json
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.command import call, statuses
from tests.notebook_factory import write

if TYPE_CHECKING:
    from tests.cli.conftest import Project


def test_a_run_that_succeeds_ends_with_one_line_of_json_and_0(project: Project) -> None:
    ended = project.first
    assert ended.code == 0
    (line,) = ended.out.splitlines()
    told = json.loads(line)
    assert {"run", "status", "steps", "scraps", "models"} <= set(told)
    assert told["status"] == "succeeded"
    assert told["scraps"] == {"mean": 1.0}
    assert told["models"] == []
    assert [step["name"] for step in told["steps"]] == ["prelude", "load", "mean"]
    for step in told["steps"]:
        assert {"name", "status", "seconds", "cached", "notebook"} <= set(step)
        assert (step["status"], step["cached"]) == ("succeeded", False)
        assert step["seconds"] > 0
        executed = json.loads(Path(step["notebook"]).read_text(encoding="utf-8"))
        code = [cell for cell in executed["cells"] if cell["cell_type"] == "code"]
        # The cells that hand the state over do not count, as a person's cells do.
        assert all(bool(cell["execution_count"]) != ("mlops-nb" in cell["metadata"]["tags"]) for cell in code)


def test_what_people_read_goes_to_standard_error(project: Project) -> None:
    err = project.first.err
    assert "✔ load succeeded" in err
    assert "mean  1" in err
    assert f"run {project.first.json['run']} succeeded" in err
    assert "\x1b" not in err


def test_steps_that_are_cached_say_so_and_keep_their_results_and_notebook(project: Project) -> None:
    first, again = project.first.json, project.again.json
    assert project.again.code == 0
    assert again["run"] != first["run"]
    assert again["scraps"] == first["scraps"]
    assert [(step["status"], step["cached"]) for step in again["steps"]] == [("cached", True)] * 3
    assert [step["notebook"] for step in again["steps"]] == [step["notebook"] for step in first["steps"]]


def test_a_failed_run_ends_with_1_and_the_steps_as_they_are(project: Project) -> None:
    ended = project.failed
    assert ended.code == 1
    assert ended.json["status"] == "failed"
    assert statuses(ended) == {"prelude": "succeeded", "load": "succeeded", "mean": "failed"}
    assert Path(ended.json["steps"][-1]["notebook"]).exists()
    assert "mean, cell 4: ZeroDivisionError: division by zero" in ended.err
    assert "----> 1 mean = sum(numbers) / n" in ended.err


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["run"], "usage", "Missing argument"),
        (["run", "means.ipynb", "--wokers", "2"], "usage", "No such option"),
        (["run", "means.ipynb", "--workers", "0"], "usage", "--workers"),
        (["run", "means.ipynb", "-p", "n"], "usage", "`-p NAME VALUE`"),
        (["run", "mean.ipynb"], "notebook", "There is no notebook"),
        (["rum", "means.ipynb"], "usage", "No such command"),
    ],
)
def test_bad_usage_ends_with_2_and_an_error_as_json(
    project: Project, arguments: list[str], code: str, told: str
) -> None:
    before = sorted((project.folder / ".mlops_nb" / "runs").iterdir())
    # In front: behind it, the last word would be read as the value of `-p n`.
    ended = call(project.folder, arguments[0], "--json", *arguments[1:])
    assert ended.code == 2
    (line,) = ended.out.splitlines()
    error = json.loads(line)["error"]
    assert set(error) == {"code", "message", "hint"}
    assert error["code"] == code
    assert told in error["message"] + error["hint"]
    assert error["message"] in ended.err
    assert sorted((project.folder / ".mlops_nb" / "runs").iterdir()) == before


def test_a_notebook_with_errors_ends_with_2_and_its_diagnostics(tmp_path: Path) -> None:
    write(tmp_path / "typo.ipynb", [("step:a", "x = 1"), ("step:b", "y = xx + 1")])
    ended = call(tmp_path, "run", "typo.ipynb", "--json")
    assert ended.code == 2
    assert ended.json["error"]["code"] == "notebook-has-errors"
    (found,) = ended.json["diagnostics"]
    assert (found["code"], found["cell"], found["line"], found["variable"]) == ("MN301", "c2", 1, "xx")
    assert found["code"] in ended.err
    assert not (tmp_path / ".mlops_nb" / "runs").exists()


@pytest.mark.row(56)
@pytest.mark.row(62)
def test_the_record_names_who_started_the_run_from_where(project: Project) -> None:
    run = project.shown[0]["run"]
    assert run["who"]["user"] == getpass.getuser()
    assert run["who"]["host"] == socket.gethostname()
    assert run["executor"] == "local"
    assert run["origin"] == {"kind": "cli", "detail": "run means.ipynb --json --why to see"}
    assert run["why"] == "to see"
    in_ci = call(project.folder, "run", "means.ipynb", "--json", env={"CI": "true"})
    assert call(project.folder, "show", in_ci.json["run"], "--json").json["run"]["origin"]["kind"] == "ci"
