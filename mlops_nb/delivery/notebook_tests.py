"""The tests of a notebook, and the run that they are made on.

A notebook has, in this order:

1. one test of the whole pipeline: it runs to its end, within the stated time;
2. one for the declared outputs of each step: they are there, of their type, with their columns;
3. one for each ready check that a step's settings ask for;
4. one for each cell tagged `test`, or for each `test_…` function in it.

The pipeline runs once for all of them, with what is cached taken over. With parameters for tests it runs apart, in
`.mlops_nb/tests/NAME`: nothing of it gets into the record, the registry or the lock.
"""

from __future__ import annotations

import ast
import os
import sys
import time
import warnings
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError
from mlops_nb.execution.trying import Piece, Tried, state_before, try_on
from mlops_nb.lifecycle import NotebookHasErrors, Pipeline, read, run
from mlops_nb.lifecycle.planning import packages
from mlops_nb.metadata import Origin
from mlops_nb.notebook import Role, has_errors, read_tags
from mlops_nb.pipeline.settings_file import TestSettings, read_test_section
from mlops_nb.steps import as_source
from mlops_nb.steps.source import to_python

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from mlops_nb.lifecycle import Finished
    from mlops_nb.metadata import RunRecord
    from mlops_nb.notebook import Cell
    from mlops_nb.steps import Step

_DONE = frozenset({"succeeded", "cached"})
_LAST_LINES = 20


class TestFailed(MlopsNbError):  # noqa: N818 - the name of the fact
    """A test of a notebook did not pass; `detail` is what is shown of it, `printed` what its code wrote."""

    __test__ = False
    code = "test-failed"

    def __init__(self, message: str, *, hint: str = "", detail: str = "", printed: str = "") -> None:
        super().__init__(message, hint=hint)
        self.detail = detail
        self.printed = printed


@dataclass(frozen=True)
class NotebookTest:
    """One test: `kind` is `pipeline`, `outputs`, `check` or `cell`; `line` (from 1) is that of the cell's code.

    `position` is how many steps come before the state that it is made on, `pieces` the code.
    """

    __test__ = False

    name: str
    kind: str
    step: str = ""
    position: int = 0
    pieces: tuple[Piece, ...] = ()
    cell: Cell | None = None


