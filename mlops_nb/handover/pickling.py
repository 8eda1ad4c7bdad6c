"""Pickle values of a notebook so that they come back as what they were.

cloudpickle carries functions and classes that no module holds, but gives each function a private copy of the globals
it reads. In a notebook those globals are *the notebook*: a later cell may bind them again and an earlier function must
see it. So here:

1. a function of the notebook is rebuilt on the globals of the kernel it is thawed in;
2. closures share their cells, so that two functions over one counter still count together;
3. a stateless function met in two separately stored values is one object again (`Identities`);
4. views on one array stay views on it, when the caller says whose memory is shared;
5. an array that refuses writes refuses them again.
"""

from __future__ import annotations

import functools
import io
import types
import weakref
from typing import TYPE_CHECKING, Any

import cloudpickle

from mlops_nb.artifacts import behind, fingerprint, has_hooks, stateless

if TYPE_CHECKING:
    import pickle
    from collections.abc import Callable, Mapping

    import numpy as np


_LRU_CACHE = type(functools.lru_cache(id))


class CannotLeaveProcess(Exception):  # noqa: N818 - told to the caller as a fact
    """The value is tied to its process: an open file, a generator, a lock, a connection."""


class Identities:
    """Which stateless function stands for which token in this process."""

    def __init__(self) -> None:
        self._by_token: dict[str, types.FunctionType] = {}
        self._tokens: weakref.WeakKeyDictionary[types.FunctionType, str] = weakref.WeakKeyDictionary()

    def token(self, function: types.FunctionType, namespace: Mapping[str, Any]) -> str:
        """Return the function's token, making one when it is met for the first time."""
        known = self._tokens.get(function)
        if known is None:
            content = fingerprint(function, namespace=namespace)
            number = 0
            while self._by_token.get(f"{content}:{number}") not in {None, function}:
                number += 1
            known = f"{content}:{number}"
            self.learn(known, function)
        return known

    def learn(self, token: str, function: types.FunctionType) -> types.FunctionType:
        """Return the function that already stands for the token, or let this one stand for it."""
        kept = self._by_token.setdefault(token, function)
        self._tokens[kept] = token
        return kept


