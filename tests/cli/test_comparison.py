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
