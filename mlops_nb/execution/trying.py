"""Cells tried on the state of a run: a fresh kernel in which all is as it was there, for one test, and then gone.

Nothing of it is recorded, and nothing is stored: what the cells change ends with their kernel.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_nb.execution.kernels.kernel import event_loop, kernel
from mlops_nb.execution.kernels.known import require_kernel
from mlops_nb.execution.notebook_run import KERNEL_ENVIRONMENT
from mlops_nb.handover import Delta, State
from mlops_nb.handover.reopening import REOPENED_MIME
from mlops_nb.notebook import code_cell, import_nbformat, new_document

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.metadata import RunRecord
    from mlops_nb.notebook import Notebook

START_S = 60.0
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_DONE = frozenset({"succeeded", "cached"})
_CALL = '__import__("mlops_nb.{room}", fromlist=["{name}"]).{name}'


@dataclass(frozen=True)
class Piece:
    """Code to run: `id` says what it is in messages, `replayed` that it stands before the state is loaded."""

    id: str
    source: str
    replayed: bool = False


@dataclass(frozen=True)
class Tried:
    """What came of it.

    `failed` is the id of the piece that raised, `ename`, `evalue` and `traceback` what; `printed` is what the pieces
    wrote; `missing` are the variables that could not be loaded, with why. `ended` says why the kernel did not answer.
    """

    failed: str = ""
    ename: str = ""
    evalue: str = ""
    traceback: str = ""
    printed: str = ""
    ended: str = ""
    missing: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def passed(self) -> bool:
        """Say whether all pieces ran to their ends."""
        return not self.failed and not self.ended


@dataclass(frozen=True)
class Reached:
    """The state that a run came to before a step: `lacking` is the first earlier step that did not succeed, if one."""

    state: State
    lacking: str = ""


def state_before(record: RunRecord, position: int, store: ArtifactStore) -> Reached:
    """Return the state before the step of a position in a run; after the last one, for their number.

    Parameters
    ----------
    record
        The run.
    position
        How many steps come before.
    store
        The store with the steps' changes.
    """
    state = State()
    for step in record.steps[:position]:
        delta = str(step.outcome.get("delta", ""))
        if step.status not in _DONE or not delta:
            return Reached(state, step.step)
        state = state.after(Delta.from_json(store.get(delta)))
    return Reached(state)


def try_on(  # noqa: PLR0913 - what a try consists of
    state: State,
    pieces: Sequence[Piece],
    notebook: Notebook,
    *,
    store: ArtifactStore,
    packages: Sequence[str] | None,
    seed: int = 0,
) -> Tried:
    """Run pieces of code in a fresh kernel that holds a state.

    Parameters
    ----------
    state
        What there is before.
    pieces
        The code, in order; the first that raises ends it.
    notebook
        Whose kernel, and in whose folder.
    store
        The store with the state's values.
    packages
        Modules that the template of forked kernels loads ahead; a cold kernel when `None`.
    seed
        Where the random streams start that the state does not set.

    Raises
    ------
    UsageError
        When this machine does not have the kernel.
    """
    require_kernel(notebook.kernel_name)
    digest = store.put(state.to_json().encode())[0]
    folder = str(notebook.path.absolute().parent)
    load = f"{_call('handover.reopening', 'load')}({store.url!r}, {digest!r}, folder={folder!r}, seed={seed})"
    before = [piece for piece in pieces if piece.replayed]
    sources = [(piece.id, piece.source) for piece in before]
    if before:
        sources.insert(0, ("", f"{_call('handover', 'prepare')}({seed})"))
    sources.append(("", load))
    sources += [(piece.id, piece.source) for piece in pieces if not piece.replayed]
    with (
        event_loop(),
        kernel(notebook.kernel_name, notebook.path.absolute().parent, KERNEL_ENVIRONMENT, packages) as live,
    ):
        return _run(live.manager.client(), sources, notebook)


def _call(room: str, name: str) -> str:
    return _CALL.format(room=room, name=name)


def _run(client: Any, sources: list[tuple[str, str]], notebook: Notebook) -> Tried:
    from jupyter_core.utils import run_sync
    from nbclient import NotebookClient
    from nbclient.exceptions import DeadKernelError

    cells = [code_cell(source, f"try-{number}") for number, (_, source) in enumerate(sources)]
    document = import_nbformat().from_dict(new_document(cells, notebook))
    runner = NotebookClient(document, timeout=None, allow_errors=True, record_timing=False)
    runner.kc = client
    runner.reset_execution_trackers()
    client.start_channels()
    place = 0
    try:
        run_sync(client.wait_for_ready)(timeout=START_S)
        for place, (name, _) in enumerate(sources):
            cell = document["cells"][place]
            run_sync(runner.async_execute_cell)(cell, place)
            if error := next((output for output in cell["outputs"] if output["output_type"] == "error"), None):
                traceback = _ANSI.sub("", "\n".join(error["traceback"]))
                who = name or "the state"
                return Tried(
                    who, error["ename"], error["evalue"], traceback, _printed(document), "", _missing(document)
                )
    except (DeadKernelError, RuntimeError):
        name = sources[place][0] or "the state"
        return Tried(ended=f"Its kernel died in {name}.", printed=_printed(document), missing=_missing(document))
    finally:
        client.stop_channels()
    return Tried(printed=_printed(document), missing=_missing(document))


def _printed(document: Mapping[str, Any]) -> str:
    streams = [o for cell in document["cells"] for o in cell["outputs"] if o["output_type"] == "stream"]
    return "".join(output["text"] for output in streams)


def _missing(document: Mapping[str, Any]) -> Mapping[str, str]:
    outputs = [output for cell in document["cells"] for output in cell["outputs"]]
    told = [output["data"][REOPENED_MIME] for output in outputs if REOPENED_MIME in output.get("data", {})]
    return dict(told[0]["absent"]) if told else {}
