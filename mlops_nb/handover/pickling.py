"""Pickle values of a notebook so that they come back as what they were.

cloudpickle carries functions and classes that no module holds, but gives each function a private copy of the globals
it reads. In a notebook those globals are *the notebook*: a later cell may bind them again and an earlier function must
see it. So here:

1. a function of the notebook is rebuilt on the globals of the kernel it is thawed in;
2. closures share their cells, so that two functions over one counter still count together;
3. a stateless function met in two separately stored values is one object again (`Identities`);
4. views on one array stay views on it, Arrow's too, when the caller says whose memory is shared;
5. an array that refuses writes refuses them again;
6. what a figure refers to in Matplotlib itself, it refers to again;
7. a set yields its elements in the order in which it did;
8. a function of a module of the project sees the module's globals (`pickling_functions`).
"""

from __future__ import annotations

import functools
import importlib
import io
import itertools
import operator
import pickle
import types
import weakref
from typing import TYPE_CHECKING, Any

import cloudpickle

from mlops_nb.artifacts import (
    KINDS_OF_PROCESS,
    VIEWS,
    behind,
    closed_again,
    constant_at,
    fingerprint,
    held_by_process,
    imported_as,
    is_tensor,
    one_of_process,
    quiet_reduce,
    stateless,
    told_of_closed,
)
from mlops_nb.handover import pickling_matplotlib, pickling_pandas
from mlops_nb.handover.pickling_arrays import is_array, reduce_array, set_attributes
from mlops_nb.handover.pickling_classes import with_members_in_order
from mlops_nb.handover.pickling_functions import reduce_dispatching, reduce_of_module, set_state, state_of
from mlops_nb.handover.pickling_shown import reduce_shown
from mlops_nb.handover.pickling_tensors import reduce_tensor
from mlops_nb.handover.process_bound import CannotLeaveProcess, check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    import numpy as np

    from mlops_nb.artifacts import Place
    from mlops_nb.handover.set_order import Recipe


_LRU_CACHE = type(functools.lru_cache(id))


