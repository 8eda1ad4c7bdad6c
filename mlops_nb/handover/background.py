"""What the notebook's code has started and what still runs when a step ends: nobody can carry it.

In the notebook it goes on while later cells run, and they see what it does. So the steps that follow stay in its
process. Threads, tasks of the event loop, processes. Pools that only wait for work do not count, nor does what
libraries keep for themselves: a thread counts by the code that it runs or is to run.
"""

from __future__ import annotations

import asyncio
import functools
import os
import sys
import threading
import types
from contextlib import suppress
from pathlib import Path

# A notebook may put something else in its place, to test code with.
from time import sleep
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import is_of_project

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNNING = "@running:"
STILL_RUNS = "it still ran when the step that started it had ended"
# In these a worker of a pool waits for work; whatever it runs stands in another module.
_WAITING = frozenset({"threading", "queue", "concurrent.futures.thread", "multiprocessing.pool"})
_WORKERS = frozenset({("concurrent.futures.thread", "_worker"), ("multiprocessing.pool", "worker")})
# Those that multiprocessing, joblib and the like keep until their process ends.
_HELPERS = (b"resource_tracker", b"multiprocessing.forkserver", b"multiprocessing.spawn", b"loky")
# Whose calls the event loop of every kernel holds.
_OF_KERNEL = frozenset({"asyncio", "_asyncio", "tornado", "zmq", "ipykernel", "IPython", "anyio", "mlops_nb"})
# A worker that has given its result is on its way back to waiting.
_GRACE_S = 0.01


def children() -> frozenset[int]:
    """Return the process ids of this process's children; none where the system does not tell."""
    found: set[int] = set()
    with suppress(OSError):
        for thread in os.listdir("/proc/self/task"):  # noqa: PTH208 - asked after each step
            with suppress(OSError), open(f"/proc/self/task/{thread}/children", "rb") as told:  # noqa: PTH123
                found.update(map(int, told.read().split()))
    return frozenset(found)


def running(namespace: dict[str, Any], known: frozenset[int]) -> tuple[str, ...]:
    """Return what still runs, in words that are the same in each run.

    Parameters
    ----------
    namespace
        The notebook's.
    known
        Children of this process that were there before.
    """
    threads = list(_threads(namespace))
    if threads:
        sleep(_GRACE_S)
        threads = list(_threads(namespace))
    return tuple(sorted({*threads, *_scheduled(namespace), *_processes(namespace, known)}))


def _threads(namespace: dict[str, Any]) -> Iterator[str]:
    others = [
        thread
        for thread in threading.enumerate()
        if thread is not threading.main_thread() and thread is not threading.current_thread()
    ]
    # Every kernel has some, which run none of the notebook's code.
    stacks = sys._current_frames() if others else {}  # noqa: SLF001 - there is no other way to see what a thread runs
    for thread in others:
        modules = list(_stack(stacks.get(thread.ident or 0)))
        given = getattr(thread, "_target", None) or getattr(thread, "function", None)
        if (given.__module__, getattr(given, "__name__", "")) in _WORKERS if hasattr(given, "__module__") else False:
            if any(module.get("__name__") not in _WAITING for module in modules):
                yield "work of a pool"
        elif _is_ours(given, namespace) or _is_ours(type(thread), namespace):
            yield f"the thread {getattr(given, '__name__', type(thread).__name__)}"
        elif any(_is_home(module, namespace) for module in modules):
            yield "a thread"


def _stack(frame: types.FrameType | None) -> Iterator[dict[str, Any]]:
    while frame is not None:
        yield frame.f_globals
        frame = frame.f_back


def _is_home(home: dict[str, Any], namespace: dict[str, Any]) -> bool:
    """Say whether these are the globals of the notebook's code or the project's."""
    return home is namespace or is_of_project(str(home.get("__name__")))


def _is_ours(value: Any, namespace: dict[str, Any]) -> bool:
    """Say whether code is the notebook's or the project's."""
    value = _unwrapped(value)
    value = getattr(value, "__func__", value)
    if getattr(value, "__globals__", None) is namespace:
        return True
    module = getattr(value, "__module__", None)
    return isinstance(module, str) and (module == "__main__" or is_of_project(module))


def _scheduled(namespace: dict[str, Any]) -> Iterator[str]:
    loop = asyncio._get_running_loop()  # noqa: SLF001 - the public ones raise where none runs, or make one
    if loop is None:
        with suppress(Exception):
            loop = getattr(asyncio.get_event_loop_policy(), "_local")._loop  # noqa: B009, SLF001
    if loop is None or loop.is_closed():
        return
    for task in asyncio.all_tasks(loop):
        coroutine: Any = task.get_coro()
        # A library's coroutine may wait for one of the notebook's.
        while coroutine is not None:
            frame = getattr(coroutine, "cr_frame", None)
            home = frame.f_globals if frame is not None else {}
            if _is_home(home, namespace):
                yield f"the task {coroutine.__name__}"
                break
            coroutine = getattr(coroutine, "cr_await", None)
    for handle in getattr(loop, "_scheduled", ()):
        callback = _unwrapped(getattr(handle, "_callback", None))
        # Whose list it is that `append` lets grow nobody can say.
        counts = (
            isinstance(callback, types.BuiltinFunctionType)
            and type(callback.__self__).__module__.split(".")[0] not in _OF_KERNEL
        ) or any(_is_code_of_ours(value, namespace) for value in _called(handle))
        if counts and not handle.cancelled():
            yield f"the call of {getattr(callback, '__name__', 'a function')}"


def _called(handle: Any) -> Iterator[Any]:
    """Yield what an event loop is to call, what it hands over, and what an object of a library calls in turn."""
    waiting = [getattr(handle, "_callback", None), *(getattr(handle, "_args", None) or ())]
    while waiting:
        value = waiting.pop()
        if isinstance(value, functools.partial):
            waiting += [value.func, *value.args, *value.keywords.values()]
            continue
        yield value
        owner = getattr(value, "__self__", None)
        if owner is not None and type(owner).__module__.split(".")[0] not in _OF_KERNEL:
            yield from list(getattr(owner, "__dict__", {}).values())


def _unwrapped(callback: Any) -> Any:
    while isinstance(callback, functools.partial):
        callback = callback.func
    return callback


def _is_code_of_ours(value: Any, namespace: dict[str, Any]) -> bool:
    """Say whether a value is code of the notebook or the project."""
    frame = getattr(value, "cr_frame", None)
    if frame is not None:
        return _is_home(frame.f_globals, namespace)
    return callable(value) and (_is_ours(value, namespace) or _is_ours(type(value), namespace))


def _processes(namespace: dict[str, Any], known: frozenset[int]) -> Iterator[str]:
    managed: dict[int | None, Any] = {}
    if "multiprocessing.process" in sys.modules:
        managed = {child.pid: child for child in sys.modules["multiprocessing.process"].active_children()}
    for child in managed.values():
        given = getattr(child, "_target", None)
        if _is_ours(given, namespace) or _is_ours(type(child), namespace):
            yield f"the process {getattr(given, '__name__', type(child).__name__)}"
    for thread in threading.enumerate():
        if getattr(thread, "pending_work_items", None):
            yield "work of a pool"
    for pid in children() - known - managed.keys():
        place = Path("/proc", str(pid))
        with suppress(OSError, IndexError):
            state = place.joinpath("stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
            line = place.joinpath("cmdline").read_bytes()
            program = place.joinpath("exe").readlink()
            # A package's own program, such as a browser that draws its pictures, is the package's.
            if state not in "ZX" and "-packages" not in str(program) and not any(name in line for name in _HELPERS):
                yield f"the process {program.name}"
