"""The runs that a verification compares: the notebook as a whole, and as a pipeline.

Every run has a fresh copy of the project's folder, at the same path, and stores of its own: the person's files, store
and lock are not touched. Every kernel starts from the same random state, and at the end one tells what there is.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from mlops_nb.artifacts import ArtifactStore
from mlops_nb.errors import MlopsNbError
from mlops_nb.execution.copies import changed_files, copy_project
from mlops_nb.execution.kernels import Watch
from mlops_nb.execution.notebook_run import Ending, Limits, Session
from mlops_nb.execution.verify_contents import Contents
from mlops_nb.handover import CAME_BACK_DIFFERENT, CameBackDifferent, Delta, State
from mlops_nb.handover.witness import CONTENTS_MIME
from mlops_nb.metadata import StepError
from mlops_nb.notebook import Role, code_cell, new_document, read_tags, write_notebook
from mlops_nb.pipeline import ADDED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mlops_nb.execution.run import RunResult
    from mlops_nb.execution.step_record import OpenSession
    from mlops_nb.pipeline import DataflowLock
    from mlops_nb.steps import StepGraph

SEED = 20_011_225


class VerificationStopped(MlopsNbError):  # noqa: N818 - the name of the fact
    """The verification was ended before it had an answer."""

    code = "verification-stopped"
    # What shells report for a program that an interrupt ended.
    exit_code = 130


class RunCopy(Protocol):
    """Runs a copy of the notebook as a pipeline, with stores of its own."""

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

    def place_of(self, cell: str) -> tuple[str, int | None]:
        """Return the step of a cell and its number."""
        for step in self.graph.steps:
            for own in step.cells:
                if own.id == cell:
                    return step.name, own.index + 1
        return "", None


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

    def _copy(self) -> Path:
        """Return the notebook in a fresh copy of the project, at the same path as all copies before."""
        subject = self.subject
        target = self.place / "copy" / (subject.root.name or "root")
        copy_project(subject.root, target, keep=subject.graph.notebook.path.absolute())
        return target / subject.graph.notebook.path.absolute().relative_to(subject.root)

    def _files(self, notebook: Path) -> Mapping[str, str]:
        root = self.place / "copy" / (self.subject.root.name or "root")
        return changed_files(self.subject.root, root, {notebook})

    @property
    def numbers_to(self) -> str:
        """The store that takes the variables' numbers; empty when nobody compares them with a tolerance."""
        return str(self.place / "numbers") if self.subject.tolerance else ""

    def whole(self, label: str, *, after_steps: bool = False) -> Ran:
        """Run the whole notebook in one kernel."""
        subject = self.subject
        subject.listen(label)
        notebook = self._copy()
        place = self.place / f"{label}.ipynb"
        write_notebook(self._whole_document(after_steps=after_steps), place)
        started = time.monotonic()
        with _seeded(subject.open_session)(subject.graph.notebook.kernel_name, notebook.parent, subject.watch) as live:
            ending = live.run(place, subject.injected, Limits(), _unheard)
        self._go_on()
        seconds = time.monotonic() - started
        executed = json.loads(place.read_text(encoding="utf-8"))
        contents = _contents(executed)
        error = None if "" in contents else self._error(executed, ending)
        if error is not None and error.cell_id.startswith(ADDED):
            message = f"The notebook's kernel cannot tell what it holds: {error.ename}: {error.evalue}."
            raise MlopsNbError(message, hint="Install mlops_nb in the kernel's environment.")
        return Ran(contents, _outputs(executed), self._files(notebook), error, seconds=seconds)

    def _whole_document(self, *, after_steps: bool) -> dict[str, Any]:
        graph = self.subject.graph
        cells = []
        for step in graph.steps:
            for cell in step.cells:
                written = graph.notebook.document["cells"][cell.index].get("metadata", {})
                metadata = {key: value for key, value in written.items() if key not in {"papermill", "tags"}}
                of_papermill = () if "parameters" in cell.tags else ("parameters",)
                # Kale's tag for what Papermill calls `parameters`.
                more = of_papermill if read_tags(cell)[0].role is Role.PARAMETERS else ()
                cells.append(code_cell(cell.source, cell.id, tags=(*cell.tags, *more), metadata=metadata))
            if after_steps:
                cells.append(_tell_cell(step.name, self.numbers_to))
        cells.append(_tell_cell("", self.numbers_to))
        return new_document(cells, graph.notebook)

    def pipeline(self, run: str, lock: DataflowLock | None) -> Ran:
        """Run the notebook as a pipeline, and let a kernel tell what it left."""
        subject = self.subject
        subject.listen(run)
        notebook = self._copy()
        home = self.place / "stores" / run
        started = time.monotonic()
        result, store = subject.run_copy(notebook, home, lock, _seeded(subject.open_session))
        self._go_on()
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
        contents = self.thawed(states[""], store.url, "")
        return Ran({"": contents}, outputs, files, None, "", result.lock, states, seconds)

    def thawed(self, state: str, store_url: str, label: str) -> Contents:
        """Return what a stored state holds, told by a kernel that thaws it.

        What comes back as something else is left out, as it is from every step that would use it.
        """
        store = ArtifactStore(store_url)
        held = State.from_json(store.get(state))
        while True:
            names = sorted(name for item in held.covariables if not item.problem for name in item.names)
            try:
                return self._thawed(store.put(held.to_json().encode())[0], store_url, label, names)
            except _Different as found:
                items = [
                    item if found.names.isdisjoint(item.names) else replace(item, problem=CAME_BACK_DIFFERENT)
                    for item in held.covariables
                ]
                held = replace(held, covariables=tuple(items))

    def _thawed(self, state: str, store_url: str, label: str, unchecked: list[str]) -> Contents:
        subject = self.subject
        place = self.place / "thawed.ipynb"
        given = f"{store_url!r}, {state!r}, unchecked={unchecked!r}"
        call = f'__import__("mlops_nb.handover", fromlist=["begin"]).begin({given})'
        cells = [code_cell(call, f"{ADDED}-begin"), _tell_cell(label, self.numbers_to)]
        write_notebook(new_document(cells, subject.graph.notebook), place)
        root = self.place / "copy" / (subject.root.name or "root")
        folder = root / subject.graph.notebook.path.absolute().parent.relative_to(subject.root)
        with _seeded(subject.open_session)(subject.graph.notebook.kernel_name, folder, subject.watch) as live:
            ending = live.run(place, {}, Limits(), _unheard)
        self._go_on()
        executed = json.loads(place.read_text(encoding="utf-8"))
        contents = _contents(executed)
        if label not in contents:
            error = self._error(executed, ending)
            if error.ename == CameBackDifferent.__name__:
                raise _Different(frozenset(json.loads(error.evalue)))
            message = f"The state that the pipeline left cannot be thawed: {error.ename}: {error.evalue}."
            raise MlopsNbError(message, hint="This is a fault of mlops_nb; please report it.")
        return contents[label]

    def _go_on(self) -> None:
        if self.subject.watch.cancelled.is_set():
            message = f"The verification was stopped: {self.subject.watch.why_cancelled}."
            raise VerificationStopped(message)

    def _error(self, executed: Mapping[str, Any], ending: Ending) -> StepError:
        for cell in executed["cells"]:
            for output in cell.get("outputs", ()):
                if output["output_type"] == "error" and "raises-exception" not in cell["metadata"].get("tags", ()):
                    trace = "\n".join(output.get("traceback", ()))
                    number = self.subject.place_of(cell["id"])[1] or 0
                    return StepError(cell["id"], number, output["ename"], output["evalue"], trace)
        begun = [cell for cell in executed["cells"] if cell["metadata"].get("papermill", {}).get("status") == "running"]
        cell_id = begun[-1]["id"] if begun else ""
        why = ending.ended or ending.crashed or "a cell ended the kernel"
        return StepError(cell_id, self.subject.place_of(cell_id)[1] or 0, "KernelEnded", why, "")