class Identities:
    """Which stateless function stands for which token in this process.

    `step` is the one that runs in it. It is in the tokens of the functions that the step makes: another, which runs at
    the same time, may make a function of the same text, and that is another function.
    """

    def __init__(self) -> None:
        self.step = ""
        # Weakly: a function that only we kept alive would still be there for the notebook's weak references.
        self._by_token: weakref.WeakValueDictionary[str, types.FunctionType] = weakref.WeakValueDictionary()
        self._tokens: weakref.WeakKeyDictionary[types.FunctionType, str] = weakref.WeakKeyDictionary()

    def token(self, function: types.FunctionType, namespace: Mapping[str, Any]) -> str:
        """Return the function's token, making one when it is met for the first time."""
        known = self._tokens.get(function)
        if known is None:
            content = fingerprint(function, namespace=namespace)
            number = 0
            while self._by_token.get(f"{content}:{self.step}:{number}") not in {None, function}:
                number += 1
            known = f"{content}:{self.step}:{number}"
            self.learn(known, function)
        return known

    def is_new(self, value: Any, namespace: Mapping[str, Any]) -> bool:
        """Say whether this is a function of the notebook's that no step before has met: it may look like one."""
        return (
            type(value) is types.FunctionType
            and value.__globals__ is namespace
            and value not in self._tokens
            and stateless(value)
        )

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
    lent
        Arrays whose memory a library in C shows in values of this pickle.
    roots
        Ids of objects that are stored elsewhere, with the token that stands for each.
    constants
        Ids of objects that a library holds, with their places in it.
    sets
        Ids of sets whose order has to be brought about, with how.
    """

    def __init__(  # noqa: PLR0913 - what freezing depends on
        self,
        file: io.BytesIO,
        *,
        namespace: Mapping[str, Any],
        identities: Identities,
        owners: frozenset[int],
        lent: Sequence[np.ndarray],
        buffer_callback: Callable[[pickle.PickleBuffer], Any] | None,
        roots: Mapping[int, str],
        constants: Mapping[int, Place],
        sets: Mapping[int, Recipe],
    ) -> None:
        super().__init__(file, protocol=5, buffer_callback=buffer_callback)
        self._namespace = namespace
        self._identities = identities
        self._owners = owners
        self._lent = lent
        self._memories: dict[int, np.ndarray] = {}
        self._in_band = buffer_callback is None
        # What stands for an object is made once, so that pickle stores it once.
        self._known: dict[int, str | tuple[Any, ...]] = {**dict.fromkeys(constants, _CONSTANT), **roots, **_told(sets)}
        self._constants = constants
        # Types whose instances are reduced as pickle itself does: a figure has thousands.
        self._as_pickle_does: set[type] = set()

    def reducer_override(self, obj: Any) -> Any:
        """Reduce what cloudpickle would reduce to something else than it was."""
        kind = type(obj)
        if kind in self._as_pickle_does:
            return NotImplemented
        if kind is types.FunctionType:
            if obj.__globals__ is self._namespace:
                return self._reduce_function(obj)
            reduced = reduce_of_module(obj) or reduce_dispatching(obj)
            if reduced is not None:
                return reduced
        elif kind is types.CellType:
            return self._reduce_cell(obj)
        elif kind in _VIEWS:
            return _VIEWS[kind], (behind(obj),)
        elif kind is functools.cached_property:
            # Python 3.11's holds a lock, which guards nothing that outlives a call.
            return functools.cached_property, (obj.func,), {"attrname": obj.attrname}, None, None, set_attributes
        elif kind is _LRU_CACHE and _of_notebook(obj, self._namespace):
            return self._reduce_cached(obj)
        elif is_array(kind):
            return reduce_array(obj, self._owners, in_band=self._in_band)
        else:
            return self._reduce_other(obj, kind)
        return super().reducer_override(obj)

    def _reduce_other(self, obj: Any, kind: type) -> Any:
        if (closed := told_of_closed(obj)) is not None:
            return closed_again, closed
        if f"{kind.__module__}.{kind.__qualname__}" in KINDS_OF_PROCESS:
            # Asked of each: the process's own is of the same type.
            name = one_of_process(obj)
            return (held_by_process, (name,)) if name else super().reducer_override(obj)
        if self._lent and kind.__module__.startswith(("polars.", "pyarrow.")):
            return reduce_shown(obj, self._lent)
        if is_tensor(kind):
            return reduce_tensor(obj, self._lent, self._memories)
        check(obj, self._namespace)
        if isinstance(obj, types.ModuleType) and kind is not types.ModuleType and (imported := imported_as(obj)):
            return importlib.import_module, (imported,)
        known = _OF_LIBRARIES.get((kind.__module__, kind.__name__))
        if known is not None:
            return known(obj)
        reduced = super().reducer_override(obj)
        if isinstance(obj, type):
            return with_members_in_order(obj, reduced)
        # Of these it depends on more than the type.
        if kind is not _LRU_CACHE and not isinstance(obj, BaseException | types.ModuleType):
            self._as_pickle_does.add(kind)
        return reduced

    def _reduce_function(self, function: types.FunctionType) -> Any:
        token = self._identities.token(function, self._namespace) if stateless(function) else None
        made = (
            function.__code__,
            function.__name__,
            function.__closure__,
            token,
        )
        return _make_function, made, state_of(function), None, None, set_state

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

    def told_of(self, constant: Any, place: Place) -> tuple[Any, ...]:
        """Return what brings a library's constant about."""
        alone, _ = dumps(constant, namespace=self._namespace, identities=self._identities, in_band=True)
        return "constant", place, fingerprint(constant), alone

    def begin_with(self, file: io.BytesIO, tokens: Iterable[tuple[Any, str | tuple[Any, ...]]]) -> None:
        """Let the pickle begin with the tokens of objects, which it then refers to as to what was pickled before.

        The opcodes are those of `persistent_id`; but pickle need not ask for every single object whether it is one.
        """
        memo = {}
        for number, (held, token) in enumerate(tokens):
            told = io.BytesIO()
            pickler = pickle.Pickler(told, protocol=3)
            # No memo of its own; and without the head and the end of a pickle, its opcodes go into another.
            pickler.fast = True
            pickler.dump(token)
            file.write(told.getvalue()[2:-1] + pickle.BINPERSID)
            file.write(pickle.LONG_BINPUT + number.to_bytes(4, "little") + pickle.POP)
            memo[id(held)] = number, held
        self.memo = memo


class ReferringPickler(NotebookPickler):
    """A pickler that stores a token for each object that is stored elsewhere, and what brings sets about.

    A class of its own, because pickle asks it for every single object: numbers, such as a NaN, are in no memo, and how
    a set comes about may name objects of the pickle.
    """

    def persistent_id(self, obj: Any) -> str | tuple[Any, ...] | None:
        """Return the token of an object that is stored elsewhere, or what brings a constant or a set about."""
        known = self._known.get(id(obj))
        if known is _CONSTANT:
            known = self._known[id(obj)] = self.told_of(obj, self._constants[id(obj)])
        return known


