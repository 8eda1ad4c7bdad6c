"""What objects hold inside, those too that no pickle can carry: told by two prints of one look.

`here` tells whether an object is what it was in this process: what nobody can look into counts by its identity.
`anywhere` tells whether another process made the same one: of what nobody can look into the type alone counts.

1. What a fingerprint can tell is left to it.
2. Functions are looked into: defaults, attributes, the cells of closures, and the functions in those.
3. So are containers, objects of the project's own classes, and those of Python whose state is plain (a queue, an
   event, what a thread has for its own), down to what can be told: a generator's place, whether a lock is held.
4. Objects of packages are told by their plain attributes: the rest (pools, caches) is their own affair.
"""

from __future__ import annotations

import contextvars
import functools
import io
import logging
import os
import secrets
import sys
import types
import weakref
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import PLAIN, fingerprint, is_of_project, quiet_reduce

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

LRU_CACHE = type(functools.lru_cache(id))
_WEAK = (weakref.WeakSet, weakref.WeakValueDictionary, weakref.WeakKeyDictionary)
_RUNNING = (types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)
_OPEN_INSIDE = frozenset(
    {"_thread", "_threading_local", "collections", "contextlib", "logging", "logging.handlers", "queue", "threading"}
    | {"types"}
)
_REDUCED = frozenset({"builtins", "itertools", "functools"})
# What `functools.singledispatch` keeps for itself beside its registry.
_CACHES = frozenset({"dispatch_cache", "cache_token", "_clear_cache"})
# Somebody's whole object graph may hang on one attribute.
_ENOUGH = 20_000


@dataclass(frozen=True)
class Print:
    """What an object holds, as it is told in this process and as it would be in any; empty where there is nothing."""

    here: str
    anywhere: str
    # Whether something in it has no fingerprint, and whether a part of that is nobody's to look into.
    looked: bool = field(default=False, compare=False)
    opaque: bool = field(default=False, compare=False)


def print_of(value: Any, namespace: Mapping[str, Any] | None = None) -> Print:
    """Return the print of a value; `namespace` are the notebook's globals, which its functions' prints leave out."""
    look = _Look(namespace)
    look.at(value)
    return look.print()


def print_of_function(function: Any, namespace: Mapping[str, Any] | None = None) -> Print:
    """Return the print of a function, or of what is callable in its stead: told anywhere only if it holds something."""
    look = _Look(namespace)
    look.at(function)
    if type(function) is types.FunctionType and not any(_held_by(function)):
        return Print(look.print().here, "")
    return look.print()


def _held_by(function: types.FunctionType) -> tuple[Any, ...]:
    return function.__defaults__, function.__kwdefaults__, vars(function), function.__closure__