class NotebookPickler(cloudpickle.Pickler):  # type: ignore[misc]
    """A cloudpickle that knows the notebook's namespace.

    Parameters
    ----------
    namespace
        The kernel's globals.
    identities
        The tokens of this process.
    owners
        Ids of arrays whose memory several values of this pickle share.
    roots
        Ids of objects that are stored elsewhere, with the token that stands for each.
    """

    def __init__(  # noqa: PLR0913 - what freezing depends on
        self,
        file: io.BytesIO,
        *,
        namespace: Mapping[str, Any],
        identities: Identities,
        owners: frozenset[int],
        buffer_callback: Callable[[pickle.PickleBuffer], Any] | None,
        roots: Mapping[int, str],
    ) -> None:
        super().__init__(file, protocol=5, buffer_callback=buffer_callback)
        self._namespace = namespace
        self._identities = identities
        self._owners = owners
        self._roots = roots

    def reducer_override(self, obj: Any) -> Any:  # noqa: C901 - one branch a kind
        """Reduce what cloudpickle would reduce to something else than it was."""
        kind = type(obj)
        if kind is types.FunctionType:
            if obj.__globals__ is self._namespace:
                return self._reduce_function(obj)
        elif kind is types.CellType:
            return self._reduce_cell(obj)
        elif kind in _VIEWS:
            return _VIEWS[kind], (behind(obj),)
        elif kind is functools.cached_property:
            # Python 3.11's holds a lock, which guards nothing that outlives a call.
            return functools.cached_property, (obj.func,), {"attrname": obj.attrname}, None, None, _set_attributes
        elif kind is _LRU_CACHE and _of_notebook(obj, self._namespace):
            return self._reduce_cached(obj)
        elif kind.__module__ == "numpy" and kind.__name__ in {"ndarray", "memmap", "void"}:
            return self._reduce_array(obj)
        elif isinstance(obj, type):
            self._check_class(obj)
        elif isinstance(obj, BaseException):
            self._check_exception(obj)
        elif has_hooks(kind, self._namespace):
            message = f"{kind.__name__} says itself what pickle sees of it, so a copy may be another"
            raise CannotLeaveProcess(message)
        elif kind.__name__ in _BOUND_TO_PROCESS and kind.__module__ in _BOUND_TO_PROCESS[kind.__name__]:
            message = f"a {kind.__name__} lives in its process only"
            raise CannotLeaveProcess(message)
        return super().reducer_override(obj)

    def _reduce_function(self, function: types.FunctionType) -> Any:
        token = self._identities.token(function, self._namespace) if stateless(function) else None
        made = (
            function.__code__,
            function.__name__,
            function.__closure__,
            token,
        )
        state = {
            "__defaults__": function.__defaults__,
            "__kwdefaults__": function.__kwdefaults__,
            "__annotations__": function.__annotations__,
            "__qualname__": function.__qualname__,
            "__module__": function.__module__,
            "__doc__": function.__doc__,
            "__dict__": dict(vars(function)),
            "__type_params__": getattr(function, "__type_params__", ()),
        }
        return _make_function, made, state, None, None, _set_function

    @staticmethod
    def _reduce_cell(cell: types.CellType) -> Any:
        try:
            content = (cell.cell_contents,)
        except ValueError:
            return types.CellType, ()
        # The state is set after the cell is known to the pickle: a function may close over itself.
        return types.CellType, (), content, None, None, _set_cell

    @staticmethod
    def _reduce_cached(function: Any) -> Any:
        info = function.cache_info()
        if info.currsize:
            message = f"the cache of `{function.__name__}` holds {info.currsize} results that nobody can read out"
            raise CannotLeaveProcess(message)
        return _make_cached, (function.__wrapped__, function.cache_parameters())

    def _check_class(self, kind: type) -> None:
        """Refuse a class that cannot be made again without running the notebook's code."""
        if kind.__module__ != "__main__":
            return
        if vars(kind).get("__slots__"):
            # cloudpickle makes it again with a `__dict__`.
            message = f"the class {kind.__name__} has slots, and its copy would not"
            raise CannotLeaveProcess(message)
        hooks = [vars(base).get("__init_subclass__") for base in kind.__mro__[1:]]
        if type(kind).__module__ == "__main__" or any(
            getattr(hook, "__func__", hook) is not None
            and getattr(getattr(hook, "__func__", hook), "__globals__", None) is self._namespace
            for hook in hooks
        ):
            message = f"making the class {kind.__name__} again would run the notebook's code for new classes"
            raise CannotLeaveProcess(message)

    def _check_exception(self, error: BaseException) -> None:
        """Refuse an exception of which pickle would lose a part."""
        own = vars(type(error)).get("__init__")
        if (
            error.__traceback__ is not None
            or error.__cause__ is not None
            or (isinstance(own, types.FunctionType) and own.__globals__ is self._namespace)
        ):
            message = f"a {type(error).__name__} leaves its traceback, its cause or its arguments behind"
            raise CannotLeaveProcess(message)

    def _reduce_array(self, array: np.ndarray) -> Any:
        base = _owner(array)
        if type(array).__name__ != "ndarray" or type(base).__name__ == "memmap" or _borrows(base):
            message = f"a {type(array).__name__} over memory that belongs to something else"
            if type(array).__name__ == "void" and array.base is None:
                return NotImplemented
            raise CannotLeaveProcess(message)
        if base is not array and id(base) in self._owners:
            offset = array.__array_interface__["data"][0] - base.__array_interface__["data"][0]
            place = (base, array.dtype, array.shape, array.strides, offset, array.flags.writeable)
            return _make_view, place
        if not array.flags.writeable:
            return _make_readonly, (array.copy(order="K"),)
        return NotImplemented


class ReferringPickler(NotebookPickler):
    """A pickler that stores a token for each object that is stored elsewhere.

    A class of its own, because pickle asks it for every single object.
    """

    def persistent_id(self, obj: Any) -> str | None:
        """Return the token of an object that is stored elsewhere."""
        return self._roots.get(id(obj))


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
    "MemoizedFunc": {"joblib.memory"},
    "callable_iterator": {"builtins"},
}


