"""The example notebooks on real data: what the pipeline computes is what running all cells computes, and it is kept.

Forests and boosting get fewer trees than the notebooks ask for, in both runs alike, so that this takes seconds.
"""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import mean_absolute_error, roc_auc_score

import mlops_nb
from mlops_nb.artifacts import ArtifactStore
from tests.cli.command import Ended, call, environment, scraps, statuses

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
FEWER = {"n_estimators": 20, "max_iter": 20}
# What a person would add to look at the results outside of the notebook; mlops_nb has no part in it.
KEEP = """\
import joblib
kept = {{name: globals()[name] for name in {names!r}}}
joblib.dump(kept, "kept.joblib")"""


@dataclass(frozen=True)
class Example:
    """One of the notebooks, and what it declares."""

    name: str
    tables: tuple[str, ...]
    figures: tuple[str, ...]
    probabilities: bool


ADULT = Example("adult_income", ("comparison", "test_scores", "slices"), ("curves", "slice_figure"), probabilities=True)
TAXI = Example(
    "taxi_tips",
    ("comparison", "test_scores", "error_groups"),
    ("predictions_figure", "error_figure"),
    probabilities=False,
)


@dataclass(frozen=True)
class Ran:
    """An example that ran as a pipeline, and top to bottom in one stock kernel."""

    example: Example
    folder: Path
    ended: Ended
    record: Any
    stock: Mapping[str, Any]

    @property
    def notebook(self) -> str:
        """The notebook's path in the project."""
        return f"notebooks/{self.example.name}.ipynb"

    def artifact(self, name: str, direction: str = "output") -> Any:
        """Return what the record says of an artifact."""
        (found,) = {
            link["artifact"]["hash"]: link["artifact"]
            for link in self.record["artifacts"]
            if (link["name"], link["direction"]) == (name, direction)
        }.values()
        return found

    def path(self, name: str) -> Path:
        """Return the file of an artifact."""
        return Path(urlparse(self.artifact(name)["uri"]).path)


def prepared(folder: Path) -> Path:
    """Make a project with the notebooks, as a clean git checkout."""
    shutil.copytree(NOTEBOOKS, folder / "notebooks", ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    (folder / "pyproject.toml").touch()
    for words in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "Start"]):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def start_stock(example: Example, folder: Path) -> subprocess.Popen[bytes]:
    """Run all cells in one stock kernel, as nbconvert does it, with fewer trees and the results kept at the end."""
    shutil.copytree(NOTEBOOKS / "data", folder / "data")
    document = json.loads((NOTEBOOKS / f"{example.name}.ipynb").read_text(encoding="utf-8"))
    at = next(i for i, cell in enumerate(document["cells"]) if "parameters" in cell["metadata"].get("tags", []))
    names = (*example.tables, "metrics", "best_name", "best_model", "X_valid")
    fewer = "\n".join(f"{name} = {value}" for name, value in FEWER.items())
    cell: dict[str, Any] = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": []}
    document["cells"].insert(at + 1, {**cell, "id": "fewer", "source": fewer})
    document["cells"].append({**cell, "id": "keep", "source": KEEP.format(names=names)})
    (folder / "stock.ipynb").write_text(json.dumps(document), encoding="utf-8")
    command = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace", "stock.ipynb"]
    return subprocess.Popen(command, cwd=folder, env=environment(), stderr=subprocess.DEVNULL)


