"""A step of a past run as a live notebook, with the inputs that it had in that very run.

1. The step is found in the record; one that was cached leads to the run that did the work.
2. Its executed notebook says what it began with and how far it came; so do those of the steps whose kernel it shared.
3. The state before it is the one that the run stored, or the changes of the steps before it, added up again.
4. What is no longer as it was is found: values that are gone, files, modules and packages that changed since.
5. The notebook is written; one that a person has mended is left as it is.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import UsageError
from mlops_nb.execution.deciding import Waiting, waiting_at
from mlops_nb.execution.kernels.known import require_kernel
from mlops_nb.execution.pausing import decision_text
from mlops_nb.execution.reopening.finding import DONE, find_step
from mlops_nb.execution.reopening.head import ask, code, failure, head, mark
from mlops_nb.execution.reopening.since import changed_since
from mlops_nb.execution.reopening.sources import executed_document, source_of
from mlops_nb.handover import Delta, State
from mlops_nb.handover.reopening import GONE
from mlops_nb.notebook import NotebookError, read_notebook, write_notebook, write_text
from mlops_nb.pipeline.mending import Mend, Opened, is_mended, mends, noted, take_mends
from mlops_nb.pipeline.reopened import Executed, is_added, read_executed, reopened_document
from mlops_nb.project import find_project
from mlops_nb.snapshot import inside
from mlops_nb.steps import read_steps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.metadata import RunRecord, StepRun
    from mlops_nb.project import Project

NOTE = "opened.json"


@dataclass(frozen=True)
class Reopened:
    """A reopened step.

    Attributes
    ----------
    run, step, status
        Which step of which run, and how it ended there.
    notebook, source
        The opened notebook, and the one it comes from.
    kernel
        The kernelspec's name.
    failed_cell, failure
        The id of the cell that did not end, and what ended the step; empty when it succeeded.
    inputs
        What the state before the step holds: for each name what it is and how many bytes.
    missing
        What of it cannot be loaded, and why.
    notices
        What is not as it was in the run.
    document
        The opened notebook's JSON.
    kept
        The notebook was there, with mends in it, and stayed.
    """

    run: str
    step: str
    status: str
    notebook: Path
    source: Path
    kernel: str
    failed_cell: str
    failure: str
    inputs: Mapping[str, Mapping[str, Any]] = field(hash=False)
    missing: Mapping[str, str] = field(hash=False)
    notices: tuple[str, ...]
    document: Mapping[str, Any] = field(hash=False, repr=False)
    kept: bool = False


def reopen(
    run: str,
    step: str | None = None,
    *,
    project: Path | str = "",
    to: Path | str | None = None,
    anew: bool = False,
) -> Reopened:
    """Write the notebook of a step of a past run, which loads the step's inputs when its first cell is run.

    Parameters
    ----------
    run
        The run's id, or how it starts; `last` for the newest.
    step
        The step; when `None`, the one that the run waits at for a person, or the first that failed.
    project
        A file or folder of the project; the current folder by default.
    to
        The folder of the notebook; one below the project's `.mlops_nb/open` by default.
    anew
        Write it anew, even when the one that is there has mends.

    Raises
    ------
    UnknownRecord, UsageError
        When there is no such run or step, or a file of another origin is in the notebook's place.
    CannotReopen
        When the record no longer says what the step was.
    """
    place = find_project(Path(project))
    with _log(place) as log:
        asked, record, found, notices = find_step(log, run, step)
        held = next((item for item in waiting_at(log, asked) if item.step == found.step), None)
        made = _Making(place, place.artifact_store(), record, found, notices, (asked.run.id, held)).make()
    folder = _folder(place, made.run, made.step)
    target = inside((Path(to) if to is not None else folder).absolute(), f"{made.step}.ipynb")
    return _write(replace(made, notebook=target), folder / NOTE, anew=anew, elsewhere=to is not None)


def opened_mends(run: str, step: str | None = None, *, project: Path | str = "") -> tuple[Opened, tuple[Mend, ...]]:
    """Return the note of a reopened step's notebook, and what differs between that and its source now.

    Raises
    ------
    UsageError
        When the step was not opened.
    """
    opened, _ = _opened(run, step, project)
    return opened, mends(read_notebook(opened.source), opened)


def take_back_mends(
    run: str, step: str | None = None, *, project: Path | str = "", theirs: bool = False
) -> tuple[Opened, tuple[Mend, ...]]:
    """Write what was mended in a reopened step's notebook into its source, and return it.

    Raises
    ------
    UsageError
        When the step was not opened, or both notebooks were edited (unless `theirs`); nothing is written then.
    """
    opened, note = _opened(run, step, project)
    taken, now = take_mends(read_steps(read_notebook(opened.source)), opened, theirs=theirs)
    write_text(note, now.to_json())
    return opened, taken


def _opened(run: str, step: str | None, project: Path | str) -> tuple[Opened, Path]:
    place = find_project(Path(project))
    with _log(place) as log:
        _, record, found, _ = find_step(log, run, step)
    note = _folder(place, record.run.id, found.step) / NOTE
    if not note.is_file():
        message = f"Step `{found.step}` of run {record.run.id} was not opened."
        raise UsageError(message, hint=f"Open it: mlops-nb open {record.run.id} {found.step}")
    return Opened.from_json(note.read_text(encoding="utf-8")), note


def _folder(place: Project, run: str, step: str) -> Path:
    # A record may have come from elsewhere; no name in it leads out of this folder.
    return inside(place.home / "open", f"{run}-{step}")


def _log(place: Project) -> Any:
    if not place.has_log:
        message = f"The project {place.root} has no runs yet."
        raise UsageError(message, hint="Start one: mlops-nb run NOTEBOOK")
    return place.log()


class _Making:
    """What is found out about one step on the way to its notebook."""

    def __init__(  # noqa: PLR0913, PLR0917 - what is known of it
        self,
        place: Project,
        store: ArtifactStore,
        record: RunRecord,
        step: StepRun,
        notices: list[str],
        held: tuple[str, Waiting | None],
    ) -> None:
        self._place = place
        self._store = store
        self._record = record
        self._step = step
        self._notices = notices
        self._asked, self._held = held
        self._source = source_of(record, place, store)
        self._metadata: Mapping[str, Any] = {}

    def make(self) -> Reopened:
        """Return the reopened step, which is not written yet."""
        step, record = self._step, self._record
        position = record.steps.index(step)
        chain = [(step.step, self._executed(step))]
        while chain[0][1].beginning.live and position > 0:
            position -= 1
            earlier = record.steps[position]
            chain.insert(0, (earlier.step, self._executed(earlier)))
        if len(chain) > 1:
            names = ", ".join(code(name) for name, _ in chain[:-1])
            self._notices.append(f"It went on in the kernel of {names}: their cells come first, and run first.")
        first, last = chain[0][1], chain[-1][1]
        digest, state = self._state(first, position)
        given = state if first.beginning.names is None else state.only(first.beginning.names)
        items = {name: item for name, item in given.by_name().items() if not name.startswith("@")}
        missing = {name: why for name, item in items.items() if (why := item.problem or self._gone(item.blob))}
        if GONE in missing.values():
            self._notices.append(
                f"Some of its inputs are no longer stored: `mlops-nb reproduce {record.run.id}` makes them again."
            )
        folder = self._source.parent
        if not folder.is_dir():
            self._notices.append(
                f"{code(str(folder))}, where its notebook was, is gone: the step works in the project."
            )
            folder = self._place.root
        kernel = str(self._metadata.get("kernelspec", {}).get("name", "python3"))
        try:
            require_kernel(kernel)
        except UsageError as error:
            self._notices.append(error.message)
        self._notices += changed_since(step, record, folder, self._place.root, kernel)
        parts = None if first.beginning.names is None else list(first.beginning.names)
        left = self._left(state, record.steps[position : record.steps.index(step) + 1], parts) if self._held else []
        stopped = last.stopped if step.status not in DONE else ""
        document = reopened_document(
            chain,
            self._metadata,
            head=head(
                record,
                step,
                self._where(last),
                stopped=bool(stopped),
                parameters=[item for item in record.parameters if item.step == step.step],
                notices=self._notices,
                source=self._source.name,
                waits=self._asked if self._held else "",
            ),
            load=[self._store.url, digest, parts, *([first.beginning.number] if first.beginning.number else [])],
            folder=str(folder),
            failed=stopped,
            mark=mark(step),
            left=left,
            ask=ask(self._asked, step.step, self._decided()),
        )
        return Reopened(
            run=record.run.id,
            step=step.step,
            status=step.status,
            notebook=Path(),
            source=self._source,
            kernel=kernel,
            failed_cell=stopped,
            failure=failure(step),
            inputs={
                name: {"what": item.types.get(name, ""), "bytes": item.bytes}
                for name, item in sorted(items.items())
                if name not in missing
            },
            missing=missing,
            notices=tuple(self._notices),
            document=document,
        )

    def _left(self, before: State, steps: Sequence[StepRun], parts: list[str] | None) -> list[object]:
        """Return what loads the state after the steps, as far as it was given to them or is theirs."""
        state, wanted = before, None if parts is None else set(parts)
        for step in steps:
            digest = str(step.outcome.get("delta", ""))
            if not digest or not self._store.has(digest):
                self._notices.append(f"What {code(step.step)} left is no longer stored: run its cells to have it.")
                return []
            delta = Delta.from_json(self._store.get(digest))
            state = state.after(delta)
            if wanted is not None:
                wanted |= {name for item in delta.changed for name in item.names}
        names = None if wanted is None else sorted(wanted)
        return [self._store.url, self._store.put(state.to_json().encode())[0], names]

    def _decided(self) -> str:
        decision = self._held.decision if self._held is not None else None
        return "" if decision is None else decision_text(decision)

    def _where(self, last: Executed) -> str:
        step = self._step
        if step.status in DONE:
            return ""
        if last.outside:
            ends = last.outside.endswith(("-publish", "-end"))
            return "after its last cell" if ends else "before its first cell"
        if not last.stopped:
            return ""
        if step.error is not None and step.error.cell_id == last.stopped:
            return f"in cell {step.error.cell_number} ({code(last.stopped)})"
        return f"in the cell {code(last.stopped)}"

    def _gone(self, blob: str) -> str:
        return GONE if blob and not self._store.has(blob) else ""

    def _executed(self, step: StepRun) -> Executed:
        """Return a step's executed notebook, or what it would have been."""
        document, ran = executed_document(step, self._record, self._place, self._store, self._source)
        self._metadata = document["metadata"]
        if not ran:
            self._notices.append(f"There is no executed notebook of {code(step.step)}: it {_why(step)}.")
        executed = read_executed(document)
        if ran or step.error is None or step.error.cell_id not in {cell.get("id") for cell in executed.cells}:
            return executed
        return replace(executed, stopped=step.error.cell_id)

    def _state(self, first: Executed, position: int) -> tuple[str, State]:
        """Return the state before the step of that position, as the run stored it or added up again."""
        digest = first.beginning.state
        if digest and self._store.has(digest):
            return digest, State.from_json(self._store.get(digest))
        state = State()
        for earlier in self._record.steps[:position]:
            delta = str(earlier.outcome.get("delta", ""))
            if earlier.status in DONE and delta and self._store.has(delta):
                state = state.after(Delta.from_json(self._store.get(delta)))
            elif earlier.status in DONE:
                again = f"`mlops-nb reproduce {self._record.run.id}` makes it again"
                self._notices.append(f"What {code(earlier.step)} made is no longer stored; {again}.")
            else:
                self._notices.append(f"{code(earlier.step)} {earlier.status}: what it would have made is not there.")
        return self._store.put(state.to_json().encode())[0], state


