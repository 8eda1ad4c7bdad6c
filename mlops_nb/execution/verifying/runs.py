"""The runs that a verification compares: the notebook as a whole, and as a pipeline.

Every run has a fresh copy of the project's folder, at the same path, and stores of its own: the person's files, store
and lock are not touched. Every kernel starts from the same random state, and at the end one tells what there is.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mlops_nb.errors import MlopsNbError
from mlops_nb.execution.kernels.kernel import Watch
from mlops_nb.execution.notebook_run import Limits
from mlops_nb.execution.verifying.copies import changed_files
from mlops_nb.execution.verifying.witnesses import SEED, Witnesses, error_in, tell_cell, told_contents, unheard
from mlops_nb.handover import Delta, State
from mlops_nb.metadata import StepError
from mlops_nb.notebook import Role, code_cell, new_document, read_tags, write_notebook
from mlops_nb.pipeline import ADDED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.execution.run_request import RunResult
    from mlops_nb.execution.step_record import OpenSession
    from mlops_nb.execution.verifying.contents import Contents
    from mlops_nb.pipeline import DataflowLock
    from mlops_nb.steps import StepGraph


class RunCopy(Protocol):
    """Runs a copy of the notebook as a pipeline, with stores of its own, from the random state `SEED`."""

    def __call__(
        self, notebook: Path, home: Path, lock: DataflowLock | None, open_session: OpenSession
    ) -> tuple[RunResult, ArtifactStore]:
        """Run it; without a lock it is a chain."""


@dataclass(frozen=True)
class Subject:
    """What is verified: the steps of a notebook of the project at `root`, the values it is given, how it is run."""

    graph: StepGraph
    root: Path
    injected: Mapping[str, Any]
    run_copy: RunCopy
    open_session: OpenSession
    watch: Watch = field(default_factory=Watch)
    tolerance: float = 0.0
    listen: Callable[[str], None] = lambda _: None


@dataclass(frozen=True)
class Ran:
    """What one run left: contents by step (`` for the end), outputs by cell, files; or how it failed."""

    contents: Mapping[str, Contents]
    outputs: Mapping[str, list[dict[str, Any]]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    error: StepError | None = None
    failed_step: str = ""
    lock: DataflowLock | None = None
    states: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def end(self) -> Contents:
        """What there was at the end."""
        return self.contents[""]


@dataclass(frozen=True)
class Runs:
    """Runs a subject below a folder, one run after the other."""

    subject: Subject
    place: Path

    @cached_property
    def witnesses(self) -> Witnesses:
        """Return the copies of the project, and the kernels in them that tell what a stored state holds."""
        it = self.subject
        return Witnesses(it.graph, it.root, self.place, it.open_session, it.watch, it.tolerance)

    def _files(self, notebook: Path) -> Mapping[str, str]:
        return changed_files(self.subject.root, self.witnesses.copy_root, {notebook})

    def whole(self, label: str, *, after_steps: bool = False) -> Ran:
        """Run the whole notebook in one kernel."""
        subject = self.subject
        subject.listen(label)
        notebook = self.witnesses.copy()
        place = self.place / f"{label}.ipynb"
        write_notebook(self._whole_document(after_steps=after_steps), place)
        started = time.monotonic()
        with subject.open_session(subject.graph.notebook.kernel_name, notebook.parent, subject.watch) as live:
            ending = live.run(place, subject.injected, Limits(), unheard)
            # As the steps' kernels do that have something to write then.
            live.let_end()
        self.witnesses.go_on()
        seconds = time.monotonic() - started
        executed = json.loads(place.read_text(encoding="utf-8"))
        contents = told_contents(executed)
        error = None if "" in contents else error_in(executed, ending, self.subject.graph)
        if error is not None and error.cell_id.startswith(ADDED):
            message = f"The notebook's kernel cannot tell what it holds: {error.ename}: {error.evalue}."
            raise MlopsNbError(message, hint="Install mlops_nb in the kernel's environment.")
        return Ran(contents, _outputs(executed), self._files(notebook), error, seconds=seconds)

    def _whole_document(self, *, after_steps: bool) -> dict[str, Any]:
        graph = self.subject.graph
        room = '__import__("mlops_nb.handover.seeding", fromlist=["seed_streams"])'
        cells = [code_cell(f"{room}.seed_streams({SEED})", f"{ADDED}-start", tags=(ADDED,))]
        for step in graph.steps:
            for cell in step.cells:
                written = graph.notebook.document["cells"][cell.index].get("metadata", {})
                metadata = {key: value for key, value in written.items() if key not in {"papermill", "tags"}}
                of_papermill = () if "parameters" in cell.tags else ("parameters",)
                # Kale's tag for what Papermill calls `parameters`.
                more = of_papermill if read_tags(cell)[0].role is Role.PARAMETERS else ()
                cells.append(code_cell(cell.source, cell.id, tags=(*cell.tags, *more), metadata=metadata))
            if after_steps:
                cells.append(tell_cell(step.name, self.witnesses.numbers_to))
        cells.append(tell_cell("", self.witnesses.numbers_to))
        return new_document(cells, graph.notebook)

    def pipeline(self, run: str, lock: DataflowLock | None) -> Ran:
        """Run the notebook as a pipeline, and let a kernel tell what it left."""
        subject = self.subject
        subject.listen(run)
        notebook = self.witnesses.copy()
        home = self.place / "stores" / run
        started = time.monotonic()
        result, store = subject.run_copy(notebook, home, lock, subject.open_session)
        self.witnesses.go_on()
        seconds = time.monotonic() - started
        outputs: dict[str, list[dict[str, Any]]] = {}
        failed = None
        states = {}
        state = State()
        for step in result.record.steps:
            if step.notebook and Path(step.notebook).exists():
                outputs |= _outputs(json.loads(Path(step.notebook).read_text(encoding="utf-8")))
            if step.status == "failed" and failed is None:
                failed = step
            if step.status in {"succeeded", "cached"}:
                state = state.after(Delta.from_json(store.get(step.outcome["delta"])))
                states[step.step] = store.put(state.to_json().encode())[0]
        files = self._files(notebook)
        if result.status != "succeeded":
            error = (failed.error if failed else None) or StepError("", 0, "", failed.reason if failed else "", "")
            return Ran({}, outputs, files, error, failed.step if failed else "", result.lock, states, seconds)
        states[""] = next(reversed(states.values()), store.put(State().to_json().encode())[0])
        contents = self.witnesses.thawed(states[""], store.url, "")
        return Ran({"": contents}, outputs, files, None, "", result.lock, states, seconds)


def _outputs(executed: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {cell["id"]: cell["outputs"] for cell in executed["cells"] if cell["cell_type"] == "code"}
