"""Steps of a notebook become a package, and a second project installs and composes them by what they declare."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.command import Ended, call, scraps, statuses
from tests.notebook_factory import edit, write

if TYPE_CHECKING:
    from pathlib import Path

PREPARE: list[tuple[str, str]] = [
    ("imports", "import pandas as pd"),
    ("parameters", "longest = 60.0  # miles"),
    ("functions", "def minutes(rides):\n    return rides['end'] - rides['start']"),
    (
        "step:load",
        "rides = pd.DataFrame({'distance': [1.0, 50, 90], 'start': [0, 0, 0], 'end': [3, 4, 5]})\nunit: str = 'miles'",
    ),
    ("step:clean", "kept = rides[rides['distance'] < longest].assign(minutes=minutes)"),
    ("step:describe", "title: str\ntext: str = f'{title}: {len(kept)} rides, {longest} {unit}'"),
    ("step:show", "!echo done\nprint(text)"),
]
GET = "mlops_nb.step('rides-steps', '{}', version='>=1.2,<2')"
# What the second project is made of: two steps of the package, one after the other.
USE = [
    ("imports", "import mlops_nb\nimport pandas as pd"),
    (
        "step:get",
        f"clean = {GET.format('clean')}\ndescribe = {GET.format('describe')}",
    ),
    ("step:load", "rides = pd.DataFrame({'distance': [1.0, 15, 25], 'start': [0, 0, 0], 'end': [3, 4, 5]})"),
    ("step:clean", "kept = clean(rides, longest=20)"),
    ("step:describe", "text = describe('Short', kept, 'km', longest=20)"),
    ("step:count pipeline-metrics", "n = len(kept)"),
    ("step:tell", "print(text)"),
]


def installed(wheel: Path, place: Path) -> dict[str, str]:
    """Install a wheel as pip does where there is no network, and return the environment that sees it."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--upgrade"]
    subprocess.run([*command, "--target", str(place), str(wheel)], check=True)
    return {"PYTHONPATH": str(place)}


