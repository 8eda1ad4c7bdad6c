"""A step of one notebook runs in another one's pipeline, from notebook to record."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.command import call, scraps, statuses
from tests.notebook_factory import edit, write

if TYPE_CHECKING:
    from pathlib import Path

PREPARE = [
    ("imports", "import pandas as pd"),
    ("parameters", "longest = 60.0"),
    ("functions", "def minutes(rides):\n    return rides['end'] - rides['start']"),
    ("step:load", "open('loaded.txt', 'w').close()\nrides = pd.read_csv('there/is/none.csv')"),
    ("step:clean", "kept = rides[rides['distance'] < longest].assign(minutes=minutes)"),
    ("step:look", "print(kept)"),
]
REPORT = [
    ("imports", "import mlops_nb\nimport pandas as pd"),
    ("step:load", "rides = pd.DataFrame({'distance': [1.0, 15, 25], 'start': [0, 0, 0], 'end': [3, 4, 5]})"),
    ("step:reuse", "clean = mlops_nb.step('../prepare/rides.ipynb', 'clean')"),
    ("step:clean", "kept = clean(rides, longest=20)"),
    ("step:count, pipeline-metrics", "left = len(kept)\nlongest_minutes = int(kept['minutes'].max())"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "prepare" / "rides.ipynb", PREPARE)
    write(tmp_path / "report" / "tips.ipynb", [(tags.replace(",", ""), source) for tags, source in REPORT])
    for place in ("prepare", "report"):
        (tmp_path / place / "pyproject.toml").unlink()
    (tmp_path / "pyproject.toml").touch()
    return tmp_path


@pytest.mark.row(6)
def test_a_step_of_another_notebook_runs_with_other_parameters_and_no_copy_of_its_source(folder: Path) -> None:
    ended = call(folder, "run", "report/tips.ipynb", "--json")

    assert scraps(ended) == {"left": 2, "longest_minutes": 4}
    # The importing notebook, as it was kept with the run and as it was executed, has no line of the step.
    run = folder / ".mlops_nb" / "runs" / ended.json["run"]
    texts = [path.read_text(encoding="utf-8") for path in (run / "notebook.ipynb", *(run / "steps").glob("*.ipynb"))]
    assert len(texts) == 6
    assert not any("rides['distance'] <" in text for text in texts)
    # And the step's own project was left alone: no step of it ran, nothing of it is recorded.
    assert [path.name for path in (folder / "prepare").iterdir()] == ["rides.ipynb"]
    assert {run["pipeline"] for run in call(folder, "runs", "--json").json} == {"tips"}
    # Restart-and-Run-All does the same, without a pipeline.
    document = json.loads((folder / "report" / "tips.ipynb").read_text(encoding="utf-8"))
    whole = "\n".join(cell["source"] for cell in document["cells"]) + "\nprint(left, longest_minutes)"
    done = subprocess.run(
        [sys.executable, "-c", whole], cwd=folder / "report", capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["2", "4"], done.stderr


@pytest.mark.row(6)
def test_an_edit_of_the_step_runs_what_uses_it_again_and_says_so(folder: Path) -> None:
    assert scraps(call(folder, "run", "report/tips.ipynb", "--json"))["left"] == 2
    prepare = folder / "prepare" / "rides.ipynb"

    # Another step, a comment, and what the notebook shows are nothing to it.
    edit(prepare, 6, "print(kept.describe())")
    edit(prepare, 5, f"# too long\n{PREPARE[4][1]}")
    again = call(folder, "run", "report/tips.ipynb", "--json")
    assert set(statuses(again).values()) == {"cached"}

    edit(prepare, 5, PREPARE[4][1].replace("distance'] <", "distance'] * 2 <"))
    plan = {step["name"]: step for step in call(folder, "plan", "report/tips.ipynb", "--json").json["steps"]}
    assert plan["reuse"]["because"] == "the imported step `../prepare/rides.ipynb: clean` changed"
    changed = call(folder, "run", "report/tips.ipynb", "--json")
    assert scraps(changed)["left"] == 1
    assert statuses(changed) == {
        "prelude": "cached",
        "load": "cached",
        "reuse": "succeeded",
        "clean": "succeeded",
        "count": "succeeded",
    }


def test_a_run_is_reproduced_with_the_step_as_it_was(folder: Path) -> None:
    run = call(folder, "run", "report/tips.ipynb", "--json").json["run"]
    edit(folder / "prepare" / "rides.ipynb", 5, "kept = rides")

    reproduced = call(folder, "reproduce", run, "--json")

    assert reproduced.code == 0, reproduced.out + reproduced.err
    assert reproduced.json["verdict"] == "identical"


def test_a_notebook_whose_path_only_the_code_knows_counts_as_a_file_that_is_read(folder: Path) -> None:
    edit(
        folder / "report" / "tips.ipynb",
        3,
        "place = '../' + 'prepare/rides.ipynb'\n" + REPORT[2][1].replace("'../prepare/rides.ipynb'", "place"),
    )
    assert scraps(call(folder, "run", "report/tips.ipynb", "--json"))["left"] == 2

    edit(folder / "prepare" / "rides.ipynb", 5, PREPARE[4][1].replace("distance'] <", "distance'] * 2 <"))
    plan = {step["name"]: step for step in call(folder, "plan", "report/tips.ipynb", "--json").json["steps"]}
    assert plan["reuse"]["because"] == "the file `../prepare/rides.ipynb` changed"
    assert scraps(call(folder, "run", "report/tips.ipynb", "--json"))["left"] == 1


def test_a_module_beside_the_steps_notebook_is_found_and_an_edit_of_it_counts(folder: Path) -> None:
    edit(folder / "prepare" / "rides.ipynb", 3, "from durations import minutes")
    module = folder / "prepare" / "durations.py"
    module.write_text(PREPARE[2][1], encoding="utf-8")
    assert scraps(call(folder, "run", "report/tips.ipynb", "--json")) == {"left": 2, "longest_minutes": 4}

    module.write_text(PREPARE[2][1] + " + 1", encoding="utf-8")
    plan = {step["name"]: step for step in call(folder, "plan", "report/tips.ipynb", "--json").json["steps"]}
    assert plan["reuse"]["because"] == "the file `../prepare/durations.py` changed"
    again = call(folder, "run", "report/tips.ipynb", "--json")
    assert scraps(again) == {"left": 2, "longest_minutes": 5}
    reproduced = call(folder, "reproduce", again.json["run"], "--json")
    assert reproduced.json["verdict"] == "identical"


def test_a_step_that_an_imports_cell_imports_is_read_once_and_travels(folder: Path) -> None:
    notebook = folder / "report" / "tips.ipynb"
    edit(notebook, 1, f"{REPORT[0][1]}\n{REPORT[2][1]}")
    edit(notebook, 3, "twice = len(clean(rides)) * 2")

    ended = call(folder, "run", "report/tips.ipynb", "--json")

    assert scraps(ended)["left"] == 2
    texts = (folder / ".mlops_nb" / "runs" / ended.json["run"] / "steps").glob("*.ipynb")
    assert sum("mlops_nb.step('../prepare" in path.read_text(encoding="utf-8") for path in texts) == 1
    edit(folder / "prepare" / "rides.ipynb", 5, PREPARE[4][1].replace("distance'] <", "distance'] * 2 <"))
    assert scraps(call(folder, "run", "report/tips.ipynb", "--json"))["left"] == 1


def test_what_the_step_raises_is_told_with_its_file_step_and_cell(folder: Path) -> None:
    edit(folder / "report" / "tips.ipynb", 4, "kept = clean(rides.drop(columns='end'))")

    ended = call(folder, "run", "report/tips.ipynb", "--json")

    assert ended.code == 1
    failed = next(step for step in ended.json["steps"] if step["name"] == "clean")
    assert "Step `clean` of ../prepare/rides.ipynb, cell 5, line 1 raised KeyError: 'end'" in failed["reason"]


def test_the_pipeline_is_the_notebook_also_when_it_imports_steps(folder: Path) -> None:
    ended = call(folder, "verify", "report/tips.ipynb", "--json")

    assert ended.code == 0, ended.out + ended.err