def _why(step: StepRun) -> str:
    if step.status in DONE:
        return "was removed since"
    return f"{'never ran' if step.started is None else step.status}{f' ({step.reason})' if step.reason else ''}"


def _write(made: Reopened, note: Path, *, anew: bool, elsewhere: bool) -> Reopened:
    known = Opened.from_json(note.read_text(encoding="utf-8")) if note.is_file() else None
    if known is not None and not anew and _has_mends(known):
        if elsewhere and Path(known.notebook) != made.notebook:
            message = f"The step is open, with mends, at {known.notebook}."
            raise UsageError(message, hint="Take them back with --take-back, or lose them with --anew.")
        document = json.loads(Path(known.notebook).read_text(encoding="utf-8"))
        return replace(made, notebook=Path(known.notebook), document=document, kept=True)
    if made.notebook.exists() and (known is None or Path(known.notebook) != made.notebook):
        message = f"{made.notebook} is there already, and was not made by opening this step."
        raise UsageError(message, hint="Give another folder with --to.")
    document = made.document
    write_notebook(document, made.notebook)
    own = [cell for cell in document["cells"] if cell["cell_type"] == "code" and not is_added(cell)]
    opened = Opened(made.run, made.step, str(made.notebook), str(made.source), noted(own))
    write_text(note, opened.to_json())
    return made


def _has_mends(opened: Opened) -> bool:
    with suppress(NotebookError):
        return is_mended(opened)
    return False
