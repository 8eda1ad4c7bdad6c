"""What cannot leave its process: told before pickle refuses it, or worse, gives it back as something else."""

from __future__ import annotations

import atexit
import dis
import gc
import io
import sys
import types
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import has_hooks, is_of_project, made_by_hand, project_modules

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class CannotLeaveProcess(Exception):  # noqa: N818 - told to the caller as a fact
    """The value is tied to its process: an open file, a generator, a lock, a connection."""


# How the reason ends why an object stays in its process whose end runs the notebook's code.
ACTS_AT_ITS_END = "when it ends, and each copy would"
_GENERATORS = {types.GeneratorType: "gi_frame", types.AsyncGeneratorType: "ag_frame"}
_FILES = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)
_STANDARD_STREAMS = 2
_TEMPORARY = frozenset({"TemporaryDirectory", "_TemporaryFileWrapper", "SpooledTemporaryFile"})


# Types that pickle refuses, or worse, accepts and gives back as something else.
_BOUND_TO_PROCESS = {
    # cloudpickle copies the bytes behind it.
    "memoryview": {"builtins"},
    # cloudpickle turns an open text file into a StringIO of its content.
    "TextIOWrapper": {"_io"},
    "BufferedReader": {"_io"},
    "BufferedWriter": {"_io"},
    "BufferedRandom": {"_io"},
    "FileIO": {"_io"},
    "generator": {"builtins"},
    "coroutine": {"builtins"},
    "async_generator": {"builtins"},
    "ZMQInteractiveShell": {"ipykernel.zmqshell"},
    # It comes back by its name, and arrays over it as copies.
    "SharedMemory": {"multiprocessing.shared_memory"},
    "MemoizedFunc": {"joblib.memory"},
    "callable_iterator": {"builtins"},
    # These come back as an iterator over a list of what is left.
    "dict_keyiterator": {"builtins"},
    "dict_valueiterator": {"builtins"},
    "dict_itemiterator": {"builtins"},
    "dict_reversekeyiterator": {"builtins"},
    "dict_reversevalueiterator": {"builtins"},
    "dict_reverseitemiterator": {"builtins"},
    "set_iterator": {"builtins"},
}


def check(value: Any, namespace: Mapping[str, Any]) -> None:
    """Refuse a value, of any type but a function, that is tied to its process.

    Raises
    ------
    CannotLeaveProcess
        When it is.
    """
    kind = type(value)
    if type(kind).__module__ == "_ctypes":
        message = f"a {kind.__name__} of ctypes is memory of its process"
    elif kind is types.ModuleType and made_by_hand(value):
        message = f"the module {value.__name__} was made by the notebook, and no file has it"
    elif isinstance(value, type):
        _check_class(value, namespace)
        return
    elif isinstance(value, BaseException):
        _check_exception(value, namespace)
        return
    elif kind.__module__ == "unittest.mock":
        # Each has a class of its own, which pickle makes again without end.
        message = f"a {kind.__name__} is a mock, and would come back as another"
    elif has_hooks(kind, namespace):
        message = f"{kind.__name__} says itself what pickle sees of it, so a copy may be another"
    elif acts := _acts(value, namespace):
        message = f"a {kind.__name__} {acts} {ACTS_AT_ITS_END}"
    elif kind.__name__ in _BOUND_TO_PROCESS and kind.__module__ in _BOUND_TO_PROCESS[kind.__name__]:
        message = f"a {kind.__name__} lives in its process only"
    else:
        return
    raise CannotLeaveProcess(message)


def _acts(value: Any, namespace: Mapping[str, Any]) -> str:
    """Return what an object does when it ends, once, where the notebook ends it; nothing for most."""
    kind = type(value)
    if kind in _FILES:
        name = getattr(value, "name", None)
        # Taken apart by `detach`, it says nothing.
        with suppress(ValueError):
            if not value.closed and value.writable():
                return (
                    f"writes what it holds back to `{name}`" if isinstance(name, str) else "writes what it holds back"
                )
        return ""
    return _acts_before_the_process_ends(value, kind, namespace)


def _acts_before_the_process_ends(value: Any, kind: type, namespace: Mapping[str, Any]) -> str:
    """Return what an object does when it ends that must not be done only because its process does."""
    if kind in _GENERATORS:
        return "leaves its `try` or `with`" if _is_within(getattr(value, _GENERATORS[kind]), namespace) else ""
    if kind.__module__ == "tempfile" and kind.__name__ in _TEMPORARY:
        return "takes away what it made"
    return "runs its `__del__`" if acts_at_its_end(kind, namespace) else ""


