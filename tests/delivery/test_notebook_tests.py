"""`mlops-nb test` makes a notebook's tests under pytest, on the state that each place of the notebook has."""

from __future__ import annotations

import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from mlops_nb.delivery.notebook_tests import NotebookTests
from mlops_nb.errors import UsageError
from mlops_nb.lifecycle import NotebookHasErrors
from tests.cli.command import Ended, call, environment
from tests.notebook_factory import edit, write

DATA = Path(__file__).resolve().parents[2] / "notebooks" / "data" / "taxis.csv"
CHECKS = {
    "no_nan": ["known", "tips", "model"],
    "converges": {"fit": "model", "X": "known", "y": "tips"},
    "no_nan_at_edges": {"process": "model", "sample": "known"},
}
MODEL = {"tips_model": {"type": "model", "variable": "model", "sample_input": "known"}}
TRAIN = "model = GradientBoostingRegressor(n_estimators=20, learning_rate=rate, random_state=0).fit(known, tips)"
OF_THE_MODEL = """\
def test_a_dearer_ride_is_tipped_better():
    low, high = model.predict(known.iloc[:2].assign(fare=[5.0, 50.0], distance=1.0))
    assert high > low

def test_that_fails():
    print('looked at', len(known))
    assert len(known) == 3, 'not three'
"""
CELLS: list[tuple[Any, ...]] = [
    ("imports", "import pandas as pd\nfrom sklearn.ensemble import GradientBoostingRegressor"),
    ("parameters", "data_path = 'taxis.csv'\nrate = 0.1"),
    ("test", "# the rate is that of the run\nassert rate in {0.1, 0.0}"),
    ("step:load", "rides = pd.read_csv(data_path).query(\"payment == 'credit card'\")"),
    ("test", "# columns are not chosen yet\nassert 'color' in rides and 'known' not in globals()\nrides = None"),
    ("", "known = rides[['distance', 'fare']]\ntips = rides['tip']"),
    ("step:train", TRAIN, {"outputs": MODEL, "checks": CHECKS}),
    ("test", OF_THE_MODEL),
    ("step:evaluate pipeline-metrics", "mae = (model.predict(known) - tips).abs().mean()\nn = len(rides)"),
    ("test", "assert mae < 3"),
]
NAMES = [
    "pipeline",
    "outputs of train",
    "no_nan in train",
    "converges in train",
    "no_nan_at_edges in train",
    "cell 3: the rate is that of the run",
    "cell 5: columns are not chosen yet",
    "cell 8: test_a_dearer_ride_is_tipped_better",
    "cell 8: test_that_fails",
    "cell 10",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tips")
    shutil.copyfile(DATA, folder / "taxis.csv")
    lines = DATA.read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "small.csv").write_text("".join(lines[:1500]), encoding="utf-8")
    write(folder / "tips.ipynb", CELLS)
    return folder


@pytest.fixture(scope="module")
def tested(folder: Path) -> Ended:
    """Return the tests of the notebook on a small data set; other tests only read what it left."""
    small = ("-p", "data_path", "small.csv")
    return call(folder, "test", "tips.ipynb", *small, "--within", "200", "--junit", "out.xml", "--json")


def outcomes(ended: Ended) -> dict[str, str]:
    return {test["name"]: test["outcome"] for test in ended.json["tests"]}


@pytest.mark.row(84)
def test_the_whole_pipeline_runs_on_a_small_data_set_and_its_tests_are_made(tested: Ended) -> None:
    assert tested.code == 1, tested.err
    assert outcomes(tested) == {name: "failed" if name.endswith("fails") else "passed" for name in NAMES}


def test_a_failure_is_told_with_its_lines_and_what_was_printed(tested: Ended) -> None:
    (wrong,) = [test for test in tested.json["tests"] if test["outcome"] == "failed"]

    assert wrong["message"].startswith("cell 8, test_that_fails: AssertionError: not three")
    assert "assert len(known) == 3, 'not three'" in wrong["message"]
    assert "looked at " in tested.err
    assert "FAILED tips.ipynb::cell 8: test_that_fails - cell 8, test_that_fails" in tested.err


def test_results_are_written_as_junit_xml(tested: Ended, folder: Path) -> None:
    assert tested.code == 1
    suite = ET.parse(folder / "out.xml").getroot()[0]  # noqa: S314 - ours

    assert (suite.get("tests"), suite.get("failures")) == (str(len(NAMES)), "1")
    assert [case.get("name") for case in suite.iter("testcase")] == NAMES


def test_a_run_on_test_data_leaves_record_registry_and_lock_alone(tested: Ended, folder: Path) -> None:
    assert tested.code == 1
    assert call(folder, "runs", "--json").json == []
    assert call(folder, "models", "--json").json == []
    assert not (folder / "pipelines").exists()


