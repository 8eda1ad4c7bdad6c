"""Run one step's notebook with Papermill, in a kernel of its own, and read what came of it.

The executed notebook is saved as it goes: when the step fails, or the machine does, the cells done so far are there
with their outputs. It counts as done when its last cell published the evidence, and only then; how the execution
ended otherwise is told from the notebook itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from mlops_nb.execution.kernels.kernel import Kernel, Watch, event_loop, kernel
from mlops_nb.execution.resources import bind
from mlops_nb.handover import EVIDENCE_MIME
from mlops_nb.metadata import StepError
from mlops_nb.notebook import write_notebook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
# Strings hash alike in every kernel, so that the order of a set does not change at a step's boundary.
KERNEL_ENVIRONMENT = {"PYTHONHASHSEED": "0", "PYDEVD_DISABLE_FILE_VALIDATION": "1", "OMP_WAIT_POLICY": "PASSIVE"}


@dataclass(frozen=True)
class Limits:
    """What one try of a step may use."""

    timeout_s: float | None = None
    memory_mb: int | None = None
    cpus: int | None = None


@dataclass(frozen=True)
class KernelKind:
    """What kind of kernel it was: `fork` or `cold`, why, and whether a person should be told; empty when unknown."""

    isolation: str = ""
    because: str = ""
    notice: str = ""


@dataclass(frozen=True)
class Outcome:
    """How a step's notebook ended: `evidence` when it succeeded, else an `error`, else why it was `ended`."""

    evidence: Mapping[str, Any] = field(default_factory=dict, hash=False)
    error: StepError | None = None
    ended: str = ""
    cancelled: bool = False
    fork_died: bool = False
    kernel: KernelKind = KernelKind()

    @property
    def succeeded(self) -> bool:
        """Say whether the step ran to its end."""
        return bool(self.evidence)


@dataclass(frozen=True)
class Ending:
    """How the cells of a notebook ended, beside what the notebook itself says.

    `crashed` is what broke the execution, `ended` why we ended it; both empty when the cells just ran. `fork_died`
    when the kernel was a forked one, and a signal that was not ours ended it.
    """

    crashed: str = ""
    ended: str = ""
    fork_died: bool = False
    kernel: KernelKind = KernelKind()


class Session(Protocol):
    """A kernel for the notebook of a step, and of the next one when a value cannot leave it."""

    def run(
        self,
        place: Path,
        parameters: Mapping[str, Any],
        limits: Limits,
        on_cell: Callable[[str, str], None],
    ) -> Ending:
        """Run the notebook at `place` in place, saving it as it goes.

        Parameters
        ----------
        place
            The notebook file.
        parameters
            Values that Papermill injects.
        limits
            Time, memory and cores.
        on_cell
            Called with `started` or `done` and the cell's id.
        """

    def let_end(self) -> None:
        """Have the kernel end by itself when the session is over: it has something to do then."""


@dataclass(frozen=True)
class KernelSession:
    """A session in a kernel of its own, driven by Papermill."""

    live: Kernel
    kernel_name: str
    watch: Watch

    def run(
        self,
        place: Path,
        parameters: Mapping[str, Any],
        limits: Limits,
        on_cell: Callable[[str, str], None],
    ) -> Ending:
        """Run a notebook in this kernel."""
        # Papermill takes a second to import; a run whose steps are all cached never needs it.
        from mlops_nb.execution.engine import execute

        # Each time: the next step in the same kernel may have other limits.
        bind(self.live.pid, limits.cpus)
        with self.watch.over(self.live, timeout_s=limits.timeout_s, memory_mb=limits.memory_mb):
            crashed = execute(place, parameters, self.kernel_name, self.live, on_cell)
        live = self.live
        kind = KernelKind("fork" if live.forked else "cold", live.why_cold, live.notice)
        return Ending(crashed, live.ended, bool(crashed) and live.fork_died, kind)

    def let_end(self) -> None:
        """Have the kernel end by itself."""
        self.live.gentle = True


