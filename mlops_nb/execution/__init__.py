"""Pipeline and parameters become a run: Papermill, kernels, events, limits, cancellation."""

from mlops_nb.execution.events import RunEvent, silent
from mlops_nb.execution.kernels import KernelFailed, Watch
from mlops_nb.execution.run import RunRequest, RunResult, new_run_id, run_plan

__all__ = ["KernelFailed", "RunEvent", "RunRequest", "RunResult", "Watch", "new_run_id", "run_plan", "silent"]
