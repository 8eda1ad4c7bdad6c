"""pytest's side of a notebook's tests: `pytest tips.ipynb` collects them, and shows them as it shows all tests.

Only a notebook that is named on the command line is collected; a folder of notebooks is left to whoever else reads it.
Nothing of ours but this file is imported before that: an environment with mlops_nb in it pays nothing for other tests.
"""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mlops_nb.delivery.notebook_tests import NotebookTest, NotebookTests

_GROUP = "tests of tagged notebooks (mlops_nb)"


class UndeclaredOutput(UserWarning):
    """A step published what its settings do not declare."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    group = parser.getgroup("mlops_nb", _GROUP)
    group.addoption("--notebook-parameters", metavar="JSON", help="run the pipelines with these parameters, apart")
    group.addoption("--notebook-within", metavar="SECONDS", type=float, help="how long a pipeline may take")


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect a notebook that was named."""
    if file_path.suffix == ".ipynb" and parent.session.isinitpath(file_path):
        collector: pytest.Collector = NotebookFile.from_parent(parent, path=file_path)
        return collector
    return None


class NotebookFile(pytest.File):
    """A notebook as pytest's collector."""

    def collect(self) -> Iterator[pytest.Item]:
        """Yield the notebook's tests."""
        from mlops_nb.delivery.notebook_tests import NotebookTests
        from mlops_nb.errors import MlopsNbError
        from mlops_nb.steps.literals import from_json

        given = json.loads(self.config.getoption("--notebook-parameters") or "{}")
        layers = [("the command line", {name: from_json(value) for name, value in given.items()})] if given else []
        try:
            tests = NotebookTests.of(self.path, layers, self.config.getoption("--notebook-within"))
        except MlopsNbError as error:
            found = [f"{item.code}: {item.message}" for item in getattr(error, "diagnostics", ())]
            raise self.CollectError("\n".join((str(error), *found))) from error
        for test in tests.tests():
            yield NotebookItem.from_parent(self, name=test.name, tests=tests, test=test)


class NotebookItem(pytest.Item):
    """One test of a notebook as pytest's item."""

    def __init__(self, *, tests: NotebookTests, test: NotebookTest, **more: Any) -> None:
        super().__init__(**more)
        self._tests = tests
        self._test = test

    def runtest(self) -> None:
        """Make the test."""
        from mlops_nb.delivery.notebook_tests import TestFailed

        try:
            self._tests.make(self._test)
        except TestFailed as error:
            if error.printed:
                self.add_report_section("call", "stdout", error.printed)
            raise
        if self._test.kind == "outputs":
            for name in self._tests.undeclared().get(self._test.step, ()):
                message = f"Step `{self._test.step}` published `{name}`, which its outputs do not declare."
                warnings.warn(UndeclaredOutput(message), stacklevel=1)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return what is shown of a failure: the notebook's facts, and nothing of our own code."""
        from mlops_nb.errors import MlopsNbError

        error = excinfo.value
        if isinstance(error, MlopsNbError):
            # The first line is what pytest's short summary shows.
            return "\n".join(filter(None, (error.message, getattr(error, "detail", ""), error.hint)))
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Return where the test stands, as pytest heads its report."""
        return self.path, None, f"{self.path.name}: {self.name}"
