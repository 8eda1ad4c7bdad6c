"""Which processes libraries launch for a step that nobody hears: joblib's workers, and those that are spawned.

Neither raises an audit event, and both are new interpreters in which nobody listens. How many there have been is
counted by those who launch them.
"""

from __future__ import annotations

import sys
import types
from typing import TYPE_CHECKING, Any, NamedTuple

from mlops_nb.artifacts import is_of_project

if TYPE_CHECKING:
    from collections.abc import Mapping

SPAWNED = "starts processes of its own, and nobody sees what they read"
_WORKERS = "joblib.externals.loky.reusable_executor"
_SPAWNING = tuple(f"multiprocessing.popen_{how}" for how in ("spawn_posix", "spawn_win32", "forkserver"))


class Launched(NamedTuple):
    """What has been launched so far: processes, whether some may have been spawned, and tasks of joblib's workers."""

    processes: str
    spawned: bool
    tasks: tuple[int, int]


def launched() -> Launched:
    """Return what this process has launched so far."""
    counter = getattr(sys.modules.get("multiprocessing.process"), "_process_counter", "")
    executor = getattr(sys.modules.get(_WORKERS), "_executor", None)
    tasks = (id(executor), getattr(executor, "_queue_count", 0))
    return Launched(repr(counter), any(name in sys.modules for name in _SPAWNING), tasks)


def reaching_joblib(namespace: Mapping[str, Any]) -> list[str]:
    """Return the names by which a notebook has functions run in joblib's workers: its own, or its modules'."""
    joblib = sys.modules.get("joblib")
    ways = [joblib, *(vars(joblib)[name] for name in ("Parallel", "delayed"))] if joblib is not None else []

    def is_one(value: Any) -> bool:
        return any(value is way for way in ways)

    def is_of_such_a_module(value: Any) -> bool:
        if not isinstance(value, types.ModuleType | types.FunctionType | type):
            return False
        module = value if isinstance(value, types.ModuleType) else sys.modules.get(value.__module__ or "")
        return module is not None and is_of_project(module.__name__) and any(map(is_one, vars(module).values()))

    return [name for name, value in namespace.items() if is_one(value) or is_of_such_a_module(value)]
