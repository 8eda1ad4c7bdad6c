"""Warning filters that imports add, with real kernels: each is added once, though every kernel imports anew."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from mlops_nb.lifecycle import run
from mlops_nb.pipeline import read_lock
from tests.execution.planned import told
from tests.notebook_factory import write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.notebook_factory import Cell

CELLS: list[Cell] = [
    ("step:a", "import warnings\nimport scipy.sparse as sp\nwarnings.resetwarnings()\nwarnings.simplefilter('error')"),
    ("step:b", "import scipy.sparse as other\nimport warnings as w\nfound = [item[0] for item in w.filters]"),
    ("step:c", "import json\nopen('told.json', 'w').write(json.dumps(found))"),
]


@pytest.mark.parametrize("isolation", ["fork", "cold"])
def test_a_second_import_adds_no_filter_again(tmp_path: Path, isolation: str) -> None:
    notebook = write(tmp_path / "first" / "case.ipynb", CELLS)
    assert told(run(notebook, isolation=isolation), notebook) == ["error"]
    again = write(tmp_path / "second" / "case.ipynb", CELLS)
    shutil.copytree(notebook.parent / "pipelines", again.parent / "pipelines")
    assert told(run(again, isolation=isolation), again) == ["error"]
    steps = read_lock(again.parent / "pipelines" / "case" / "dataflow.lock.json").steps
    assert [name for name, step in steps.items() if "@warnings" in step.writes] == ["a"]
