"""Papermill's engine for a step: its own client, on a kernel that we start, watch and end.

Papermill's stock engine leaves the sockets of a kernel it was given open, and every one of its keyword arguments
would have to pass through a dozen signatures; `execute_managed_notebook` is the documented place to differ.
"""

from __future__ import annotations

import json
import logging
import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.notebook import import_nbformat
from mlops_nb.pipeline import ADDED_TAGS
from mlops_nb.steps import as_source

import_nbformat()
with warnings.catch_warnings():
    # Papermill reads its own version through a deprecated door.
    warnings.simplefilter("ignore", DeprecationWarning)
    import papermill

from nbclient.exceptions import DeadKernelError
from nbclient.util import run_sync
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, papermill_engines
from papermill.iorw import LocalHandler, papermill_io
from papermill.translators import PythonTranslator, papermill_translators

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlops_nb.execution.kernels.kernel import Kernel

NAME = "mlops_nb"


class WholeFiles(LocalHandler):  # type: ignore[misc]
    """Saves a local notebook so that its file is at every moment whole: Papermill would write into it.

    Nothing is flushed to the disk, unlike where a file is source: an executed notebook is saved after every cell.
    """

    def write(self, buf: str, path: str) -> None:
        """Write the text beside the file and move it there."""
        place = Path(path)
        aside = place.with_name(f".{place.name}.saving")
        try:
            aside.write_text(buf, encoding="utf-8")
            aside.replace(place)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise


papermill_io.register("/", WholeFiles())


class StepClient(PapermillNotebookClient):  # type: ignore[misc]
    """Runs the cells that the pipeline added without a trace: they count no cell, and no hook of the user's hears them.

    `In`, `Out` and the numbers of cells are then those of the notebook.
    """

    async def async_execute_cell(self, cell: Any, cell_index: int, *arguments: Any, **options: Any) -> Any:
        """Run a cell, silently when it is one that the pipeline added."""
        if not ADDED_TAGS.intersection(cell["metadata"].get("tags", ())):
            return await super().async_execute_cell(cell, cell_index, *arguments, **options)
        # nbclient has no parameter for what the messaging protocol calls silent.
        heard = self.kc.execute
        self.kc.execute = partial(heard, silent=True)
        try:
            return await super().async_execute_cell(cell, cell_index, *arguments, **{**options, "store_history": False})
        finally:
            self.kc.execute = heard

    # nbclient's own one calls its own `async_execute_cell`, whatever a subclass has under that name.
    execute_cell = run_sync(async_execute_cell)


class StepEngine(Engine):  # type: ignore[misc]
    """Runs a notebook's cells on a kernel that is already there."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **options: Any) -> None:
        """Run the cells and close the client; the kernel stays with whoever started it."""
        client = StepClient(
            nb_man,
            km=options["km"],
            kernel_name=kernel_name,
            timeout=None,
            startup_timeout=options["start_timeout"],
            on_cell_start=options["on_cell_start"],
            on_cell_executed=options["on_cell_executed"],
            log=logging.getLogger("papermill"),
        )
        try:
            client.execute()
        finally:
            if client.kc is not None:
                client.kc.stop_channels()
                client.kc = None


class TypedTranslator(PythonTranslator):  # type: ignore[misc]
    """Writes parameters with their types: Papermill would turn a date into text."""

    @classmethod
    def translate(cls, val: Any) -> str:
        """Return the Python expression of a value."""
        return as_source(val.value if isinstance(val, _Noted) else val)


class _Noted(str):
    """A parameter as the executed notebook notes it in its metadata, where only JSON can stand."""

    __slots__ = ("value",)
    value: Any


def _noted(value: Any) -> Any:
    """Return a value that Papermill can write into the notebook's metadata: a date as text that knows its value."""
    try:
        json.dumps(value)
    except TypeError:
        text = _Noted(as_source(value))
        text.value = value
        return text
    return value


def execute(
    place: Path,
    parameters: Mapping[str, Any],
    kernel_name: str,
    live: Kernel,
    on_cell: Callable[[str, str], None],
) -> str:
    """Let Papermill execute a notebook in place; return what crashed it beside a cell's exception.

    The notebook file is saved after each cell, and holds a cell's exception with its cell.
    """
    papermill_engines.register(NAME, StepEngine)
    papermill_translators.register("python", TypedTranslator)
    # What it would say of a kernel that died is in the record, with the reason.
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    # Papermill fills braces in a path with parameters; ours is a plain path.
    path = str(place).replace("{", "{{").replace("}", "}}")
    try:
        papermill.execute_notebook(
            path,
            path,
            parameters={name: _noted(value) for name, value in parameters.items()},
            engine_name=NAME,
            kernel_name=kernel_name,
            progress_bar=False,
            km=live.manager,
            on_cell_start=lambda cell, cell_index: on_cell("started", cell.get("id", str(cell_index))),
            on_cell_executed=lambda cell, cell_index, **_: on_cell("done", cell.get("id", str(cell_index))),
        )
    except papermill.PapermillExecutionError:
        return ""
    except DeadKernelError:
        return "its kernel died"
    except Exception as error:  # noqa: BLE001 - told to the caller, which has the notebook too
        # nbclient gives up in several ways when a kernel is killed under it; `live.ended` tells them apart.
        if not live.ended:
            return f"{type(error).__name__}: {error}"
    return ""
