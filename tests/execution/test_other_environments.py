"""A notebook's kernel may belong to another environment than mlops-nb: that one is recorded, and decides."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from mlops_nb.execution.kernels.known import environment_of
from mlops_nb.snapshot import read_environment
from tests.cli.command import call
from tests.notebook_factory import document, write

PACKAGE = "rides_of_elsewhere"


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the packages' folder of an environment with a kernel `elsewhere`, one package more, and all of ours."""
    place = tmp_path / "elsewhere"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    (site,) = place.glob("lib/python*/site-packages")
    paths = [sysconfig.get_path("purelib"), str(Path(__file__).parents[2])]
    (site / "ours.pth").write_text("\n".join(paths) + "\n")
    (site / f"{PACKAGE}-1.0.dist-info").mkdir()
    spec = tmp_path / "jupyter" / "kernels" / "elsewhere"
    spec.mkdir(parents=True)
    argv = [str(place / "bin" / "python"), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "Elsewhere", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    return site


def project(tmp_path: Path, kernel: str) -> Path:
    folder = tmp_path / "project"
    source = "import sys\n\nelsewhere = int('elsewhere' in sys.prefix)\nprint(elsewhere)"
    write(folder / "n.ipynb", [])
    (folder / "n.ipynb").write_text(json.dumps(document([("step:a pipeline-metrics", source)], kernel)))
    return folder


def test_the_packages_of_the_kernel_are_recorded_and_another_version_of_one_runs_its_steps_again(
    tmp_path: Path, elsewhere: Path
) -> None:
    folder = project(tmp_path, "elsewhere")
    env = {"JUPYTER_PATH": os.environ["JUPYTER_PATH"]}
    ended = call(folder, "run", "n.ipynb", "--json", env=env)
    assert ended.code == 0, ended.out + ended.err
    assert ended.json["scraps"]["elsewhere"] == 1
    shown = call(folder, "show", "last", "--json", env=env).json
    assert shown["environment"]["packages"]["rides-of-elsewhere"] == "1.0"
    assert call(folder, "plan", "n.ipynb", "--json", env=env).json["steps"][0]["status"] == "cached"

    (elsewhere / f"{PACKAGE}-1.0.dist-info").rename(elsewhere / f"{PACKAGE}-2.0.dist-info")

    (planned,) = call(folder, "plan", "n.ipynb", "--json", env=env).json["steps"]
    assert (planned["status"], "environment" in str(planned)) == ("run", True)


def test_a_run_whose_kernel_is_gone_says_how_it_can_be_reproduced_all_the_same(tmp_path: Path, elsewhere: Path) -> None:
    folder = project(tmp_path, "elsewhere")
    assert call(folder, "run", "n.ipynb", env={"JUPYTER_PATH": os.environ["JUPYTER_PATH"]}).code == 0

    ended = call(folder, "reproduce", "last", "--json", env={"JUPYTER_PATH": ""})

    assert (ended.code, ended.json["error"]["code"]) == (2, "cannot-reproduce")
    assert "--env rebuild" in ended.json["error"]["hint"]


def test_the_environment_of_a_kernel_of_ours_is_ours(tmp_path: Path) -> None:
    assert environment_of("python3") == read_environment()
    assert environment_of("no-such-kernel") == read_environment()


def test_python3_of_another_environment_is_seen_to_be_one(tmp_path: Path, elsewhere: Path) -> None:
    kernels = tmp_path / "jupyter" / "kernels"
    (kernels / "elsewhere").rename(kernels / "python3")

    assert environment_of("python3").packages["rides-of-elsewhere"] == "1.0"


def test_an_interpreter_that_does_not_start_is_told_with_its_kernel(tmp_path: Path, elsewhere: Path) -> None:
    (tmp_path / "elsewhere" / "bin" / "python").unlink()
    ended = call(
        project(tmp_path, "elsewhere"), "run", "n.ipynb", "--json", env={"JUPYTER_PATH": os.environ["JUPYTER_PATH"]}
    )

    assert ended.code == 2
    assert "elsewhere" in ended.json["error"]["message"]