def packaged(folder: Path, version: str = "1.2.0", *steps: str) -> Ended:
    return call(folder, "package", "rides.ipynb", *steps, "--name", "rides-steps", "--version", version, "--json")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the first project, whose notebook has run; tests only read it."""
    folder = tmp_path_factory.mktemp("first")
    write(folder / "rides.ipynb", PREPARE)
    edit(folder / "rides.ipynb", 4, PREPARE[3][1] + "\ntitle = 'All'")
    assert call(folder, "run", "rides.ipynb", "--json").code == 0
    return folder


@pytest.fixture(scope="module")
def wheel(first: Path) -> Path:
    ended = packaged(first)
    assert ended.code == 0, ended.err
    return first / str(ended.json["file"])


@pytest.fixture
def second(tmp_path: Path) -> Path:
    write(tmp_path / "use.ipynb", USE)
    return tmp_path


def test_a_package_declares_what_its_steps_take_and_give(first: Path) -> None:
    told = packaged(first).json

    steps: dict[str, Any] = {step["name"]: step for step in told["steps"]}
    assert steps["clean"]["inputs"] == [{"name": "rides", "type": "pandas.DataFrame"}]
    assert steps["clean"]["outputs"] == [{"name": "kept", "type": "pandas.DataFrame"}]
    assert [(item["name"], item["type"], item["default"]) for item in steps["clean"]["parameters"]] == [
        ("longest", "float", 60.0)
    ]
    # An annotation in the notebook says more than a run shows.
    assert {"name": "title", "type": "str"} in steps["describe"]["inputs"]
    assert list(told["left_out"]) == ["show"]
    assert "needs a notebook's shell: cell 7, line 1: `!echo done`" in told["left_out"]["show"]
    assert [requirement.partition(">=")[0] for requirement in told["requires"]] == ["mlops_nb", "pandas"]


def test_the_same_steps_give_the_same_bytes_and_every_file_is_recorded(first: Path, wheel: Path) -> None:
    before = hashlib.sha256(wheel.read_bytes()).hexdigest()

    assert packaged(first).code == 0
    assert hashlib.sha256(wheel.read_bytes()).hexdigest() == before
    with zipfile.ZipFile(wheel) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [
            "rides_steps/__init__.py",
            "rides_steps/components.json",
            *(f"rides_steps-1.2.0.dist-info/{name}" for name in ("METADATA", "WHEEL", "entry_points.txt", "RECORD")),
        ]


@pytest.mark.row(27)
def test_a_packaged_step_is_installed_by_name_and_version_and_composed(wheel: Path, second: Path) -> None:
    env = installed(wheel, second / "site-packages")

    ended = call(second, "run", "use.ipynb", "--json", env=env)

    assert scraps(ended) == {"n": 2}
    assert ended.json["steps"][-1]["status"] == "succeeded"
    shown = call(second, "show", ended.json["run"], "--json", env=env).json
    assert shown["environment"]["packages"]["rides-steps"] == "1.2.0"
    assert set(statuses(call(second, "run", "use.ipynb", "--json", env=env)).values()) == {"cached"}
    # An edge that carries another type: the output of one step is none of what the other takes.
    edit(second / "use.ipynb", 5, "text = describe('Short', describe('a', kept, 'km'), 'km')")
    for verb in ("check", "plan", "run"):
        refused = call(second, verb, "use.ipynb", "--json", env=env)
        assert refused.code == 2
        (told,) = refused.json["diagnostics"]
        assert (told["code"], told["cell_number"], told["line"], told["step"]) == ("MN404", 5, 1, "describe")
        assert "takes `kept` as pandas.DataFrame, and `describe('a', kept, 'km')` (an output of step" in told["message"]
    assert len(call(second, "runs", "--json", env=env).json) == 2, "nothing was run"


def test_an_edge_from_a_step_that_ran_is_judged_by_what_it_left(wheel: Path, second: Path) -> None:
    env = installed(wheel, second / "site-packages")
    assert call(second, "run", "use.ipynb", "--json", env=env).code == 0

    # Only the record knows that `text` is a str and `n` an int.
    edit(second / "use.ipynb", 7, f"again = {GET.format('clean')}\nagain(n)")
    refused = call(second, "plan", "use.ipynb", env=env)

    assert refused.code == 2
    assert "takes `rides` as pandas.DataFrame, and `n` (as step `count` left it) is int" in refused.err
    assert "`mlops-nb plan use.ipynb` shows them again." in refused.err
    # When the step that left it has to run, nobody knows: the call itself judges.
    edit(second / "use.ipynb", 6, "n = int(len(kept))")
    ended = call(second, "run", "use.ipynb", "--json", env=env)
    assert ended.code == 1
    failed = next(step for step in ended.json["steps"] if step["status"] == "failed")
    assert "takes `rides` as pandas.DataFrame, and it is int" in failed["reason"]


def test_another_version_or_none_is_refused_before_a_run_and_another_content_runs_again(
    first: Path, wheel: Path, second: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    missing = call(second, "check", "use.ipynb", "--json").json["diagnostics"]
    assert [(told["code"], told["cell_number"], told["line"]) for told in missing] == [("MN401", 2, 1), ("MN401", 2, 2)]
    env = installed(wheel, second / "site-packages")
    assert scraps(call(second, "run", "use.ipynb", "--json", env=env)) == {"n": 2}

    # The same name and version, and other code: somebody packaged it again.
    other = tmp_path_factory.mktemp("other")
    write(other / "rides.ipynb", PREPARE)
    edit(other / "rides.ipynb", 4, PREPARE[3][1] + "\ntitle = 'All'")
    edit(other / "rides.ipynb", 5, PREPARE[4][1].replace("distance'] <", "distance'] * 2 <"))
    env = installed(other / packaged(other).json["file"], second / "site-packages")
    plan = call(second, "plan", "use.ipynb", "--json", env=env).json["steps"]
    told = {step["name"]: step["because"] for step in plan}
    assert told["get"] == "the imported step `rides-steps: clean`, `rides-steps: describe` changed"
    assert scraps(call(second, "run", "use.ipynb", "--json", env=env)) == {"n": 1}

    env = installed(other / packaged(other, "2.0").json["file"], second / "other" / "site-packages")
    refused = call(second, "run", "use.ipynb", env=env)
    assert refused.code == 2
    assert "rides-steps is installed in version 2.0, and the notebook asks for >=1.2,<2" in refused.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--name", "rides steps", "--version", "1"), "'rides steps' cannot be a package's name."),
        (("--name", "rides", "--version", "one"), "'one' cannot be a version."),
        (("--name", "rides"), "A package needs a name and a version."),
        (("claen", "--name", "rides", "--version", "1"), "Did you mean `clean`?"),
        (("show", "--name", "rides", "--version", "1"), "needs a notebook's shell"),
    ],
)
def test_what_cannot_be_packaged_is_told(first: Path, arguments: tuple[str, ...], told: str) -> None:
    ended = call(first, "package", "rides.ipynb", *arguments)

    assert ended.code == 2
    assert told in ended.err