@pytest.mark.row(81)
@pytest.mark.row(82)
def test_a_broken_training_fails_its_checks_and_a_second_time_is_cached(tested: Ended, folder: Path) -> None:
    assert tested.code == 1
    broken = call(
        folder, "test", "tips.ipynb", "-p", "data_path", "small.csv", "-p", "rate", "0.0", "-k", "train", "--json"
    )
    found = outcomes(broken)

    assert found["converges in train"] == "failed"
    assert found["no_nan in train"] == found["no_nan_at_edges in train"] == "passed"
    (told,) = [test["message"] for test in broken.json["tests"] if test["outcome"] == "failed"]
    assert told.startswith("LOSS_DOES_NOT_FALL: The loss goes from")


def test_pytest_itself_collects_a_notebook_that_is_named(tested: Ended, folder: Path) -> None:
    assert tested.code == 1
    command = [sys.executable, "-m", "pytest", "-p", "mlops_nb.delivery.pytest_plugin", "--collect-only", "-q"]
    named = subprocess.run(
        [*command, "tips.ipynb"], cwd=folder, env=environment(), capture_output=True, text=True, check=False
    )
    folder_alone = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True, check=False)

    assert named.stdout.splitlines()[: len(NAMES)] == [f"tips.ipynb::{name}" for name in NAMES]
    assert "no tests collected" in folder_alone.stdout


def test_names_choose_tests_and_none_is_an_error(folder: Path) -> None:
    ended = call(folder, "test", "tips.ipynb", "-k", "no_such_test", "--json")

    assert ended.code == 2
    assert ended.json["error"]["message"] == "No test of tips.ipynb matches 'no_such_test'."


@pytest.mark.row(83)
def test_a_step_without_its_output_fails_and_what_is_not_declared_is_told(tmp_path: Path) -> None:
    table = {"outputs": {"rides": {"type": "dataset", "columns": {"tip": "float64"}}}}
    cells = [
        ("imports", "import pandas as pd\nimport scrapbook as sb"),
        ("step:load", "rides = pd.DataFrame({'tip': [1.0, 2.0]})\nsb.glue('beside', 3)", table),
        ("step:more", "total = rides['tip'].sum()"),
        ("test", "# the total is there\nassert total == 3"),
    ]
    notebook = write(tmp_path / "rides.ipynb", cells)
    right = call(tmp_path, "test", "rides.ipynb", "--json")
    edit(notebook, 2, "rides = pd.DataFrame({'tip': ['1', '2']})")
    mistyped = call(tmp_path, "test", "rides.ipynb", "--json")

    assert right.code == 0, right.err
    assert "Step `load` published `beside`, which its outputs do not declare." in right.err
    assert outcomes(mistyped) == dict.fromkeys(["pipeline", "outputs of load", "cell 4: the total is there"], "failed")
    assert all("`rides`" in test["message"] and "tip" in test["message"] for test in mistyped.json["tests"])


@pytest.mark.row(84)
def test_a_pipeline_that_takes_longer_than_it_may_fails(tmp_path: Path) -> None:
    write(tmp_path / "slow.ipynb", [("parameters", "n = 1"), ("step:a", "total = n")])
    settings = tmp_path / "pipelines" / "slow" / "settings.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("[test]\nwithin_s = 0.001\n[test.parameters]\nn = 2\n", encoding="utf-8")
    ended = call(tmp_path, "test", "slow.ipynb", "--json")

    assert ended.code == 1
    assert "and is to take 0.001 s at most" in ended.json["tests"][0]["message"]
    # Its parameters of tests keep it out of the record.
    assert call(tmp_path, "runs", "--json").json == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[test]\nwithin = 3\n", "`test.within` is not a setting. Did you mean `within_s`?"),
        ("[test]\nwithin_s = 0\n", "`test.within_s` must be a number above 0, and is 0."),
        ("[test.parameters]\nm = 2\n", "`m`"),
        ("test = 3\n", "`test` must be a section"),
    ],
)
def test_a_section_of_tests_that_cannot_be_is_refused(tmp_path: Path, text: str, told: str) -> None:
    write(tmp_path / "n.ipynb", [("parameters", "n = 1"), ("step:a", "total = n")])
    settings = tmp_path / "pipelines" / "n" / "settings.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(text, encoding="utf-8")

    with pytest.raises(UsageError) as refused:
        NotebookTests.of(tmp_path / "n.ipynb")
    assert told in refused.value.message


def test_a_check_that_a_step_cannot_ask_for_is_refused(tmp_path: Path) -> None:
    settings = {"checks": {"converge": {"fit": "model"}}}
    write(tmp_path / "n.ipynb", [("step:a", "model = 1", settings)])

    with pytest.raises(NotebookHasErrors) as refused:
        NotebookTests.of(tmp_path / "n.ipynb")
    assert "Did you mean `converges`?" in refused.value.diagnostics[0].message
