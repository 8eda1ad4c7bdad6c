"""On real rides: the metrics of training and test set, held against the run before; and what git sees of it all."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import mlops_nb
from mlops_nb.notebook import write_notebook
from tests.cli.command import call
from tests.notebook_factory import write

RIDES = Path(__file__).parents[2] / "notebooks" / "data" / "taxis.csv"
CELLS = [
    ("parameters", "alpha = 1.0"),
    ("step:load", "import pandas as pd\n\nrides = pd.read_csv('taxis.csv').query(\"payment == 'credit card'\")"),
    (
        "step:train",
        """from sklearn.linear_model import Ridge

columns = ['distance', 'fare']
early = rides[rides['pickup'] < '2019-03-25']
model = Ridge(alpha=alpha).fit(early[columns], early['tip'])""",
    ),
    (
        "step:evaluate",
        """late = rides[rides['pickup'] >= '2019-03-25']
train_mae = (model.predict(early[columns]) - early['tip']).abs().mean()
test_mae = (model.predict(late[columns]) - late['tip']).abs().mean()""",
    ),
    ("pipeline-metrics", "print(train_mae, test_mae)"),
]


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.fixture(scope="module")
def rides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project under version control with a notebook on the rides, which ran with two penalties."""
    folder = tmp_path_factory.mktemp("rides")
    shutil.copyfile(RIDES, folder / "taxis.csv")
    write(folder / "tips.ipynb", CELLS)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Tips")
    for alpha in ("1.0", "5000.0"):
        assert call(folder, "run", "tips.ipynb", "-p", "alpha", alpha).code == 0
    return folder


@pytest.mark.row(60)
def test_metrics_of_training_and_test_set_are_held_against_the_run_before(rides: Path) -> None:
    told = call(rides, "compare", "last", "--json").json
    apart = {change["name"]: change for change in told["metrics"]}
    assert set(apart) == {"train_mae", "test_mae"}
    with mlops_nb.find_project(rides).log() as log:
        runs = [log.run(told[side]) for side in ("before", "after")]
    for name, change in apart.items():
        before, after = ({scrap.name: scrap.value for scrap in record.scraps}[name] for record in runs)
        assert (change["before"], change["after"]) == (before, after)
        assert change["difference"] == after - before != 0
    assert [(change["name"], change["before"], change["after"]) for change in told["parameters"]] == [
        ("alpha", 1.0, 5000.0)
    ]


@pytest.mark.row(67)
def test_git_sees_the_edits_of_source_and_tags_alone_and_a_run_names_its_commit(rides: Path) -> None:
    assert git(rides, "diff", "--name-only") == "", "a run changes no notebook"
    told = call(rides, "show", "last", "--json").json
    assert told["run"]["git"]["commit"] == git(rides, "rev-parse", "HEAD").strip()

    bare = json.loads((rides / "tips.ipynb").read_text(encoding="utf-8"))
    for cell in bare["cells"]:
        cell["metadata"] = {}
    # As JupyterLab saves it.
    write_notebook(bare, rides / "bare.ipynb")
    git(rides, "add", "bare.ipynb")
    git(rides, "commit", "--quiet", "--message", "Without tags")
    assert call(rides, "suggest", "bare.ipynb", "--write").code == 0
    lines = git(rides, "diff", "--unified=0", "bare.ipynb").splitlines()
    changed = [line[1:].strip(' ,"') for line in lines if line[:1] in {"+", "-"} and line[:3] not in {"+++", "---"}]
    left = [line for line in changed if not line.startswith(("metadata", "tags", "step:", "parameters", "imports"))]
    assert not [line for line in left if line not in {"]", "}", "pipeline-metrics"}], left


@pytest.mark.row(5)
def test_a_run_on_a_clean_checkout_gives_the_same_bytes_or_names_each_output_that_differs(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    shutil.copyfile(RIDES, one / "taxis.csv")
    outputs = {
        "tips": {"type": "model", "variable": "model", "sample_input": "rows"},
        "late": {"type": "dataset"},
        "drawn": {"type": "dataset"},
        "figure": {"type": "figure"},
    }
    more = """rows = late[columns]
figure = late.plot.scatter('fare', 'tip').figure
drawn = late.sample(5, random_state=SEED)
late.to_csv('late.csv')"""
    publish = ("step:publish", more, {"outputs": outputs})
    write(one / "tips.ipynb", [("parameters", "alpha = 1.0\nSEED = 0"), *CELLS[1:-1], publish])
    (one / ".gitignore").write_text("late.csv\n")
    git(one, "init", "--quiet")
    git(one, "add", "--all")
    git(one, "commit", "--quiet", "--message", "Tips")
    first = call(one, "run", "tips.ipynb", "-p", "alpha", "3.5", "--json")
    assert first.code == 0, first.err
    git(tmp_path, "clone", "--quiet", str(one), str(other))
    home = {"MLOPS_NB_HOME": str(one / ".mlops_nb")}

    def again(seed: str) -> list[str]:
        ended = call(
            other, "run", "tips.ipynb", "-p", "alpha", "3.5", "-p", "SEED", seed, "--fresh", "--json", env=home
        )
        assert ended.code == 0, ended.err
        assert not [step["name"] for step in ended.json["steps"] if step["cached"]]
        told = call(other, "compare", ended.json["run"], first.json["run"], "--json", env=home).json
        assert not told["steps"]
        assert not told["data"]
        assert {step["name"]: step["status"] for step in ended.json["steps"]}["publish"] == "succeeded"
        return [change["name"] for change in told["outputs"]]

    assert again("0") == []
    assert "the same, byte for byte" in call(other, "compare", "last", first.json["run"], env=home).out
    # A run whose sample is drawn with another seed, and the report names that sample alone.
    assert again("7") == ["drawn"]
    with mlops_nb.find_project(one).log() as log:
        names = {link.name for link in log.run(first.json["run"]).artifacts if link.direction == "output"}
    assert {"tips", "tips.sample_input", "late", "drawn", "figure", "figure.svg", "file:late.csv"} <= names
