from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.command import Ended, call
from tests.notebook_factory import write

if TYPE_CHECKING:
    from pathlib import Path

CELLS = [
    ("parameters", "n = 3\nname = 'a'"),
    ("step:load", "numbers = list(range(n))"),
    ("step:mean", "print('so far', len(numbers))"),
    ("", "mean = sum(numbers) / n"),
    ("pipeline-metrics", "print(mean)"),
]


@dataclass(frozen=True)
class Project:
    """A project in which one notebook ran three times: at first, with nothing changed, and with a cell that raises.

    `shown` is what `show --json` told of each run.
    """

    folder: Path
    first: Ended
    again: Ended
    failed: Ended
    shown: tuple[Any, ...]


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return the project; tests only read it."""
    folder = tmp_path_factory.mktemp("means")
    write(folder / "means.ipynb", CELLS)
    first = call(folder, "run", "means.ipynb", "--json", "--why", "to see")
    again = call(folder, "run", "means.ipynb", "--json")
    failed = call(folder, "run", "means.ipynb", "--json", "-p", "n", "0")
    shown = tuple(call(folder, "show", ended.json["run"], "--json").json for ended in (first, again, failed))
    return Project(folder, first, again, failed, shown)
