"""What this machine has of what a step's settings ask for, and how a kernel is bound to its share of it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_nb.execution.capacity import cores

if TYPE_CHECKING:
    from mlops_nb.notebook import StepSettings

_NVIDIA = Path("/proc/driver/nvidia/gpus")
_PROC = Path("/proc")


def gpus() -> int:
    """Return how many GPUs this process may use: NVIDIA's, as far as `CUDA_VISIBLE_DEVICES` shows them."""
    found = len(list(_NVIDIA.iterdir())) if _NVIDIA.is_dir() else 0
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        return found
    return min(found, sum(item.strip() not in {"", "-1"} for item in visible.split(",")))


def lacking(settings: StepSettings) -> str:
    """Return what a step asks for and this machine does not have, as a sentence; empty when it has all."""
    if settings.cpus is not None and settings.cpus > cores():
        return f"it asks for {settings.cpus} cores, and this machine gives {cores()}"
    if settings.gpus is not None and settings.gpus > gpus():
        return f"it asks for {settings.gpus} GPU{'s' if settings.gpus > 1 else ''}, and this machine gives {gpus()}"
    return ""


def bind(pid: int, cpus: int | None) -> None:
    """Let a process, with all its threads and children to come, run on so many cores; on all of ours when `None`.

    Where the system cannot bind a process (macOS), nothing happens.
    """
    if not hasattr(os, "sched_setaffinity"):
        return
    allowed = sorted(os.sched_getaffinity(0))
    # Kernels that run at the same time do not all get the first core.
    begin = pid % len(allowed) if cpus is not None else 0
    chosen = {allowed[(begin + place) % len(allowed)] for place in range(cpus or len(allowed))}
    with contextlib.suppress(OSError):
        if os.sched_getaffinity(pid) == chosen:
            return
        for thread in (_PROC / str(pid) / "task").iterdir():
            # A thread may have ended since it was listed.
            with contextlib.suppress(OSError):
                os.sched_setaffinity(int(thread.name), chosen)
