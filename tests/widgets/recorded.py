"""Projects with recorded runs to compare: three real ones of a small model, or a thousand in the record alone."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import mlops_nb
from mlops_nb.metadata import (
    Origin,
    Parameter,
    PipelineVersion,
    PlannedStep,
    RunStart,
    Scrap,
    StepEnd,
    StepStart,
)
from mlops_nb.project import find_project
from tests.notebook_factory import write

if TYPE_CHECKING:
    from mlops_nb.metadata import MetadataStore

DATA = Path(__file__).resolve().parents[2] / "notebooks" / "data"
LOAD = """
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss, recall_score, roc_auc_score

columns = ["age", "education_num", "capital_gain", "hours_per_week"]
people = pd.read_csv("adult-income.csv", nrows=4000)
target = (people["income"] == ">50K").astype("int64")
features = people[columns] / people[columns].max()
"""
TRAIN = "model = LogisticRegression(C=c, max_iter=300).fit(features[:2500], target[:2500])"
EVALUATE = """
probability = model.predict_proba(features[2500:])[:, 1]
test_scores = people[2500:][["sex"]].assign(
    actual=target[2500:], predicted=(probability >= 0.5).astype("int64"), probability=probability
)
slices = pd.DataFrame(
    {"column": "sex", "group": name, "people": len(part), "recall": recall_score(part["actual"], part["predicted"])}
    for name, part in test_scores.groupby("sex")
)
metrics = {
    "roc_auc": float(roc_auc_score(test_scores["actual"], probability)),
    "log_loss": float(log_loss(test_scores["actual"], probability)),
    "train_log_loss": float(log_loss(target[:2500], model.predict_proba(features[:2500])[:, 1])),
    "accuracy": float(accuracy_score(test_scores["actual"], test_scores["predicted"])),
    "bias": float((probability - test_scores["actual"]).mean()),
}
"""
CELLS = [
    ("parameters", "c = 1.0\nnote = '<b>plain</b>'"),
    ("step:load", LOAD),
    ("step:train", TRAIN, {"outputs": {"income": {"type": "model", "variable": "model"}}}),
    (
        "step:evaluate",
        EVALUATE,
        {
            "outputs": {
                "metrics": {"type": "metrics"},
                "test_scores": {"type": "dataset"},
                "slices": {"type": "dataset"},
            }
        },
    ),
]
PENALTIES = (1.0, 0.01, 30.0)


def three_runs(folder: Path) -> tuple[str, ...]:
    """Run a notebook three times in a folder, which becomes a project; return the ids, oldest first."""
    notebook = write(folder / "income.ipynb", CELLS)
    shutil.copy(DATA / "adult-income.csv", folder)
    finished = [mlops_nb.run(notebook, [("a test", {"c": c})], workers=1) for c in PENALTIES]
    assert [each.result.status for each in finished] == ["succeeded"] * len(PENALTIES)
    return tuple(each.result.run for each in finished)


def many_runs(folder: Path, count: int = 1000) -> None:
    """Record so many runs of one pipeline in a folder, which becomes a project; nothing is executed."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").touch()
    with find_project(folder).log() as log:
        for number in range(count):
            _record(log, number)


def _record(log: MetadataStore, number: int) -> None:
    run = f"20260101-000000-{number:06x}"
    parameters = (
        Parameter("depth", "int", number % 9),
        Parameter("rate", "float", round(0.01 * (number % 37 + 1), 2)),
        Parameter("model", "str", ("forest", "boosting", "linear")[number % 3]),
        Parameter("seed", "int", 7),
    )
    started = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=number)
    plan = (PlannedStep("train", "v"),)
    version = PipelineVersion("search", "v1")
    log.start_run(RunStart(run, version, "search.ipynb", Origin("api"), plan, parameters, started=started))
    log.start_step(run, "train", StepStart(at=started))
    # Numbers that neither repeat nor stand in the order of the runs.
    scraps = (Scrap("mae", (number * 7919 % 1009) / 100), Scrap("r2", (number * 104729 % 1013) / 1013))
    log.finish_step(run, "train", StepEnd("succeeded", scraps=scraps, at=started + timedelta(seconds=number % 90)))
    log.finish_run(run, "succeeded", at=started + timedelta(seconds=number % 90))
