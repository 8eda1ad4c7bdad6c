"""Pipeline and parameters become a run: Papermill, kernels, events, limits, cancellation."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mlops_nb.execution.events import RunEvent, silent
    from mlops_nb.execution.kernels.kernel import KernelFailed, Watch
    from mlops_nb.execution.notebook_run import Ending, Kernels, Limits, Session, kernel_session
    from mlops_nb.execution.run import run_plan
    from mlops_nb.execution.run_request import RunRequest, RunResult, new_run_id
    from mlops_nb.execution.step_record import OpenSession

__all__ = [
    "Ending",
    "KernelFailed",
    "Kernels",
    "Limits",
    "OpenSession",
    "RunEvent",
    "RunRequest",
    "RunResult",
    "Session",
    "Watch",
    "kernel_session",
    "new_run_id",
    "run_plan",
    "silent",
]

_PLACES = {
    "Ending": "notebook_run",
    "KernelFailed": "kernels.kernel",
    "Kernels": "notebook_run",
    "Limits": "notebook_run",
    "OpenSession": "step_record",
    "RunEvent": "events",
    "RunRequest": "run_request",
    "RunResult": "run_request",
    "Session": "notebook_run",
    "Watch": "kernels.kernel",
    "kernel_session": "notebook_run",
    "new_run_id": "run_request",
    "run_plan": "run",
    "silent": "events",
}


def __getattr__(name: str) -> object:
    # The template of forked kernels is a file of this room, and must stay free of all that runs a pipeline.
    if name in _PLACES:
        return getattr(import_module(f"mlops_nb.execution.{_PLACES[name]}"), name)
    message = f"module {__name__!r} has no attribute {name!r}"
    raise AttributeError(message)
