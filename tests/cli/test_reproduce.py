"""A past run is run again from its snapshot, whatever has become of the project since."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

import mlops_nb
from tests.cli.command import Ended, call
from tests.notebook_factory import document, write

if TYPE_CHECKING:
    from pathlib import Path

CELLS = [
    ("parameters", "share = 0.5"),
    ("step:load", "import pandas as pd\n\nrides = pd.read_csv('data/rides.csv')"),
    (
        "step:sample",
        """import numpy as np
from units import MILE_M

chosen = rides[np.random.random(len(rides)) < share]
metres = chosen['distance'] * MILE_M""",
    ),
    ("step:report", "mean_m = float(metres.mean())"),
    ("pipeline-metrics", "print(mean_m)"),
]
DATA = "distance\n" + "".join(f"{number / 7}\n" for number in range(1000))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project whose notebook drew unseeded random numbers, and whose every file has changed since."""
    folder = tmp_path_factory.mktemp("rides")
    (folder / "pyproject.toml").touch()
    (folder / "data").mkdir()
    (folder / "data" / "rides.csv").write_text(DATA)
    (folder / "units.py").write_text("MILE_M = 1609.344\n")
    write(folder / "rides.ipynb", CELLS)
    assert call(folder, "run", "rides.ipynb", "-p", "share", "0.25").code == 0
    (folder / "data" / "rides.csv").unlink()
    (folder / "units.py").write_text("MILE_M = 1000\n")
    write(folder / "rides.ipynb", [("step:other", "x = 1")])
    return folder


def reproduced(folder: Path, *more: str, timeout: float = 600) -> Ended:
    return call(folder, "reproduce", "last", "--json", *more, timeout=timeout)


@pytest.mark.row(5)
@pytest.mark.row(57)
def test_a_run_comes_out_again_when_notebook_module_and_data_are_no_longer_what_they_were(project: Path) -> None:
    ended = reproduced(project)
    assert ended.code == 0, ended.out + ended.err
    told = ended.json
    assert (told["verdict"], told["differences"], told["causes"]) == ("identical", [], [])
    assert told["compared"]["steps"] == 4
    assert told["compared"]["variables"] >= 5
    # The project is as it was left, and has no run more.
    assert (project / "units.py").read_text() == "MILE_M = 1000\n"
    assert not (project / "data" / "rides.csv").exists()
    assert len(call(project, "runs", "--json").json) == 1


def test_a_person_reads_what_was_compared_and_within_what(project: Path) -> None:
    ended = call(project, "reproduce", "last")
    assert "identical: 4 steps" in ended.out
    assert "numbers within 1e-12" in ended.out


def test_a_lost_part_of_the_snapshot_is_named_and_nothing_runs(project: Path) -> None:
    place = mlops_nb.find_project(project)
    with place.log() as log:
        record = log.run(log.runs(1)[0].id)
    snapshot = next(link.artifact.hash for link in record.artifacts if link.name == "snapshot")
    file = place.artifact_store().path(snapshot)
    content = file.read_bytes()
    file.chmod(0o644)
    try:
        file.write_bytes(content[:-20])
        ended = reproduced(project)
        assert (ended.code, ended.json["error"]["code"]) == (1, "corrupt-artifact")
    finally:
        file.write_bytes(content)


def test_data_that_was_not_kept_must_still_be_what_it_was(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.mlops_nb]\nsnapshot_mb = 0\n")
    (tmp_path / "rides.csv").write_text(DATA)
    write(tmp_path / "n.ipynb", [("step:a", "n = len(open('rides.csv').read())")])
    assert call(tmp_path, "run", "n.ipynb").code == 0
    assert reproduced(tmp_path).json["verdict"] == "identical"
    (tmp_path / "rides.csv").write_text(DATA + "1\n")
    ended = reproduced(tmp_path)
    assert ended.code == 2
    assert ended.json["error"]["code"] == "cannot-reproduce"
    assert "rides.csv" in ended.json["error"]["message"]


