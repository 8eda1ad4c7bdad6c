"""A search fans a notebook out into recorded runs, and its winner is the best of the recorded metric."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from mlops_nb import find_project
from mlops_nb.errors import UsageError
from mlops_nb.lifecycle import read
from mlops_nb.lifecycle.search_space import Range, Search, SearchError, search_from
from mlops_nb.lifecycle.searching import search
from tests.cli.command import Ended, call
from tests.notebook_factory import write

DATA = Path(__file__).resolve().parents[2] / "notebooks" / "data" / "taxis.csv"
TRAIN = """\
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeRegressor

early = rides[rides['pickup'] < '2019-03-20']
chosen = {'ridge': Ridge(alpha=10.0**level), 'tree': DecisionTreeRegressor(max_depth=level, random_state=0)}[algorithm]
known = early[['distance', 'fare']]
fitted = chosen.fit(known, early['tip'])
"""
EVALUATE = """\
late = rides[rides['pickup'] >= '2019-03-20']
mae = (fitted.predict(late[['distance', 'fare']]) - late['tip']).abs().mean()
"""
MODEL = {"outputs": {"tips": {"type": "model", "variable": "fitted", "sample_input": "known"}}}
SEARCH = {"search": {"parameters": {"algorithm": ["ridge", "tree"], "level": {"low": 1, "high": 2}}, "metric": "mae"}}
CELLS: list[tuple[Any, ...]] = [
    ("parameters", "algorithm = 'ridge'\nlevel = 1", SEARCH),
    ("step:load", "import pandas as pd\nrides = pd.read_csv('taxis.csv').query(\"payment == 'credit card'\")"),
    ("step:train", TRAIN, MODEL),
    ("step:evaluate pipeline-metrics", EVALUATE),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("search")
    shutil.copyfile(DATA, folder / "taxis.csv")
    write(folder / "tips.ipynb", CELLS)
    return folder


@pytest.fixture(scope="module")
def searched(folder: Path) -> Ended:
    """Return a search over two algorithms and two levels of each; other tests only read what it left."""
    return call(folder, "search", "tips.ipynb", "--workers", "2", "--json")


@pytest.mark.row(13)
def test_two_algorithms_fan_out_into_runs_of_their_own_from_one_cell(searched: Ended, folder: Path) -> None:
    assert searched.code == 0, searched.err
    trials = searched.json["trials"]
    assert [trial["parameters"] for trial in trials] == [
        {"algorithm": algorithm, "level": level} for algorithm in ("ridge", "tree") for level in (1, 2)
    ]
    assert len({trial["run"] for trial in trials}) == 4
    with find_project(folder).log() as log:
        records = [log.run(trial["run"]) for trial in trials]
    for record, trial in zip(records, trials, strict=True):
        assert (record.run.origin.kind, record.run.origin.detail) == ("search", searched.json["search"])
        assert {p.name: p.value for p in record.parameters if p.step is None} == trial["parameters"]
        assert next(step for step in record.steps if step.step == "train").status == "succeeded"


@pytest.mark.row(14)
def test_every_trial_is_recorded_and_the_best_is_that_of_the_recorded_metric(searched: Ended, folder: Path) -> None:
    trials = searched.json["trials"]
    with find_project(folder).log() as log:
        recorded = {
            trial["run"]: next(scrap.value for scrap in log.run(trial["run"]).scraps if scrap.name == "mae")
            for trial in trials
        }
        (verdict,) = log.verdicts(run=searched.json["best"]["run"])

    assert {trial["run"]: trial["value"] for trial in trials} == recorded
    assert len(set(recorded.values())) == 4
    assert searched.json["best"]["run"] == min(recorded, key=lambda run: recorded[run])
    assert verdict.judge == "search"
    assert verdict.content["evidence"]["trials"] == trials


def test_what_the_trials_share_runs_once(searched: Ended, folder: Path) -> None:
    with find_project(folder).log() as log:
        loaded = [
            step.status
            for trial in searched.json["trials"]
            for step in log.run(trial["run"]).steps
            if step.step == "load"
        ]

    assert sorted(loaded) == ["cached", "cached", "cached", "succeeded"]


def test_the_best_trials_model_alone_becomes_a_version(searched: Ended, folder: Path) -> None:
    (version,) = call(folder, "models", "tips", "--json").json

    assert version["run"] == searched.json["best"]["run"]
    assert searched.json["models"] == [{"model": "tips", "version": 1}]


# --- the rules, on a notebook that costs little -----------------------------------------------------------------------

PARABOLA: list[tuple[Any, ...]] = [
    ("parameters", "x = 0\ny = 1.0"),
    ("step:quick pipeline-metrics", "quick = (x - 3) ** 2"),
    ("step:slow pipeline-metrics", "loss = quick * 2 + 1\nif x == 7:\n    raise ValueError('seven')\nloss"),
]


@pytest.fixture
def parabola(tmp_path: Path) -> Path:
    return write(tmp_path / "parabola.ipynb", PARABOLA)


@pytest.mark.row(14)
def test_a_failed_trial_is_recorded_and_never_wins(parabola: Path) -> None:
    found = search(parabola, {"parameters": {"x": [1, 7, 2]}, "metric": "loss", "direction": "max"}, workers=1)

    assert [(t.parameters["x"], t.status, t.value) for t in found.trials] == [
        (1, "succeeded", 9.0),
        (7, "failed", None),
        (2, "succeeded", 3.0),
    ]
    assert found.best is not None
    assert found.best.number == 1


def test_patience_ends_a_search(parabola: Path) -> None:
    asked = {"parameters": {"x": [2, 1, 0, -1, -2]}, "metric": "loss", "patience": 2}
    found = search(parabola, asked, workers=1)

    assert [trial.parameters["x"] for trial in found.trials] == [2, 1, 0]
    assert found.ended == "2 trials in a row were not better"


def test_a_trial_below_the_median_ends_after_its_early_step(parabola: Path) -> None:
    asked = {"parameters": {"x": [3, 2, 1, 9, 4]}, "metric": "loss", "stop_by": "quick"}
    found = search(parabola, asked, workers=1)

    assert [trial.status for trial in found.trials] == ["succeeded", "succeeded", "succeeded", "stopped", "succeeded"]
    stopped = found.trials[3]
    assert stopped.reason == "worse than the median of 3 trials: quick is 36, the median 1"
    with find_project(parabola).log() as log:
        assert {step.step: step.status for step in log.run(stopped.run).steps}["slow"] in {"skipped", "cancelled"}


def test_no_trial_with_the_metric_is_told_and_recorded(parabola: Path) -> None:
    ended = call(parabola.parent, "search", "parabola.ipynb", "--grid", "x=7", "--metric", "loss", "--json")

    assert ended.code == 1
    assert ended.json["best"] is None
    assert "No trial has the metric `loss`" in ended.err
    with find_project(parabola).log() as log:
        assert [verdict.decision for verdict in log.verdicts()] == ["refuse"]


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"parameters": {"z": [1]}, "metric": "loss"}, "The notebook has no parameter `z` to search."),
        ({"metric": "loss"}, "No parameter is given values to try."),
        ({"parameters": {"x": [1]}}, "No metric is named"),
        ({"parameters": {"x": {"low": 3, "high": 3}}, "metric": "loss"}, "The range of `x`, 3 to 3, is none."),
        ({"parameters": {"y": {"low": 0.0, "high": 1.0}}, "metric": "loss"}, "A grid cannot have every number of `y`"),
        ({"parameters": {"x": [1, "two"]}, "metric": "loss"}, "The parameter `x` is"),
    ],
)
def test_a_search_that_cannot_be_is_refused_before_anything_runs(
    parabola: Path, asked: dict[str, Any], told: str
) -> None:
    with pytest.raises(UsageError) as refused:
        search(parabola, asked)

    assert told in refused.value.message
    assert not find_project(parabola).has_log


def test_random_choices_are_of_the_space_differ_and_come_again() -> None:
    space: dict[str, tuple[Any, ...] | Range] = {"a": Range(1, 3), "b": Range(1e-4, 1.0, log=True), "c": ("x", "y")}
    drawn = Search(space, "loss", method="random", trials=200, seed=5).choices()

    assert len(drawn) == 200
    assert {choice["a"] for choice in drawn} == {1, 2, 3}
    assert all(1e-4 <= choice["b"] <= 1 for choice in drawn)
    # Half of the magnitudes lie below 0.01: 70 and 130 are more than four standard deviations off.
    assert 70 < sum(choice["b"] < 0.01 for choice in drawn) < 130
    assert drawn == Search(space, "loss", method="random", trials=200, seed=5).choices()
    assert drawn != Search(space, "loss", method="random", trials=200, seed=6).choices()
    # Six values and no more.
    assert len(Search({"a": Range(1, 3), "c": ("x", "y")}, "loss", method="random", trials=50).choices()) == 6


def test_a_grid_has_all_combinations_in_order(parabola: Path) -> None:
    graph = read(parabola).graph
    asked = search_from({"parameters": {"x": {"low": 1, "high": 2}, "y": [0.5, 1.5]}, "metric": "loss"}, graph)

    assert [tuple(choice.values()) for choice in asked.choices()] == [(1, 0.5), (1, 1.5), (2, 0.5), (2, 1.5)]
    with pytest.raises(SearchError, match="Did you mean `x`"):
        search_from({"parameters": {"xx": [1]}, "metric": "loss"}, graph)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--grid", "x"], "--grid x has no values."),
        (["--range", "x=1"], "--range x=1 is no range."),
        (["--range", "x=1:2:linear"], "is no range."),
        (["--grid", "x=1.5"], "The parameter `x`"),
        (["--grid", "x=1", "--direction", "up"], "--direction up is not known."),
        (["--grid", "x=1", "--method", "gird"], "Did you mean `grid`?"),
    ],
)
def test_an_option_that_says_nothing_is_refused(parabola: Path, options: list[str], told: str) -> None:
    ended = call(parabola.parent, "search", "parabola.ipynb", *options, "--metric", "loss", "--json")

    assert ended.code == 2
    assert told in ended.json["error"]["message"]