def _of_notebook(function: Any, namespace: Mapping[str, Any]) -> bool:
    wrapped = getattr(function, "__wrapped__", None)
    return isinstance(wrapped, types.FunctionType) and wrapped.__globals__ is namespace


def _owner(array: np.ndarray) -> np.ndarray:
    import numpy as np

    owner: Any = array
    while True:
        base = owner.base
        if type(base).__name__ == "DummyArray":
            # What `as_strided` puts between a view and its array.
            base = base.base
        if not isinstance(base, np.ndarray):
            return owner  # type: ignore[no-any-return]
        owner = base


def _borrows(array: np.ndarray) -> bool:
    """Say whether an array lies in the memory of a Python object that code can write through."""
    base: Any = array.base
    while isinstance(base, memoryview):
        base = base.obj
    return isinstance(base, bytearray) or type(base).__module__ in {"array", "ctypes", "_ctypes"}


def _make_function(
    code: types.CodeType, name: str, closure: tuple[types.CellType, ...] | None, token: str | None
) -> types.FunctionType:
    """Stand in a pickle for `NotebookUnpickler._make_function`, which knows the kernel it thaws in."""
    raise NotImplementedError(code, name, closure, token)


def _set_function(function: types.FunctionType, state: dict[str, Any]) -> None:
    vars(function).update(state.pop("__dict__"))
    for name, value in state.items():
        if name != "__type_params__" or value:
            setattr(function, name, value)


def _set_attributes(held: Any, state: dict[str, Any]) -> None:
    for name, value in state.items():
        setattr(held, name, value)


def _set_cell(cell: types.CellType, content: tuple[Any]) -> None:
    cell.cell_contents = content[0]


def _make_cached(function: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    return functools.lru_cache(maxsize=parameters["maxsize"], typed=parameters["typed"])(function)


def _make_view(  # noqa: PLR0913, PLR0917 - what defines a view
    base: np.ndarray,
    dtype: Any,
    shape: tuple[int, ...],
    strides: tuple[int, ...],
    offset: int,
    writeable: bool,  # noqa: FBT001
) -> np.ndarray:
    import numpy as np

    if base.flags.c_contiguous and not base.dtype.hasobject:
        view: np.ndarray = np.ndarray(shape, dtype, base.reshape(-1).view(np.uint8), offset, strides)
    else:
        # A base in another layout: the same bytes from its first element on.
        flat = np.lib.stride_tricks.as_strided(base, (base.size,), (base.itemsize,))
        view = np.ndarray(shape, dtype, flat, offset, strides)
    view.flags.writeable = writeable
    return view


def _make_keys(mapping: dict[Any, Any]) -> Any:
    return mapping.keys()


def _make_values(mapping: dict[Any, Any]) -> Any:
    return mapping.values()


def _make_items(mapping: dict[Any, Any]) -> Any:
    return mapping.items()


_VIEWS: dict[type, Callable[[dict[Any, Any]], Any]] = {
    type({}.keys()): _make_keys,
    type({}.values()): _make_values,
    type({}.items()): _make_items,
    types.MappingProxyType: types.MappingProxyType,
}


def _make_readonly(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def dumps(  # noqa: PLR0913 - what freezing depends on
    value: Any,
    *,
    namespace: Mapping[str, Any],
    identities: Identities,
    owners: frozenset[int] = frozenset(),
    roots: Mapping[int, str] | None = None,
    in_band: bool = False,
) -> tuple[bytes, list[pickle.PickleBuffer]]:
    """Pickle a value of the notebook; return the pickle and its large buffers.

    Raises
    ------
    CannotLeaveProcess
        When the value, or something in it, has no life outside this process.
    """
    buffers: list[pickle.PickleBuffer] = []
    out = io.BytesIO()
    make = ReferringPickler if roots else NotebookPickler
    pickler = make(
        out,
        namespace=namespace,
        identities=identities,
        owners=owners,
        buffer_callback=None if in_band else buffers.append,
        roots=roots or {},
    )
    try:
        pickler.dump(value)
    except CannotLeaveProcess:
        raise
    except RecursionError:
        raise
    except Exception as error:  # any reduce method may raise anything
        message = f"{type(error).__name__}: {error}"
        raise CannotLeaveProcess(message) from error
    return out.getvalue(), buffers
