"""A reopened step's notebook run up to the cell that failed, in a kernel of ours or in one that is there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError
from mlops_nb.execution.kernels.kernel import event_loop, kernel
from mlops_nb.execution.kernels.known import require_kernel
from mlops_nb.execution.notebook_run import KERNEL_ENVIRONMENT
from mlops_nb.handover.reopening import REOPENED_MIME
from mlops_nb.notebook import import_nbformat, write_notebook
from mlops_nb.pipeline.reopened import LOAD, up_to

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_nb.execution.reopening.reopen import Reopened

START_S = 60.0


class KernelDied(MlopsNbError):  # noqa: N818 - the name of the fact
    """The kernel of a reopened step did not start, or died before its cells had run."""

    code = "kernel-died"


@dataclass(frozen=True)
class Reached:
    """How far the cells ran.

    `loaded` and `missing` are what the first cell told: the variables there are, and those there are not with why.
    `cells` are the ids of the cells that ran, `error` what one of them raised; empty when all did what they did in
    the run.
    """

    loaded: Mapping[str, Mapping[str, Any]]
    missing: Mapping[str, str]
    cells: tuple[str, ...]
    error: str = ""


def run_up_to_failure(made: Reopened) -> Reached:
    """Run a reopened step's cells up to the one that failed, in a kernel that ends with this; save their outputs.

    Raises
    ------
    UsageError
        When this machine does not have the kernel.
    """
    require_kernel(made.kernel)
    with event_loop(), kernel(made.kernel, made.source.parent, KERNEL_ENVIRONMENT) as live:
        client = live.manager.client()
        return run_in(made, client)


def run_in(made: Reopened, client: Any) -> Reached:
    """Run the cells through the asynchronous client of a kernel, and save the notebook with their outputs.

    Raises
    ------
    KernelDied
        When it does.
    """
    from jupyter_core.utils import run_sync
    from nbclient import NotebookClient
    from nbclient.exceptions import DeadKernelError

    # Its texts become whole, where the file has them as lists of lines.
    notebook = import_nbformat().reads(json.dumps(made.document), as_version=4)
    places = up_to(made.document, made.failed_cell)
    runner = NotebookClient(notebook, timeout=None, allow_errors=True, record_timing=False)
    runner.kc = client
    runner.reset_execution_trackers()
    client.start_channels()
    ran: list[str] = []
    error = ""
    try:
        run_sync(client.wait_for_ready)(timeout=START_S)
        for place in places:
            cell = notebook["cells"][place]
            run_sync(runner.async_execute_cell)(cell, place)
            ran.append(cell["id"])
            if error := _error(cell):
                break
    except (DeadKernelError, RuntimeError) as error_of_kernel:
        where = f"in cell `{notebook['cells'][places[len(ran)]]['id']}`" if ran else "before its first cell"
        message = f"The kernel {made.kernel!r} died {where}."
        raise KernelDied(
            message, hint="`mlops-nb open … --no-lab` opens the step and runs nothing."
        ) from error_of_kernel
    finally:
        client.stop_channels()
    write_notebook(notebook, made.notebook)
    told = _told(notebook)
    return Reached(told.get("loaded", {}), told.get("absent", {}), tuple(ran), error)


def _error(cell: Mapping[str, Any]) -> str:
    if "raises-exception" in cell["metadata"].get("tags", ()):
        return ""
    return next((f"{o['ename']}: {o['evalue']}" for o in cell["outputs"] if o["output_type"] == "error"), "")


def _told(notebook: Mapping[str, Any]) -> Mapping[str, Any]:
    outputs = [output for cell in notebook["cells"] if cell.get("id") == LOAD for output in cell["outputs"]]
    return next((output["data"][REOPENED_MIME] for output in outputs if REOPENED_MIME in output.get("data", {})), {})