def _is_within(frame: types.FrameType | None, namespace: Mapping[str, Any]) -> bool:
    """Say whether a generator of the notebook or the project has begun, and has code for the case that it is ended."""
    if frame is None or not frame.f_code.co_exceptiontable or frame.f_lasti < 0:
        return False
    begun = any(
        order.offset <= frame.f_lasti and order.opname == "YIELD_VALUE" for order in dis.get_instructions(frame.f_code)
    )
    return begun and (frame.f_globals is namespace or is_of_project(str(frame.f_globals.get("__name__"))))


def acts_at_its_end(kind: type, namespace: Mapping[str, Any]) -> bool:
    """Say whether code of the notebook or the project runs when an instance ends: once, where the notebook ends it."""
    hook = next((vars(base)["__del__"] for base in kind.__mro__ if "__del__" in vars(base)), None)
    return isinstance(hook, types.FunctionType) and (
        hook.__globals__ is namespace or hook.__module__ == "__main__" or is_of_project(hook.__module__)
    )


def _check_class(kind: type, namespace: Mapping[str, Any]) -> None:
    """Refuse a class that cannot be made again without running the notebook's code."""
    if type(kind).__module__ == "_ctypes" and not hasattr(sys.modules.get(kind.__module__), kind.__name__):
        message = f"{kind.__name__} is a type that ctypes made in its process"
        raise CannotLeaveProcess(message)
    if kind.__module__ != "__main__":
        return
    if vars(kind).get("__slots__"):
        # cloudpickle makes it again with a `__dict__`.
        message = f"the class {kind.__name__} has slots, and its copy would not"
        raise CannotLeaveProcess(message)
    hooks = [vars(base).get("__init_subclass__") for base in kind.__mro__[1:]]
    if type(kind).__module__ == "__main__" or any(
        getattr(hook, "__func__", hook) is not None
        and getattr(getattr(hook, "__func__", hook), "__globals__", None) is namespace
        for hook in hooks
    ):
        message = f"making the class {kind.__name__} again would run the notebook's code for new classes"
        raise CannotLeaveProcess(message)


def _check_exception(error: BaseException, namespace: Mapping[str, Any]) -> None:
    """Refuse an exception of which pickle would lose a part."""
    own = vars(type(error)).get("__init__")
    if (
        error.__traceback__ is not None
        or error.__cause__ is not None
        or (isinstance(own, types.FunctionType) and own.__globals__ is namespace)
    ):
        message = f"a {type(error).__name__} leaves its traceback, its cause or its arguments behind"
        raise CannotLeaveProcess(message)


def end_quietly(namespace: Mapping[str, Any], problems: Iterable[str]) -> bool:
    """See to it that what has not ended when this process does acts no more: the notebook goes on elsewhere.

    Parameters
    ----------
    namespace
        The notebook's.
    problems
        Why its variables cannot leave the process.

    Returns
    -------
    bool
        Whether the process must be let end by itself: a file still holds back what was written to it, or the notebook,
        or a module of the project, knows how to be called back then.
    """
    found = [problem for problem in problems if problem]
    if any(problem.endswith(ACTS_AT_ITS_END) for problem in found):
        atexit.unregister(_keep)
        atexit.register(_keep, namespace)
    # Who holds an open file stays for some reason or other: an archive for its lock.
    return _is_called_back(namespace) or (bool(found) and any(map(_holds_back, gc.get_objects())))


def _is_called_back(namespace: Mapping[str, Any]) -> bool:
    spaces = (namespace, *(vars(module) for _, module in project_modules()))
    callers = {id(atexit), id(atexit.register), id(weakref.finalize)}
    return any(id(value) in callers for names in spaces for value in list(names.values()))


def _holds_back(value: Any) -> bool:
    if type(value) not in _FILES:
        return False
    # Taken apart by `detach`, or over something that is no file.
    with suppress(OSError, ValueError):
        return not value.closed and bool(value.writable()) and value.fileno() > _STANDARD_STREAMS
    return False


def let_variables_end() -> None:
    """Have the variables end when this process does, after whatever else the notebook has called then."""
    atexit.unregister(end_variables)
    atexit.register(end_variables)


def end_variables() -> None:
    """Let go of the notebook's variables, and write what files hold back, as an interpreter does at its end.

    What we know of a notebook's objects would keep them until it is too late for that.
    """
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is not None:
        shell.user_ns.clear()
        for own in [name for name in vars(shell) if name.startswith("_mlops_nb")]:
            delattr(shell, own)
    gc.collect()
    for held in gc.get_objects():
        if _holds_back(held):
            with suppress(OSError, ValueError):
                held.flush()


def _keep(namespace: Mapping[str, Any]) -> None:
    import ctypes

    for value in gc.get_objects():
        if _acts_before_the_process_ends(value, type(value), namespace):
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))
            if type(value).__name__ == "TemporaryDirectory":
                value._finalizer.detach()  # noqa: SLF001 - Python calls it at the end whoever holds the object