@pytest.mark.row(5)
def test_what_differs_in_every_run_is_named_with_step_cell_and_variable(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    cells = [
        ("step:a", "import numpy as np\n\nbase = np.arange(5.0)"),
        ("step:b", "rng = np.random.default_rng()"),
        ("", "noisy = base + rng.random(5)"),
        ("step:c", "total = noisy.sum()"),
    ]
    write(tmp_path / "n.ipynb", cells)
    assert call(tmp_path, "run", "n.ipynb").code == 0
    ended = reproduced(tmp_path)
    assert ended.code == 1
    told = ended.json
    assert told["verdict"] == "different"
    assert {item["name"] for item in told["differences"] if item["what"] == "variable"} == {"noisy", "rng"}
    assert (told["first"]["step"], told["first"]["cell_number"]) == ("b", 3)
    assert told["causes"][0]["kind"] == "random"
    assert told["causes"][0]["certain"]


def test_numbers_that_are_apart_by_roundings_are_equal_within_the_tolerance_and_not_without_one(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    source = "import numpy as np\n\nones = 1 + np.random.default_rng().random(50) * 1e-14"
    write(tmp_path / "n.ipynb", [("step:a", source)])
    assert call(tmp_path, "run", "n.ipynb").code == 0
    ended = reproduced(tmp_path)
    assert (ended.code, ended.json["verdict"]) == (0, "equal within tolerance"), ended.out
    ended = reproduced(tmp_path, "--tolerance", "0")
    assert (ended.code, ended.json["verdict"]) == (1, "different")


@pytest.mark.row(5)
def test_a_package_of_another_version_and_a_changed_environment_variable_are_named_as_causes(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    for version, rate in (("1.0", 7), ("2.0", 19)):
        place = tmp_path / version
        (place / f"rates-{version}.dist-info").mkdir(parents=True)
        (place / f"rates-{version}.dist-info" / "METADATA").write_text(f"Name: rates\nVersion: {version}\n")
        (place / "rates.py").write_text(f"RATE = {rate}\n")
    write(folder / "n.ipynb", [("step:a", "import os\nimport rates\n\nrate = rates.RATE\nplace = os.environ['PLACE']")])
    before = {"PYTHONPATH": str(tmp_path / "1.0"), "PLACE": "Lyon"}
    after = {"PYTHONPATH": str(tmp_path / "2.0"), "PLACE": "Nice"}
    assert call(folder, "run", "n.ipynb", env=before).code == 0
    assert call(folder, "reproduce", "last", "--json", env=before).json["verdict"] == "identical"
    ended = call(folder, "reproduce", "last", "--json", env=after)
    assert ended.code == 1
    told = ended.json
    assert {item["name"] for item in told["differences"]} == {"rate", "place"}
    assert [change["message"] for change in told["environment"]] == ["rates was 1.0 and is 2.0"]
    assert {cause["kind"] for cause in told["causes"]} == {"package", "variable"}
    # The value of a variable of the environment may be a secret; what the variable made is the notebook's.
    assert "Nice" not in str(told["causes"])


def test_a_run_that_failed_is_reproduced_when_it_fails_alike(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    write(tmp_path / "n.ipynb", [("step:a", "x = 1"), ("step:b", "y = {}['tip']"), ("step:c", "z = y")])
    assert call(tmp_path, "run", "n.ipynb").code == 1
    ended = reproduced(tmp_path)
    assert (ended.code, ended.json["verdict"]) == (0, "identical"), ended.out


@pytest.mark.row(5)
def test_a_step_that_was_cached_starts_from_the_seed_of_the_run_that_did_its_work(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    cells = [("step:a", "import random\n\ndrawn = random.random()"), ("step:b", "rest = 1 - drawn")]
    write(tmp_path / "n.ipynb", cells)
    assert call(tmp_path, "run", "n.ipynb").code == 0
    write(tmp_path / "n.ipynb", [cells[0], ("step:b", "rest = 2 - drawn")])
    ended = call(tmp_path, "run", "n.ipynb", "--json")
    assert [step["status"] for step in ended.json["steps"]] == ["cached", "succeeded"]
    assert reproduced(tmp_path).json["verdict"] == "identical"


# A couple of hundred packages are fetched and unpacked.
@pytest.mark.timeout(20 * 60)
@pytest.mark.row(5)
@pytest.mark.row(39)
def test_it_comes_out_again_and_its_model_predicts_in_an_environment_built_anew_from_the_record(tmp_path: Path) -> None:
    source = (
        "import numpy as np\nimport pandas as pd\nfrom sklearn.linear_model import Ridge\n\n"
        "rows = pd.DataFrame(np.random.random((20, 3)), columns=['a', 'b', 'c'])\n"
        "projected = np.linalg.svd(rows)[1]\nline = Ridge().fit(rows, np.random.random(20))"
    )
    model = {"outputs": {"line": {"type": "model", "sample_input": "rows"}}}
    write(tmp_path / "n.ipynb", [])
    written = document([("step:a", source, model)], "rides-2026")
    (tmp_path / "n.ipynb").write_text(json.dumps(written), encoding="utf-8")
    spec = tmp_path / "jupyter" / "kernels" / "rides-2026"
    spec.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "", "language": "python"}))
    assert call(tmp_path, "run", "n.ipynb", env={"JUPYTER_PATH": str(tmp_path / "jupyter")}).code == 0
    # The kernel is of an environment that this machine no longer has; the one built anew takes its name.
    assert reproduced(tmp_path).code == 2
    ended = reproduced(tmp_path, "--env", "rebuild", timeout=15 * 60)
    assert ended.code == 0, ended.out + ended.err
    assert ended.json["verdict"] == "identical"
    # All packages are there with their versions, and nothing else.
    assert ended.json["environment"] == []
    assert "making an environment" in ended.err
    again = reproduced(tmp_path, "--env", "rebuild")
    assert (again.code, "making an environment" in again.err) == (0, False)
    # The version is deployed with the packages that it was made with.
    probed = call(tmp_path, "probe", "line", "1", "--env", "rebuild", "--json")
    assert (probed.code, "making an environment" in probed.err) == (0, False), probed.out + probed.err
    (verdict,) = probed.json["verdicts"]
    assert (verdict["judge"], verdict["decision"]) == ("deployment", "pass")


def test_packages_that_cannot_be_had_any_more_are_told_as_the_installer_tells_them(tmp_path: Path) -> None:
    gone = tmp_path / "packages" / "mlops_nb_no_such_package-9.9.dist-info"
    gone.mkdir(parents=True)
    (gone / "METADATA").write_text("Name: mlops_nb_no_such_package\nVersion: 9.9\n")
    folder = tmp_path / "project"
    write(folder / "n.ipynb", [("step:a", "x = 1")])
    assert call(folder, "run", "n.ipynb", env={"PYTHONPATH": str(gone.parent)}).code == 0
    ended = reproduced(folder, "--env", "rebuild")
    assert (ended.code, ended.json["error"]["code"]) == (2, "cannot-reproduce")
    assert "no-such-package" in ended.json["error"]["message"].replace("_", "-")