class _Look:
    """One look at one value: what was told so far, and which objects were met."""

    def __init__(
        self, namespace: Mapping[str, Any] | None, met: dict[int, int] | None = None, enough: int = _ENOUGH
    ) -> None:
        self._namespace = namespace
        self._met = {} if met is None else met
        self._left = enough
        self._looked = self._opaque = False
        self._alive: list[Any] = []
        self._here: list[str] = []
        self._anywhere: list[str] = []

    def print(self) -> Print:
        return Print(fingerprint(self._here), fingerprint(self._anywhere), self._looked, self._opaque)

    def _tell(self, *told: str) -> None:
        self._here += told
        self._anywhere += told

    def _is(self, value: Any) -> None:
        """Tell which object it is: that of another process is another, and may hold the same."""
        self._here.append(str(id(value)))

    def at(self, value: Any) -> None:
        """Look at a value of any type."""
        if type(value) in PLAIN:
            self._tell(fingerprint(value))
            return
        known = self._met.get(id(value))
        if known is not None:
            self._tell(f"again {known}")
            return
        if self._left <= 0:
            # What nobody has looked at may have changed.
            self._here.append(secrets.token_hex(8))
            return
        self._left -= 1
        self._met[id(value)] = len(self._met)
        self._alive.append(value)
        if self._code(value):
            return
        if isinstance(value, _WEAK):
            # Pickle would list them in an order that says nothing.
            self._inside(value)
            return
        try:
            self._tell(fingerprint(value, namespace=self._namespace))
        except Exception:  # noqa: BLE001 - whatever a value's own code raises
            self._looked = True
            self._inside(value)

    def _code(self, value: Any) -> bool:
        """Look at a value that is code, if it is."""
        if type(value) is types.FunctionType:
            self._function(value)
        elif type(value) is LRU_CACHE:
            self._tell(value.__qualname__, str(tuple(value.cache_info())))
            self.at(value.__wrapped__)
        elif isinstance(value, type | types.ModuleType):
            self._tell(name_of(value))
            self._is(value)
        elif isinstance(value, staticmethod | classmethod | types.MethodType):
            self.at(value.__func__)
            self.at(getattr(value, "__self__", None))
        elif isinstance(value, property):
            self._all((value.fget, value.fset, value.fdel))
        elif isinstance(value, functools.cached_property):
            self.at(value.func)
        elif isinstance(value, functools.partial):
            self._all((value.func, value.args, value.keywords))
        elif type(value) is types.BuiltinFunctionType and not isinstance(value.__self__, types.ModuleType | None):
            self._tell(value.__name__)
            self.at(value.__self__)
        else:
            return False
        return True

    def _function(self, function: types.FunctionType) -> None:
        self._tell(name_of(function))
        self._is(function)
        home = str(function.__globals__.get("__name__"))
        own = home in {"__main__", "functools", "contextlib"} or is_of_project(home)
        if not own and "<locals>" not in function.__qualname__ and not hasattr(function, "__wrapped__"):
            return
        defaults, keywords, attributes, closure = _held_by(function)
        self._all(part for part in (defaults, keywords) if part)
        caches = _CACHES if home == "functools" else ()
        # What a package notes at a wrapper of its own is its own affair: how often it tried, when it began.
        for key in sorted(attributes if own else ()):
            if key not in caches:
                self._tell(key)
                self.at(attributes[key])
        for name, cell in zip(function.__code__.co_freevars, closure or (), strict=False):
            if name in caches:
                continue
            self._tell(name)
            try:
                held = cell.cell_contents
            except ValueError:
                self._tell("empty")
            else:
                self.at(held)

    def _all(self, values: Iterable[Any]) -> None:
        for value in values:
            self.at(value)

    def _unordered(self, values: Iterable[Any]) -> None:
        """Look at values whose order says nothing: each apart, with an equal part of what may be looked at."""
        apart = list(values)
        share = self._left // max(len(apart), 1)
        prints = []
        for value in apart:
            look = _Look(self._namespace, dict(self._met), share)
            look.at(value)
            prints.append(look.print())
            self._looked, self._opaque = self._looked or look._looked, self._opaque or look._opaque
            self._left -= share - look._left
        self._alive += apart
        prints.sort(key=lambda found: (found.anywhere, found.here))
        self._here += [found.here for found in prints]
        self._anywhere += [found.anywhere for found in prints]

    def _inside(self, value: Any) -> None:
        kind = type(value)
        self._tell(name_of(kind))
        if self._container(value) or self._process_bound(value):
            return
        if kind.__module__ in _REDUCED and (parts := _reduced(value)) is not None:
            self._all(parts)
        else:
            self._attributes(value)

    def _container(self, value: Any) -> bool:
        """Look at what a container contains, if it is one."""
        if isinstance(value, weakref.WeakSet | set | frozenset):
            self._unordered(list(value))
        elif isinstance(value, weakref.WeakValueDictionary | weakref.WeakKeyDictionary):
            self._unordered(list(value.items()))
        elif isinstance(value, dict | types.MappingProxyType):
            self._all(part for pair in list(value.items()) for part in pair)
        elif isinstance(value, list | tuple) or type(value).__name__ == "deque":
            self._all(list(value))
        else:
            return False
        if type(value).__module__ == "__main__" or is_of_project(type(value).__module__):
            self._attributes(value)
        return True

    def _process_bound(self, value: Any) -> bool:
        """Tell what there is to be seen of something that lives in its process only, if it is known how."""
        module, name = type(value).__module__, type(value).__name__
        if isinstance(value, _RUNNING):
            self._running(value)
        elif isinstance(value, weakref.ref):
            self.at(value())
        elif isinstance(value, contextvars.ContextVar):
            self._tell(value.name)
            self.at(value.get(None))
        elif isinstance(value, memoryview):
            self._tell(fingerprint(value.tobytes()))
        elif isinstance(value, io.IOBase):
            self._file(value)
        elif module == "tempfile" and isinstance(getattr(value, "file", None), io.IOBase):
            self._tell(str(value.name))
            self._file(value.file)
        elif module == "_queue":
            # Nobody can see what waits in it but by taking it out.
            self._tell(secrets.token_hex(8) if value.qsize() else "empty")
        elif module == "_thread" and name in {"lock", "RLock"}:
            self._tell(str(value.locked() if name == "lock" else value._is_owned()))  # noqa: SLF001
        elif module == "sqlite3" and name == "Connection":
            # What a database in memory holds nobody wants to read here: that it was written to is enough.
            self._is(value)
            self._tell(str(value.total_changes), str(value.in_transaction), str(value.isolation_level))
            self.at(value.row_factory)
            self.at(value.text_factory)
        else:
            return False
        return True

    def _file(self, file: Any) -> None:
        """Tell where a file is, and how much it holds."""
        self._tell(str(_position(file)))
        with suppress(OSError, ValueError):
            found = os.fstat(file.fileno())
            self._here += [str(found.st_size), str(found.st_mtime_ns)]

    def _attributes(self, value: Any) -> None:
        module = type(value).__module__
        held = _attributes_of(value)
        if isinstance(value, logging.Handler):
            # Where it writes to is the system's.
            held.pop("stream", None)
        if module in _OPEN_INSIDE or module == "__main__" or is_of_project(module):
            for key in sorted(held):
                self._tell(key)
                self.at(held[key])
            return
        self._opaque = True
        self._is(value)
        for key in sorted(held):
            if type(held[key]) in PLAIN:
                # An address or a time is another one in each process, and a package's own affair.
                self._here += [key, fingerprint(held[key])]

    def _running(self, value: Any) -> None:
        """Tell where a generator or coroutine is: its next line, and what its variables hold."""
        frame = next(
            (getattr(value, name) for name in ("gi_frame", "cr_frame", "ag_frame") if hasattr(value, name)), None
        )
        if frame is None:
            self._tell("ended")
            return
        self._tell(value.__qualname__, str(frame.f_lasti))
        for key, held in sorted(frame.f_locals.items()):
            self._tell(key)
            self.at(held)