@dataclass
class NotebookTests:
    """The tests of one notebook; its pipeline runs when the first of them asks for it."""

    __test__ = False

    pipeline: Pipeline
    layers: Sequence[tuple[str, Mapping[str, Any]]] = ()
    within_s: float | None = None
    _finished: Finished | None = field(default=None, init=False)
    _seconds: float = field(default=0.0, init=False)

    @classmethod
    def of(
        cls,
        notebook: Path,
        layers: Sequence[tuple[str, Mapping[str, Any]]] = (),
        within_s: float | None = None,
    ) -> NotebookTests:
        """Read a notebook's tests; parameters and time come from its settings file, and those given here win.

        Raises
        ------
        NotebookHasErrors
            When a diagnostic refuses the notebook.
        ParameterError, SettingsFileError
            When a parameter or a setting cannot be.
        """
        pipeline = read(notebook)
        if has_errors(pipeline.graph.diagnostics):
            raise NotebookHasErrors(pipeline.graph)
        given: TestSettings = read_test_section(pipeline.folder, pipeline.graph)
        every = [*([("settings.toml", given.parameters)] if given.parameters else []), *layers]
        pipeline.parameters(every)
        if every:
            pipeline = _apart(pipeline)
        return cls(pipeline, tuple(every), within_s or given.within_s)

    def tests(self) -> tuple[NotebookTest, ...]:
        """Return the tests, in their order."""
        graph = self.pipeline.graph
        found = [NotebookTest("pipeline", "pipeline")]
        declaring = [step.name for step in graph.steps if step.settings.outputs]
        found += [NotebookTest(f"outputs of {name}", "outputs", name) for name in declaring]
        last = {step.tag: position for position, step in enumerate(graph.steps, 1)}
        for position, step in enumerate(graph.steps, 1):
            # Where a step runs in parts, its settings are of all of them: the last one leaves what is checked.
            for name, options in step.settings.checks.items() if last[step.tag] == position else ():
                piece = Piece(f"check {name}", check_source(name, options))
                replayed = self._replayed(position)
                found.append(NotebookTest(f"{name} in {step.name}", "check", step.name, position, (*replayed, piece)))
        for cell in graph.tests:
            found += self._of_cell(cell)
        return tuple(found)

    def make(self, test: NotebookTest) -> None:
        """Make a test; it passes when nothing is raised.

        Raises
        ------
        TestFailed
            When it does not.
        """
        with warnings.catch_warnings():
            # What libraries deprecate while we run a pipeline is not about the notebook, and fails no test of it.
            warnings.simplefilter("ignore")
            self._make(test)

    def _make(self, test: NotebookTest) -> None:
        finished = self._run()
        record = finished.result.record
        if test.kind == "pipeline":
            self._pipeline(finished)
        elif test.kind == "outputs":
            _outputs(record, test.step)
        else:
            self._on_state(record, test)

    def undeclared(self) -> Mapping[str, tuple[str, ...]]:
        """Return, for each step that declares outputs, what it published beside them."""
        if self._finished is None:
            return {}
        scraps = self._finished.result.record.scraps
        found = {}
        for step in self.pipeline.graph.steps:
            if step.settings.outputs:
                declared = {output.name for output in step.settings.outputs} | set(step.metrics)
                several = any(output.type == "metrics" for output in step.settings.outputs)
                more = [s.name for s in scraps if s.step == step.name and s.name not in declared]
                numbers = {s.name for s in scraps if several and isinstance(s.value, int | float)}
                if beside := tuple(name for name in more if name not in numbers):
                    found[step.name] = beside
        return found

    def _run(self) -> Finished:
        if self._finished is None:
            origin = Origin("ci" if os.environ.get("CI") else "cli", " ".join(sys.argv[1:]))
            began = time.monotonic()
            self._finished = run(self.pipeline, self.layers, origin=origin, why="for its tests", pauses=False)
            self._seconds = time.monotonic() - began
        return self._finished

    def _pipeline(self, finished: Finished) -> None:
        result = finished.result
        if result.status != "succeeded":
            raise _failed_run(result.record)
        if self.within_s is not None and self._seconds > self.within_s:
            message = f"The pipeline took {self._seconds:.1f} s, and is to take {self.within_s:g} s at most."
            raise TestFailed(message, hint="Give its tests less data, or more time (`within_s`).")

    def _on_state(self, record: RunRecord, test: NotebookTest) -> None:
        project = self.pipeline.project
        store = project.artifact_store()
        reached = state_before(record, test.position, store)
        if reached.lacking:
            raise _failed_run(record)
        warm = packages(self.pipeline) if project.settings.isolation == "fork" else None
        tried = try_on(reached.state, test.pieces, self.pipeline.graph.notebook, store=store, packages=warm)
        if not tried.passed:
            raise _failed_code(test, tried)

    def _of_cell(self, cell: Cell) -> list[NotebookTest]:
        """Return the tests of a cell: one for each test function that it defines, or itself."""
        position, before = self._place(cell)
        pieces = (*self._replayed(position), *before, Piece(cell.label, cell.source))
        functions = [
            node.name
            for node in to_python(cell.source).tree.body
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test") and not _wants_arguments(node)
        ]
        if not functions:
            title = _title(cell)
            name = f"{cell.label}: {title}" if title else cell.label
            return [NotebookTest(name, "cell", position=position, pieces=pieces, cell=cell)]
        return [
            NotebookTest(
                f"{cell.label}: {name}",
                "cell",
                position=position,
                pieces=(*pieces, Piece(f"{cell.label}, {name}", f"{name}()")),
                cell=cell,
            )
            for name in functions
        ]

    def _place(self, test: Cell) -> tuple[int, tuple[Piece, ...]]:
        """Return how many steps come before a test cell, and the cells of the step that it stands in the middle of."""
        for position, step in enumerate(self.pipeline.graph.steps):
            before = [cell for cell in step.cells if cell.index < test.index]
            if not before:
                return position, ()
            if len(before) < len(step.cells):
                return position, tuple(piece for cell in before for piece in self._own(step, cell))
        return len(self.pipeline.graph.steps), ()

    def _own(self, step: Step, cell: Cell) -> list[Piece]:
        pieces = [Piece(f"{cell.label} of step {step.name}", cell.source)]
        if read_tags(cell)[0].role is Role.PARAMETERS:
            values = [value for value in self.pipeline.parameters(self.layers) if value.source != "default"]
            given = "\n".join(f"{value.name} = {as_source(value.value)}" for value in values if value.known)
            pieces += [Piece("the parameters", given)] if given else []
        return pieces

    def _replayed(self, position: int) -> tuple[Piece, ...]:
        """Return the prelude cells whose effects are replayed in front of a state."""
        steps = self.pipeline.graph.steps
        step = steps[min(position, len(steps) - 1)] if steps else None
        cells = step.replay if step is not None else ()
        return tuple(Piece(cell.label, cell.source, replayed=True) for cell in cells)