@contextmanager
def _runtime_in(folder: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("XDG_RUNTIME_DIR", folder)
        yield


@pytest.fixture(scope="module", params=[ADULT, TAXI], ids=lambda example: example.name)
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    # A template of kernels of its own, as on a machine on which nothing has run: what another notebook made one load,
    # and in which order, is seen in the order of warning filters.
    with tempfile.TemporaryDirectory(prefix="mlops_nb-", ignore_cleanup_errors=True) as short, _runtime_in(short):
        example: Example = request.param
        folder = prepared(tmp_path_factory.mktemp(example.name))
        aside = tmp_path_factory.mktemp("stock")
        with start_stock(example, aside) as stock:
            ended = call(folder, "run", f"notebooks/{example.name}.ipynb", "--json", *given(FEWER))
            assert stock.wait(timeout=900) == 0
        assert ended.code == 0, ended.err
        record = call(folder, "show", "last", "--json").json
        yield Ran(example, folder, ended, record, joblib.load(aside / "kept.joblib"))


def given(values: Mapping[str, object]) -> list[str]:
    """Return values as options of the command line."""
    return [word for name, value in values.items() for word in ("-p", name, str(value))]


@pytest.mark.row(11)
def test_the_splits_are_disjoint_whole_and_the_same_in_a_second_run(tmp_path: Path) -> None:
    folder = prepared(tmp_path / "project")
    notebook = folder / "notebooks" / "adult_income.ipynb"
    document = json.loads(notebook.read_text(encoding="utf-8"))
    published = {"step:clean": ("features",), "step:split": ("X_train", "X_valid", "X_test")}
    for cell in document["cells"]:
        for tag in set(cell["metadata"].get("tags", [])) & set(published):
            outputs = {name: {"type": "dataset"} for name in published[tag]}
            cell["metadata"].setdefault("mlops_nb", {})["outputs"] = outputs
    notebook.write_text(json.dumps(document), encoding="utf-8")

    runs = []
    for _ in range(2):
        ended = call(folder, "run", str(notebook), "--to", "split", "--fresh", "--json")
        assert ended.code == 0, ended.err
        assert set(statuses(ended).values()) == {"succeeded", "skipped"}
        record = call(folder, "show", "last", "--json").json
        links = [link for link in record["artifacts"] if link["direction"] == "output"]
        runs.append({link["name"]: link["artifact"] for link in links if link["name"] in sum(published.values(), ())})

    first, second = ({name: told["hash"] for name, told in kept.items()} for kept in runs)
    assert first == second
    rows = {name: pd.read_parquet(Path(urlparse(told["uri"]).path)).index for name, told in runs[0].items()}
    whole = rows.pop("features")
    assert set(rows) == set(published["step:split"])
    assert all(one.intersection(other).empty for one, other in itertools.combinations(rows.values(), 2))
    assert set(whole) == set().union(*rows.values())
    assert len(whole) == sum(map(len, rows.values()))


@pytest.mark.row(20)
def test_the_pipeline_computes_what_running_all_cells_computes(ran: Ran) -> None:
    told = scraps(ran.ended)
    assert {name: told[name] for name in ran.stock["metrics"]} == ran.stock["metrics"]
    assert told["best_name"] == ran.stock["best_name"]
    for name in ran.example.tables:
        table = pd.read_parquet(ran.path(name))
        # The very same numbers; Parquet has no object columns, and text may come back as another text type.
        pd.testing.assert_frame_equal(table, ran.stock[name], check_exact=True, check_dtype=False)
        assert ran.artifact(name)["rows"] == len(table)
    rows = ran.stock["X_valid"]
    loaded, stock = (model for model in (model_of(ran), ran.stock["best_model"]))
    answer = "predict_proba" if ran.example.probabilities else "predict"
    assert np.array_equal(getattr(loaded, answer)(rows), getattr(stock, answer)(rows))


def model_of(ran: Ran) -> Any:
    """Return the registered model, from the registry's name and version alone."""
    with mlops_nb.find_project(ran.folder).log() as log:
        version = mlops_nb.Registry(log).get(ran.example.name, "1")
    return mlops_nb.load_model(ArtifactStore(ran.folder / ".mlops_nb" / "artifacts").get(version.artifact))


def test_the_model_is_registered_with_what_serving_it_takes(ran: Ran) -> None:
    (made,) = ran.ended.json["models"]
    assert (made["name"], made["version"]) == (ran.example.name, 1)
    (version,) = call(ran.folder, "models", ran.example.name, "--json").json
    assert version["digest"] == made["digest"]
    assert (version["run"], version["step"]) == (ran.ended.json["run"], "select")
    assert {name: version["metrics"][name] for name in ran.stock["metrics"]} == ran.stock["metrics"]
    assert version["environment"]["packages"]["scikit-learn"]
    sample = pd.read_parquet(ran.path(f"{ran.example.name}.sample_input"))
    assert version["sample_input"] == ran.artifact(f"{ran.example.name}.sample_input")["hash"]
    told = [column["name"] for column in version["signature"]["inputs"]]
    assert told == list(sample.columns) == list(ran.stock["X_valid"].columns)
    pd.testing.assert_frame_equal(sample, ran.stock["X_valid"].head(len(sample)), check_dtype=False)


@pytest.mark.row(36)
def test_metrics_stand_beside_the_test_artifact_they_were_computed_on(ran: Ran) -> None:
    scores = pd.read_parquet(ran.path("test_scores"))
    told = scraps(ran.ended)
    if ran.example.probabilities:
        assert told["roc_auc"] == roc_auc_score(scores["actual"], scores["probability"])
    else:
        assert told["mae"] == mean_absolute_error(scores["actual"], scores["predicted"])
    of_evaluate = {scrap["name"] for scrap in ran.record["scraps"] if scrap["step"] == "evaluate"}
    assert {"test_scores", *ran.stock["metrics"]} <= of_evaluate
    reference = next(scrap["value"] for scrap in ran.record["scraps"] if scrap["name"] == "test_scores")
    assert reference["artifact"] == ran.artifact("test_scores")["hash"]


@pytest.mark.row(22)
def test_figures_commit_and_data_are_in_the_record(ran: Ran) -> None:
    for name in ran.example.figures:
        assert ran.path(name).read_bytes().startswith(b"\x89PNG")
        assert b"<svg" in ran.path(f"{name}.svg").read_bytes()
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ran.folder, capture_output=True, text=True, check=True)
    assert ran.record["run"]["git"] == {"commit": head.stdout.strip(), "dirty": False, "diff_hash": ""}
    data = next(p["value"] for p in ran.record["parameters"] if p["name"] == "data_path")
    assert ran.artifact(f"file:{data}", "input")["bytes"] == (ran.folder / "notebooks" / data).stat().st_size