# Stands for a constant until it is met.
_CONSTANT = ("constant",)


def _told(sets: Mapping[int, Recipe]) -> dict[int, tuple[Any, ...]]:
    return {key: ("set", number, *made.told()) for number, (key, made) in enumerate(sets.items())}


def _of_notebook(function: Any, namespace: Mapping[str, Any]) -> bool:
    wrapped = getattr(function, "__wrapped__", None)
    return isinstance(wrapped, types.FunctionType) and wrapped.__globals__ is namespace


def _reduce_bunch(bunch: Any) -> Any:
    """Reduce what scikit-learn's example datasets are: its own `__setstate__` drops the attributes."""
    make, arguments, state, items, pairs = bunch.__reduce_ex__(4)
    return make, arguments, state, items, pairs, _set_vars


def _set_vars(held: Any, state: dict[str, Any]) -> None:
    # Not by `setattr`, which makes an item of an attribute.
    vars(held).update(state)


# What pickle alone would warn of or lose something of.
_OF_LIBRARIES: dict[tuple[str, str], Callable[[Any], Any]] = {
    **{("itertools", name): quiet_reduce for name, kind in vars(itertools).items() if isinstance(kind, type)},
    ("sklearn.utils._bunch", "Bunch"): _reduce_bunch,
    **pickling_matplotlib.REDUCERS,
    **pickling_pandas.REDUCERS,
}


def _make_function(
    code: types.CodeType, name: str, closure: tuple[types.CellType, ...] | None, token: str | None
) -> types.FunctionType:
    """Stand in a pickle for `unpickling._make_function`, which knows the kernel it thaws in."""
    raise NotImplementedError(code, name, closure, token)


def _set_cell(cell: types.CellType, content: tuple[Any]) -> None:
    cell.cell_contents = content[0]


def _make_cached(function: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    return functools.lru_cache(maxsize=parameters["maxsize"], typed=parameters["typed"])(function)


_VIEWS: dict[type, Callable[[Any], Any]] = {
    **{kind: operator.methodcaller(how) for kind, how in VIEWS.items()},
    types.MappingProxyType: types.MappingProxyType,
}


def _known_at_once(
    roots: Mapping[int, str], constants: Mapping[int, Place], objects: Mapping[str, Any]
) -> list[tuple[Any, str | Place]] | None:
    """Return the objects that a pickle refers to, each with its token or place; `None` where a memo cannot have one."""
    # By place, so that equal values make equal pickles.
    placed = {key: place for key, place in sorted(constants.items(), key=lambda item: str(item[1])) if key not in roots}
    found: list[tuple[Any, str | Place]] = []
    told: dict[int, str | Place] = {**roots, **placed}
    for key, known in told.items():
        held = objects.get(known) if isinstance(known, str) else constant_at(known)
        if id(held) != key or type(held) is float:
            return None
        found.append((held, known))
    return found


def dumps(  # noqa: PLR0913 - what freezing depends on
    value: Any,
    *,
    namespace: Mapping[str, Any],
    identities: Identities,
    owners: frozenset[int] = frozenset(),
    lent: Sequence[np.ndarray] = (),
    roots: Mapping[int, str] | None = None,
    constants: Mapping[int, Place] | None = None,
    sets: Mapping[int, Recipe] | None = None,
    objects: Mapping[str, Any] | None = None,
    in_band: bool = False,
) -> tuple[bytes, list[pickle.PickleBuffer]]:
    """Pickle a value of the notebook; return the pickle and its large buffers.

    `objects` are those of the roots, by their tokens; the rest is what `NotebookPickler` takes.

    Raises
    ------
    CannotLeaveProcess
        When the value, or something in it, has no life outside this process.
    """
    buffers: list[pickle.PickleBuffer] = []
    out = io.BytesIO()
    known = None if sets else _known_at_once(roots or {}, constants or {}, objects or {})
    make = ReferringPickler if known is None else NotebookPickler
    pickler = make(
        out,
        namespace=namespace,
        identities=identities,
        owners=owners,
        lent=lent,
        buffer_callback=None if in_band else buffers.append,
        roots=roots or {},
        constants=constants or {},
        sets=sets or {},
    )
    try:
        if known:
            told = [(held, at if isinstance(at, str) else pickler.told_of(held, at)) for held, at in known]
            pickler.begin_with(out, told)
        pickler.dump(value)
    except CannotLeaveProcess:
        raise
    except RecursionError:
        raise
    except Exception as error:  # any reduce method may raise anything
        message = f"{type(error).__name__}: {error}"
        raise CannotLeaveProcess(message) from error
    return out.getvalue(), buffers
