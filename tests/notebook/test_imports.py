"""What is imported only when it is used is the module itself, for whoever asks."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from mlops_nb.notebook import imported_when_used

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def test_ploomber_brings_no_library_of_tables_or_plots_and_has_them_when_it_asks() -> None:
    script = (
        "import sys, mlops_nb.pipeline.dag, ploomber.io.unserialize as unserialize\n"
        "put_off = 'pandas', 'pyarrow.parquet', 'matplotlib', 'matplotlib.pyplot'\n"
        "assert not [name for name in put_off if name in sys.modules]\n"
        "frame = unserialize.pd.DataFrame({'a': [1]})\n"
        "import pandas\n"
        "assert type(frame) is pandas.DataFrame, type(frame)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    folder = tmp_path / "slow_to_import"
    folder.mkdir()
    (folder / "__init__.py").write_text("value = 1\n")
    (folder / "part.py").write_text("value = 2\n")
    (folder / "other.py").write_text("value = 3\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "slow_to_import"
    for name in [name for name in sys.modules if name.startswith("slow_to_import")]:
        del sys.modules[name]


def test_a_package_and_its_submodule_are_imported_when_something_is_asked_of_them(package: str) -> None:
    held: dict[str, Any] = {}
    with imported_when_used(package, f"{package}.part"):
        exec("import slow_to_import\nimport slow_to_import.part as part", held)  # noqa: S102
    assert package not in sys.modules
    assert held["part"].value == 2
    assert held["slow_to_import"].value == 1
    assert sys.modules[package].part.value == 2


def test_whoever_imports_another_submodule_meanwhile_gets_it(package: str) -> None:
    held: dict[str, Any] = {}
    with imported_when_used(package):
        exec("import slow_to_import.other\nfrom slow_to_import import other", held)  # noqa: S102
    assert held["other"].value == 3
    assert sys.modules[package].other is held["other"]


def test_what_is_imported_already_stays(package: str) -> None:
    module = __import__(package)
    with imported_when_used(package):
        assert sys.modules[package] is module
    assert sys.modules[package] is module


def test_a_missing_module_is_missed_when_it_is_used() -> None:
    held: dict[str, Any] = {}
    with imported_when_used("no_such_module_anywhere"):
        exec("import no_such_module_anywhere as missing", held)  # noqa: S102
    with pytest.raises(ModuleNotFoundError):
        held["missing"].anything  # noqa: B018
