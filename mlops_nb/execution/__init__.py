"""Pipeline and parameters become a run: Papermill, kernels, events, limits, cancellation."""

from mlops_nb.execution.events import RunEvent, silent
from mlops_nb.execution.kernels import KernelFailed, Watch
from mlops_nb.execution.notebook_run import Ending, Limits, Session, kernel_session
from mlops_nb.execution.run import RunRequest, RunResult, new_run_id, run_plan
from mlops_nb.execution.step_record import OpenSession

__all__ = [
    "Ending",
    "KernelFailed",
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
