"""Functions of a notebook are had for unit tests, in milliseconds, with nothing else of it run."""

from __future__ import annotations

import subprocess
import sys
import traceback
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from mlops_nb import load_functions
from mlops_nb.delivery.functions import DefinitionFailed
from mlops_nb.steps.slicing import NeedsComputedValue, NotDefined
from tests.notebook_factory import edit, write

if TYPE_CHECKING:
    from pathlib import Path

MINUTES = """\
UNITS = ['km']
UNITS.append('miles')

def minutes(rides):
    spent = (pd.to_datetime(rides['dropoff']) - pd.to_datetime(rides['pickup'])).dt.total_seconds() / 60
    return spent.clip(upper=longest_minutes)
"""
FEATURES = """\
LIMIT = 3 * 2

def above_mean(tips):
    return tips > mean_tip

def with_speed(rides):
    return rides.assign(speed=rides['distance'] / minutes(rides) * 60)

def long_rides(rides):
    return rides.query('distance > @LIMIT')

def one_hot(values, known):
    encoder = OneHotEncoder(categories=[known], handle_unknown='ignore', sparse_output=False)
    return encoder.fit(pd.DataFrame({'v': known})).transform(values.to_frame('v'))
"""
FITTED = """\
encoder = OneHotEncoder()
encoder.fit(rides[['payment']])
def encoded(frame):
    return encoder.transform(frame)
"""
CELLS = [
    ("imports", "import pandas as pd\nfrom sklearn.preprocessing import OneHotEncoder"),
    ("parameters", "longest_minutes = 180"),
    ("functions", MINUTES),
    ("step:load", "rides = pd.read_csv('there/is/no/such/file.csv')\nmean_tip = rides['tip'].mean()"),
    ("step:features", FEATURES),
    ("step:report", "class Report:\n    unit = UNITS[-1]\n    def title(self):\n        return f'in {self.unit}'"),
    ("step:fit", FITTED),
    ("test", "def only_in_a_test():\n    pass"),
]
RIDES = pd.DataFrame(
    {
        "pickup": ["2019-03-01 10:00:00", "2019-03-01 10:00:00"],
        "dropoff": ["2019-03-01 10:30:00", "2019-03-01 18:00:00"],
        "distance": [5.0, 9.0],
    }
)


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    return write(tmp_path / "tips.ipynb", CELLS)


@pytest.mark.row(79)
def test_a_function_runs_with_all_it_stands_on_and_nothing_else(notebook: Path) -> None:
    features = load_functions(notebook, "with_speed", "long_rides")

    assert features.with_speed(RIDES)["speed"].tolist() == [10.0, 3.0]
    assert features.long_rides(RIDES)["distance"].tolist() == [9.0]
    # The step that reads a file that is not there has not run.
    assert not hasattr(features, "rides")


@pytest.mark.row(79)
def test_a_unit_test_of_a_broken_function_fails(notebook: Path, tmp_path: Path) -> None:
    unit = tmp_path / "test_features.py"
    unit.write_text(
        "import pandas as pd\n"
        "from mlops_nb import load_functions\n\n"
        f"features = load_functions({str(notebook)!r}, 'minutes')\n\n"
        "def test_no_ride_takes_longer_than_the_limit():\n"
        "    ride = pd.DataFrame({'pickup': ['2019-03-01 10:00'], 'dropoff': ['2019-03-01 18:00']})\n"
        "    assert features.minutes(ride).tolist() == [180]\n",
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(unit)]

    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode == 0
    edit(notebook, 3, MINUTES.replace("clip(upper=longest_minutes)", "abs()"))
    broken = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)

    assert broken.returncode == 1
    assert "test_no_ride_takes_longer_than_the_limit" in broken.stdout


