"""Declared outputs on real rides: one that is left out, mistyped or of another schema fails its step, alone."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.command import call, scraps, statuses
from tests.notebook_factory import write

RIDES = Path(__file__).parents[2] / "notebooks" / "data" / "taxis.csv"
LOAD = ("step:load", "import pandas as pd\nrides = pd.read_csv('taxis.csv', parse_dates=['pickup'])")
COLUMNS = {"tip": "float64", "color": "str", "pickup": "datetime64", "passengers": "number", "payment": "any"}


GOOD = [
    LOAD,
    ("step:kept", "kept = rides.head(100)", {"outputs": {"kept": {"type": "dataset", "columns": COLUMNS}}}),
    (
        "step:adds",
        "import scrapbook as sb\nfarthest = rides['distance'].max()\nsb.glue('rides', len(rides))",
        {"outputs": {"farthest": {"type": "metrics"}}},
    ),
]
BAD = {
    "omits": (
        "if rides.empty:\n    mean_tip = 0.0\nlongest = rides['distance'].max()",
        {"mean_tip": {"type": "metrics"}},
        "output `mean_tip` (metrics, variable `mean_tip`): there is no variable `mean_tip`",
    ),
    "mistypes": (
        "model = rides['tip'].mean()",
        {"model": {"type": "model"}},
        "output `model` (model, variable `model`): A `numpy.float64` is no model",
    ),
    "retypes": (
        "short = rides.head(100).astype({'tip': 'str'}).drop(columns='color')",
        {"short": {"type": "dataset", "columns": COLUMNS}},
        "it has no column `color`; its column `tip` is of type str, and declared as float64.",
    ),
}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project whose notebook has run and published what it declares, and one thing more."""
    folder = tmp_path_factory.mktemp("rides")
    shutil.copyfile(RIDES, folder / "taxis.csv")
    write(folder / "rides.ipynb", GOOD)
    ended = call(folder, "run", "rides.ipynb", "--json")
    assert statuses(ended) == {"load": "succeeded", "kept": "succeeded", "adds": "succeeded"}
    assert ended.json["scraps"]["farthest"] == 36.7
    assert "it published `rides`, which its outputs do not declare" in ended.err
    return folder


@pytest.mark.row(83)
def test_what_is_published_and_not_declared_is_told(good: Path) -> None:
    assert "published without being declared\n  rides" in call(good, "show", "last", "adds").out
    assert "without being declared" not in call(good, "show", "last", "kept").out


@pytest.mark.row(83)
@pytest.mark.parametrize("step", BAD)
def test_a_step_that_omits_or_mistypes_an_output_fails_with_its_name(good: Path, tmp_path: Path, step: str) -> None:
    source, outputs, told = BAD[step]
    copy = tmp_path / "copy"
    shutil.copytree(good, copy)
    write(copy / "rides.ipynb", [*GOOD, (f"step:{step}", source, {"outputs": outputs})])
    ended = call(copy, "run", "rides.ipynb", "--json")
    assert ended.code == 1
    assert statuses(ended)[step] == "failed"
    shown = call(copy, "show", "last", step).out
    assert told in shown
    assert "glue.py" not in shown


def test_a_declared_number_is_a_metric_of_its_name(tmp_path: Path) -> None:
    shutil.copyfile(RIDES, tmp_path / "taxis.csv")
    outputs = {"tips": {"type": "metrics"}, "shares": {"type": "metrics"}}
    cells = [
        LOAD,
        ("step:measure", "tips = rides['tip'].mean()\nshares = {'paid': 1.0}", {"outputs": outputs}),
    ]
    write(tmp_path / "rides.ipynb", cells)
    found = scraps(call(tmp_path, "run", "rides.ipynb", "--json"))
    assert set(found) == {"tips", "paid"}
    assert 1.9 < found["tips"] < 2.1


def test_a_setting_of_an_output_that_does_not_exist_is_answered_with_those_that_do(tmp_path: Path) -> None:
    write(tmp_path / "one.ipynb", [("step:a", "a = 1", {"outputs": {"a": {"kind": "metrics"}}})])
    checked = call(tmp_path, "check", "one.ipynb")
    assert checked.code == 2
    assert "`outputs.a.kind` is not a setting. Settings here are type, variable, sample_input" in checked.out
    assert "`outputs.a` needs `type`" in checked.out