class _Different(Exception):  # noqa: N818 - the name of the fact
    """Variables whose values came back as something else."""

    def __init__(self, names: frozenset[str]) -> None:
        super().__init__(names)
        self.names = names


def _unheard(what: str, cell: str) -> None:
    del what, cell


def _tell_cell(label: str, numbers_to: str) -> dict[str, Any]:
    room = '__import__("mlops_nb.handover.witness", fromlist=["tell"])'
    return code_cell(f"{room}.tell({label!r}, {numbers_to!r})", f"{ADDED}-tell-{label}"[:64], tags=(ADDED,))


def _contents(executed: Mapping[str, Any]) -> dict[str, Contents]:
    told = [
        output["data"][CONTENTS_MIME]
        for cell in executed["cells"]
        for output in cell.get("outputs", ())
        if CONTENTS_MIME in output.get("data", {})
    ]
    return {item["label"]: Contents.from_dict(item) for item in told}


def _outputs(executed: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {cell["id"]: cell["outputs"] for cell in executed["cells"] if cell["cell_type"] == "code"}


def _seeded(open_session: OpenSession) -> OpenSession:
    """Return an `OpenSession` whose kernels all start from the same random state."""

    @contextmanager
    def opened(kernel_name: str, cwd: Path, watch: Watch) -> Iterator[Session]:
        with open_session(kernel_name, cwd, watch) as session:
            yield _Seeded(session)

    return opened


@dataclass
class _Seeded:
    """A session that seeds its kernel before the first cell of its first notebook."""

    session: Session
    seeded: bool = False

    def run(
        self, place: Path, parameters: Mapping[str, Any], limits: Limits, on_cell: Callable[[str, str], None]
    ) -> Ending:
        """Run a notebook."""
        if not self.seeded:
            self.seeded = True
            document = json.loads(place.read_text(encoding="utf-8"))
            room = '__import__("mlops_nb.handover.witness", fromlist=["start"])'
            document["cells"].insert(0, code_cell(f"{room}.start({SEED})", f"{ADDED}-start", tags=(ADDED,)))
            write_notebook(document, place)
        return self.session.run(place, parameters, limits, on_cell)