@pytest.mark.row(4)
def test_a_second_run_is_cached_a_third_runs_what_its_parameter_reaches_and_the_best_can_be_asked_for(ran: Ran) -> None:
    again = call(ran.folder, "run", ran.notebook, "--json", *given(FEWER))
    assert set(statuses(again).values()) == {"cached"}
    assert scraps(again) == scraps(ran.ended)
    assert [(model["name"], model["version"]) for model in again.json["models"]] == [(ran.example.name, 1)]

    change: dict[str, object] = {"threshold": 0.4} if ran.example is ADULT else {"min_slice": 40}
    other = call(ran.folder, "run", ran.notebook, "--json", *given({**FEWER, **change}))
    assert {name for name, status in statuses(other).items() if status == "succeeded"} <= {"prelude", "evaluate"}
    assert statuses(other)["evaluate"] == "succeeded"

    metric = "recall" if ran.example is ADULT else "mae"
    with mlops_nb.find_project(ran.folder).log() as log:
        one, two = (log.run(ended.json["run"]) for ended in (ran.ended, other))
        sides: list[dict[str, Any]] = [
            {
                "parameters": {item.name: item.value for item in record.parameters if item.step is None},
                "metrics": {scrap.name: scrap.value for scrap in record.scraps},
                "code": (record.run.version, record.run.git),
                # What the whole run stood on, as its snapshot, belongs to no step and holds the parameters too.
                "data": {link.artifact.hash for link in record.artifacts if link.direction == "input" and link.step},
            }
            for record in (one, two)
        ]
        best = log.best_run(ran.example.name, metric, "max" if ran.example is ADULT else "min")
    left, right = sides
    assert {key for key, value in right["parameters"].items() if left["parameters"][key] != value} == set(change)
    assert left["code"] == right["code"]
    assert left["data"] == right["data"]
    if ran.example is ADULT:
        assert right["metrics"]["recall"] > left["metrics"]["recall"], "a lower threshold finds more"
        assert (best.run.id, best.value) == (two.run.id, right["metrics"]["recall"])
    else:
        assert (best.run.id, best.value) == (one.run.id, left["metrics"]["mae"]), "of equals, the first"


@pytest.mark.row(54)
def test_an_edited_cell_changes_exactly_its_steps_version(ran: Ran) -> None:
    if ran.example is not TAXI:
        pytest.skip("once is enough")
    path = ran.folder / ran.notebook
    before = path.read_text(encoding="utf-8")
    document = json.loads(before)
    (cell,) = (cell for cell in document["cells"] if "pipeline-metrics" in cell["metadata"].get("tags", []))
    cell["source"] = "".join(cell["source"]) + "\nbias = metrics['bias']\nprint(bias)"
    path.write_text(json.dumps(document), encoding="utf-8")
    ended = call(ran.folder, "run", ran.notebook, "--json", *given(FEWER))
    path.write_text(before, encoding="utf-8")
    assert {name for name, status in statuses(ended).items() if status != "cached"} == {"evaluate"}
    edited = call(ran.folder, "show", ended.json["run"], "--json").json
    versions = [{step["step"]: step["version"] for step in record["steps"]} for record in (ran.record, edited)]
    assert {name for name in versions[0] if versions[0][name] != versions[1][name]} == {"evaluate"}
    assert edited["run"]["version"] != ran.record["run"]["version"]
    assert edited["run"]["git"]["dirty"] is True
    assert edited["run"]["git"]["diff_hash"]
