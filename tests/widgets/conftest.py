from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.widgets.recorded import many_runs, three_runs

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Income:
    """A project in which a notebook ran three times, each time with another penalty; ids oldest first."""

    folder: Path
    runs: tuple[str, ...]

    def copy(self, to: Path) -> Path:
        """Copy the project, for a test that writes into its record."""
        return shutil.copytree(self.folder, to / "income")


@pytest.fixture(scope="session")
def income(tmp_path_factory: pytest.TempPathFactory) -> Income:
    """Return the project; tests only read it."""
    folder = tmp_path_factory.mktemp("income")
    return Income(folder, three_runs(folder))


@pytest.fixture(scope="session")
def thousand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project with a thousand runs in its record."""
    folder = tmp_path_factory.mktemp("thousand")
    many_runs(folder)
    return folder