@pytest.mark.row(80)
def test_a_method_of_the_model_is_asked_about_an_unseen_category_and_a_missing_value(notebook: Path) -> None:
    one_hot = load_functions(notebook, "one_hot").one_hot
    encoded = one_hot(pd.Series(["cash", "barter", None]), ["cash", "credit card"])

    assert encoded.tolist() == [[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]


def test_a_function_that_needs_a_computed_value_is_refused_with_its_place(notebook: Path) -> None:
    with pytest.raises(NeedsComputedValue) as refused:
        load_functions(notebook, "above_mean")

    assert "`above_mean` needs `mean_tip`, which cell 4, line 2 computes" in refused.value.message
    assert "given={'mean_tip': …}" in refused.value.hint


def test_a_computed_value_can_be_given(notebook: Path) -> None:
    above_mean = load_functions(notebook, "above_mean", given={"mean_tip": 2.0}).above_mean

    assert above_mean(pd.Series([1.0, 3.0])).tolist() == [False, True]


def test_an_estimator_that_a_later_line_fits_is_not_had_unfitted(notebook: Path) -> None:
    with pytest.raises(NeedsComputedValue, match=r"cell 7, line 2 changes: `encoder\.fit"):
        load_functions(notebook, "encoded")


def test_a_constant_comes_with_what_changed_it(notebook: Path) -> None:
    report = load_functions(notebook, "Report")

    assert report.Report().title() == "in miles"


def test_without_names_every_definition_is_there_and_tells_when_it_cannot_be_had(notebook: Path) -> None:
    everything = load_functions(notebook)

    assert dir(everything) == sorted(
        ["minutes", "above_mean", "with_speed", "long_rides", "one_hot", "Report", "encoded"]
    )
    assert everything.minutes(RIDES).tolist() == [30.0, 180.0]
    with pytest.raises(AttributeError, match="mean_tip"):
        _ = everything.above_mean
    with pytest.raises(AttributeError, match="Did you mean `minutes`"):
        _ = everything.minute


@pytest.mark.parametrize(("name", "told"), [("only_in_a_test", "No cell"), ("with_sped", "Did you mean `with_speed`?")])
def test_a_name_that_no_cell_defines_is_refused(notebook: Path, name: str, told: str) -> None:
    with pytest.raises(NotDefined, match=told.replace("?", r"\?")):
        load_functions(notebook, name)


def test_the_last_of_two_definitions_is_the_notebooks(tmp_path: Path) -> None:
    cells = [
        ("functions", "def scale(x):\n    return x * factor"),
        ("step:a", "factor = 2\ndef twice(x):\n    return scale(x)"),
        ("step:b", "factor = 3"),
    ]
    notebook = write(tmp_path / "scales.ipynb", cells)

    assert load_functions(notebook, "twice").twice(1) == 3


def test_a_module_beside_the_notebook_is_found(tmp_path: Path) -> None:
    (tmp_path / "ride_units_of_a_test.py").write_text("MILE_KM = 1.609\n", encoding="utf-8")
    cells = [
        ("imports", "from ride_units_of_a_test import MILE_KM"),
        ("step:a", "def km(miles):\n    return miles * MILE_KM"),
    ]
    before = list(sys.path)

    assert load_functions(write(tmp_path / "n.ipynb", cells), "km").km(2) == 3.218
    assert sys.path == before


def test_an_import_that_fails_is_told_with_its_cell(tmp_path: Path) -> None:
    cells = [
        ("imports", "import a_module_that_nobody_has"),
        ("step:a", "def f():\n    return a_module_that_nobody_has"),
    ]

    with pytest.raises(DefinitionFailed, match="cell 1, line 1 raised ModuleNotFoundError"):
        load_functions(write(tmp_path / "n.ipynb", cells), "f")


def test_a_traceback_shows_the_lines_of_the_cell(notebook: Path) -> None:
    minutes = load_functions(notebook, "minutes").minutes
    with pytest.raises(KeyError) as caught:
        minutes(pd.DataFrame())
    told = "".join(traceback.format_exception(caught.value))

    assert 'File "tips.ipynb, cell 3", line 5, in minutes' in told
    assert "spent = (pd.to_datetime(rides['dropoff'])" in told


def test_a_value_that_a_function_may_set_from_inside_is_refused(tmp_path: Path) -> None:
    cells = [
        ("step:a", "level = 1\ndef raise_it():\n    global level\n    level = 2"),
        ("step:b", "raise_it()\ndef scaled(x):\n    return x * level"),
    ]

    with pytest.raises(NeedsComputedValue, match="`scaled` needs `level`, which cell 1, line 2 may set when"):
        load_functions(write(tmp_path / "n.ipynb", cells), "scaled")
