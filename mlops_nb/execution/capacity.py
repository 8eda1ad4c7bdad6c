"""How many steps may run at once on this machine, and how many threads each of them may use then."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlops_nb.pipeline import Plan

# What a step with a table or two takes; a person who knows better says `--workers`.
_STEP_BYTES = 1 << 30


def cores() -> int:
    """Return how many cores this process may use: its affinity, and the quota of its control group."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="utf-8").split()
        return max(1, min(allowed, int(quota) // int(period)))
    except (OSError, ValueError):
        # No control group, or `max`: no quota.
        return max(1, allowed)


def default_workers() -> int:
    """Return how many steps may run at once where nobody says: one a core, as far as memory goes."""
    return max(1, min(cores(), _available_bytes() // _STEP_BYTES))


def _available_bytes() -> int:
    # As psutil reads it, whose import costs a cached run more than the run.
    try:
        told = Path("/proc/meminfo").read_text(encoding="ascii").partition("MemAvailable:")[2].split()
        return int(told[0]) << 10
    except (OSError, ValueError, IndexError):
        import psutil

        return int(psutil.virtual_memory().available)


def at_once(plan: Plan, workers: int) -> int:
    """Return how many of the steps that will run can run at the same time."""
    depth: dict[str, int] = {}
    waiting = {planned.name for planned in plan.to_run}
    for planned in plan.steps:
        before = (depth[name] + (name in waiting) for name in {*planned.needs, *planned.after} if name in depth)
        depth[planned.name] = max(before, default=0)
    at = [depth[name] for name in waiting]
    return min(workers, max((at.count(level) for level in set(at)), default=1))


def threads_each(steps: int) -> int | None:
    """Return how many threads the numerical libraries of each of so many steps may use; as they like when alone.

    The number of threads may change the last digits of a sum. A step that runs alone has those of the notebook.
    """
    return max(1, cores() // steps) if steps > 1 else None