def check_source(name: str, options: Any) -> str:
    """Return the code that makes a ready check of variables."""
    call = f'__import__("mlops_nb.checks", fromlist=["{name}"]).{name}'
    if isinstance(options, list):
        return f"{call}({', '.join(f'{variable}={variable}' for variable in options)})"
    names = {"fit", "X", "y", "process", "sample", "transform"}
    given = (f"{key}={value if key in names else as_source(value)}" for key, value in options.items())
    return f"{call}({', '.join(given)})".replace("(fit=", "(", 1)


def _apart(pipeline: Pipeline) -> Pipeline:
    """Return the pipeline with stores and lock of its own."""
    home = pipeline.project.home / "tests" / pipeline.name
    apart = pipeline.project.apart(home)
    return replace(
        pipeline, project=replace(apart, settings=replace(apart.settings, pipelines=str(home / "pipelines")))
    )


def _outputs(record: RunRecord, name: str) -> None:
    step = next(step for step in record.steps if step.step == name)
    if step.status not in _DONE:
        # A missing or mistyped output fails the step with its name.
        raise _failed_run(record, name)


def _failed_run(record: RunRecord, name: str = "") -> TestFailed:
    failed = [step for step in record.steps if step.status not in _DONE and step.status != "skipped"]
    step = next((step for step in record.steps if step.step == name), failed[0] if failed else None)
    run_id = record.run.id
    if step is None:
        return TestFailed(f"Run {run_id} {record.run.status}: {record.run.reason}")
    place = f", cell {step.error.cell_number}" if step.error is not None and step.error.cell_number else ""
    detail = "" if step.error is None else "\n".join(step.error.traceback.rstrip().splitlines()[-_LAST_LINES:])
    message = f"Step `{step.step}`{place} {step.status} in run {run_id}: {step.reason}"
    return TestFailed(message, detail=detail)


def _failed_code(test: NotebookTest, tried: Tried) -> TestFailed:
    if tried.ended:
        return TestFailed(tried.ended, printed=tried.printed)
    told = f"{tried.ename}: {tried.evalue}" if tried.evalue else tried.ename
    lost = [f"`{name}` could not be loaded: {why}" for name, why in tried.missing.items() if name in tried.evalue]
    if test.kind == "check":
        return TestFailed(tried.evalue if tried.ename == "CheckFailed" else told, hint="\n".join(lost))
    detail = tried.traceback.rstrip()
    return TestFailed(f"{tried.failed}: {told}", hint="\n".join(lost), detail=detail, printed=tried.printed)


def _title(cell: Cell) -> str:
    first = next(iter(cell.source.strip().splitlines()), "")
    return first.lstrip("# ").strip().replace("::", ":") if first.startswith("#") else ""


def _wants_arguments(node: ast.FunctionDef) -> bool:
    required = len(node.args.posonlyargs) + len(node.args.args) - len(node.args.defaults)
    return required > 0 or any(default is None for default in node.args.kw_defaults)