def name_of(value: Any) -> str:
    """Return the name of a function, class or module, as long as it has one."""
    module = getattr(value, "__module__", "")
    return f"{module}.{getattr(value, '__qualname__', None) or getattr(value, '__name__', '')}"


def _attributes_of(value: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    try:
        for base in type(value).__mro__:
            # Read as what they are: an empty one would ask `__getattr__`, which may do anything.
            for name, slot in vars(base).items() if "__slots__" in vars(base) else ():
                if type(slot) is types.MemberDescriptorType and not name.startswith("__"):
                    with suppress(AttributeError):
                        found[name] = slot.__get__(value)
        found |= {key: held for key, held in vars(value).items() if isinstance(key, str)}
    except Exception:  # noqa: BLE001 - whatever a value's own code raises
        return found
    return found


def _reduced(value: Any) -> tuple[Any, ...] | None:
    """Return what pickle would store of an iterator."""
    try:
        reduced = quiet_reduce(value)
    except Exception:  # noqa: BLE001 - any reduce method may raise anything
        return None
    return tuple(reduced[1:]) if isinstance(reduced, tuple) else None


def _position(file: Any) -> Any:
    try:
        return file.closed or file.tell()
    except (OSError, ValueError):
        return "unknown"


def notebook_namespace() -> Mapping[str, Any] | None:
    """Return the notebook's globals, when there is a shell that has some."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "user_ns", None)