@dataclass(frozen=True)
class Kernels:
    """Opens sessions in Jupyter kernels; it is an `OpenSession`.

    Parameters
    ----------
    isolation
        `fork`: kernels are forked from a template where that can be. `cold`: each is a new interpreter.
    packages
        Modules that a template loads ahead, those that are installed.
    threads
        How many threads a step's numerical libraries may use: as many as they like when `None`; `share`, which a run
        replaces, for a share of the cores when steps run at the same time.
    """

    isolation: str = "fork"
    packages: tuple[str, ...] = ()
    threads: int | str | None = None

    @contextlib.contextmanager
    def __call__(self, kernel_name: str, cwd: Path, watch: Watch) -> Iterator[Session]:
        """Open a session in a new kernel; the kernel is gone when the block ends."""
        environment = dict(KERNEL_ENVIRONMENT)
        if self.threads is not None and "OMP_NUM_THREADS" not in os.environ:
            # OpenBLAS, MKL and numexpr go by it too where their own variable is not set.
            environment["OMP_NUM_THREADS"] = str(self.threads)
        packages = self.packages if self.isolation == "fork" else None
        with event_loop(), kernel(kernel_name, cwd, environment, packages) as live:
            yield KernelSession(live, kernel_name, watch)


kernel_session = Kernels()


def run_notebook(  # noqa: PLR0913 - what a run of a notebook consists of
    document: Mapping[str, Any],
    place: Path,
    session: Session,
    *,
    parameters: Mapping[str, Any],
    limits: Limits,
    watch: Watch,
    on_cell: Callable[[str, str], None],
) -> Outcome:
    """Execute a step's notebook in a session.

    Parameters
    ----------
    document
        The notebook that runs the step.
    place
        Where the executed notebook goes.
    session
        The kernel.
    parameters
        Values that Papermill injects.
    limits
        Time, memory and cores of this try.
    watch
        The run's watch, which carries its cancellation.
    on_cell
        Called with `started` or `done` and the cell's id.
    """
    write_notebook(document, place)
    if watch.cancelled.is_set():
        return Outcome(ended=watch.why_cancelled, cancelled=True)
    ending = session.run(place, parameters, limits, on_cell)
    outcome = _outcome(json.loads(place.read_text(encoding="utf-8")), ending.ended, ending.crashed, watch)
    if outcome.evidence.get("holds_back"):
        session.let_end()
    return replace(outcome, fork_died=ending.fork_died, kernel=ending.kernel)


def _outcome(executed: Mapping[str, Any], ended: str, crashed: str, watch: Watch) -> Outcome:
    cells = [cell for cell in executed["cells"] if cell["cell_type"] == "code"]
    evidence, error = _found(cells)
    if evidence and not ended and not crashed:
        return Outcome(evidence=evidence)
    if ended:
        return Outcome(error=error, ended=ended, cancelled=watch.cancelled.is_set())
    if error is not None:
        if error.ename == "ModuleNotFoundError" and error.cell_id.startswith("mlops-nb-"):
            why = f"its kernel cannot hand over the state ({error.evalue}); install mlops_nb in its environment"
            return Outcome(error=error, ended=why)
        return Outcome(error=error)
    if crashed:
        begun = [cell for cell in cells if cell["metadata"].get("papermill", {}).get("status") in {"running", "failed"}]
        crashed += f" in cell `{begun[-1].get('id')}`" if begun else ""
    why = crashed or "its last cell did not run: a cell ended the kernel (`sys.exit`, `exit`)"
    return Outcome(ended=why, cancelled=watch.cancelled.is_set())


def _found(cells: list[dict[str, Any]]) -> tuple[dict[str, Any], StepError | None]:
    """Return the evidence among the outputs, and the first exception that was not expected."""
    evidence: dict[str, Any] = {}
    error: StepError | None = None
    for number, cell in enumerate(cells, 1):
        expected = "raises-exception" in cell["metadata"].get("tags", [])
        for output in cell["outputs"]:
            if output["output_type"] == "error" and error is None and not expected:
                error = _error(cell, number, output)
            with contextlib.suppress(KeyError):
                evidence = output["data"][EVIDENCE_MIME]
    return evidence, error


def _error(cell: Mapping[str, Any], number: int, output: Mapping[str, Any]) -> StepError:
    traceback = "\n".join(output.get("traceback", ()))
    return StepError(
        cell_id=str(cell.get("id", "")),
        cell_number=number,
        ename=str(output.get("ename", "")),
        evalue=str(output.get("evalue", "")),
        traceback=_ANSI.sub("", traceback),
    )
