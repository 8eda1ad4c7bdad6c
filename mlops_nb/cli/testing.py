"""The verb that runs a notebook's tests under pytest: test."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlops_nb.cli.console import INTERRUPTED, AsJson, print_json
from mlops_nb.cli.notebooks import NotebookPath
from mlops_nb.cli.running import Base64s, Files, Parameters, RawParameters, Yamls, read_layers

if TYPE_CHECKING:
    import pytest

_PLUGIN = "mlops_nb.delivery.pytest_plugin"
# pytest's exit codes (its reference, "Exit codes").
_FAILED, _INTERRUPTED, _NONE = 1, 2, 5


def run_tests(
    notebook: NotebookPath,
    p: Parameters = None,
    r: RawParameters = None,
    f: Files = None,
    y: Yamls = None,
    b: Base64s = None,
    k: Annotated[
        str, typer.Option("-k", metavar="EXPR", help="Only the tests whose names match, as pytest's -k.")
    ] = "",
    within: Annotated[
        float | None, typer.Option("--within", metavar="SECONDS", help="How long the pipeline may take.")
    ] = None,
    junit: Annotated[
        Path | None, typer.Option("--junit", metavar="FILE", help="Write the results as JUnit XML.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a notebook's tests: its pipeline, its outputs, its checks, its cells tagged `test`."""
    from mlops_nb.delivery.notebook_tests import NotebookTests
    from mlops_nb.errors import UsageError
    from mlops_nb.lifecycle import read
    from mlops_nb.steps.literals import as_json as plain

    try:
        import pytest
    except ModuleNotFoundError:
        message = "`mlops-nb test` runs under pytest, which is not installed."
        raise UsageError(message, hint="Install it: pip install 'mlops_nb[tests]'") from None
    pipeline = read(notebook)
    given: dict[str, Any] = {}
    for _, values in read_layers(pipeline, p, r, f, y, b):
        given |= values
    # What cannot be is refused here, as every verb refuses it; pytest would tell of it as an error of its own.
    NotebookTests.of(notebook, [("the command line", given)] if given else ())
    arguments = ["-p", _PLUGIN, "--rootdir", str(pipeline.project.root), str(notebook)]
    arguments += ["-k", k] if k else []
    arguments += [f"--junitxml={junit}"] if junit is not None else []
    arguments += ["--notebook-parameters", json.dumps({n: plain(v) for n, v in given.items()})] if given else []
    arguments += ["--notebook-within", str(within)] if within is not None else []
    results = Results()
    with contextlib.redirect_stdout(sys.stderr if as_json else sys.stdout):
        code = int(pytest.main(arguments, plugins=[results]))
    if code == _NONE:
        message = f"No test of {notebook} matches {k!r}." if k else f"{notebook} has no tests."
        raise UsageError(message, hint="`mlops-nb test NOTEBOOK` without -k lists their names.")
    if as_json:
        print_json({"notebook": str(notebook), "ok": code == 0, "tests": results.tests})
    if code:
        raise typer.Exit(INTERRUPTED if code == _INTERRUPTED and results.interrupted else min(code, _INTERRUPTED))


class Results:
    """Listens to pytest, and keeps what became of each test."""

    def __init__(self) -> None:
        self.tests: list[dict[str, Any]] = []
        self.interrupted = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a test's result."""
        if report.when == "call" or report.outcome != "passed":
            told = {"name": report.nodeid.partition("::")[2], "outcome": report.outcome, "seconds": report.duration}
            self.tests.append({**told, "message": report.longreprtext} if report.failed else told)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Keep why a notebook could not be read."""
        if report.failed:
            self.tests.append({"name": report.nodeid, "outcome": "error", "message": report.longreprtext})

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note that a person ended it; pytest interrupts itself after an error of collection."""
        self.interrupted = type(excinfo.value) is KeyboardInterrupt


def add_to(app: typer.Typer) -> None:
    """Add this verb."""
    app.command("test")(run_tests)
