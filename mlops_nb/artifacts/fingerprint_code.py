"""How code is fingerprinted: functions, classes, methods, cells, modules."""

from __future__ import annotations

import abc
import enum
import functools
import importlib
import random
import sys
import types
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts.closed_files import FILES, told_of_closed
from mlops_nb.artifacts.dispatching import MADE, implementations
from mlops_nb.artifacts.fingerprint import CannotFingerprint
from mlops_nb.artifacts.fingerprint_data import hash_view_of_memory
from mlops_nb.artifacts.fingerprint_stream import part
from mlops_nb.artifacts.immutable_types import ON_HEAP
from mlops_nb.artifacts.of_process import one_of_process
from mlops_nb.artifacts.of_project import is_of_project
from mlops_nb.artifacts.reducing import quiet_reduce

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops_nb.artifacts.fingerprint import Walker

_CLASS_PLUMBING = frozenset(
    {
        "__dict__",
        "__weakref__",
        "__module__",
        "_abc_impl",
        "__abstractmethods__",
        "__firstlineno__",
        "__static_attributes__",
        "__annotate_func__",
        "__annotations_cache__",
        "__slotnames__",
    }
)


def code_globals(code: types.CodeType) -> set[str]:
    """Return the global names that a code object and the ones nested in it may read or bind."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= code_globals(constant)
    return names


def stateless(function: types.FunctionType) -> bool:
    """Say whether nothing in the function can change: no attributes, no closure, no mutable defaults."""
    defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    plain = (int, float, str, bytes, bool, complex, type(None), type, types.BuiltinFunctionType)
    return not vars(function) and not function.__closure__ and all(isinstance(value, plain) for value in defaults)


def _importable(value: Any) -> bool:
    module = sys.modules.get(getattr(value, "__module__", None) or "")
    if module is None or module.__name__ == "__main__":
        return False
    found: Any = module
    for name in value.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is value


def by_body(kind: type) -> bool:
    """Say whether a class is what its body says: no module holds it, so that nobody else can import it.

    Not so the interpreter's own, which no module need hold, as `type(None)`.
    """
    return kind.__module__ == "__main__" or not (_importable(kind) or not kind.__flags__ & ON_HEAP)


def made_by_hand(module: types.ModuleType) -> bool:
    """Say whether a module did not come from an import: nobody else can import it then."""
    return getattr(module, "__spec__", None) is None and module.__name__ != "__main__"


def module(walker: Walker, value: types.ModuleType) -> None:
    """Hash a module by its name: modules are imported, not carried."""
    if made_by_hand(value):
        message = f"the module {value.__name__} was made by the notebook"
        raise CannotFingerprint(message)
    walker.trace.modules.add(value.__name__)
    walker.tag("module", value.__name__.encode())


def module_of_its_own_kind(walker: Walker, value: types.ModuleType) -> None:
    """Hash a module with a class of its own, or what stands for one until it is used, as the module that it is."""
    name = imported_as(value)
    if name:
        module(walker, sys.modules[name])
    elif not walker.known(value):
        walker.reduced(value)


def imported_as(value: types.ModuleType) -> str:
    """Return the name under which an import gives this module, or the one that it stands for; empty when none does."""
    name = value.__name__
    if sys.modules.get(name) is value:
        return name
    # TensorFlow's `keras` is another object than the module, which another process gets for it.
    told = quiet_reduce(value)
    imports = isinstance(told, tuple) and told[0] is importlib.import_module
    return str(told[1][0]) if imports and told[1][0] in sys.modules else ""


def builtin(walker: Walker, value: Any) -> None:
    """Hash a builtin by its name, a bound one with what it is bound to."""
    owner = value.__self__
    if owner is None or isinstance(owner, types.ModuleType):
        walker.tag("builtin", f"{value.__module__}.{value.__qualname__}".encode())
    else:
        walker.tag("method", value.__name__.encode())
        walker.walk(owner)


def method(walker: Walker, value: types.MethodType) -> None:
    """Hash a bound method: its function and its object."""
    walker.tag("bound")
    walker.walk(value.__func__)
    walker.walk(value.__self__)


def cell(walker: Walker, value: types.CellType) -> None:
    """Hash a closure's cell: shared by all functions that close over it."""
    if walker.known(value):
        return
    try:
        content = value.cell_contents
    except ValueError:
        walker.tag("empty cell")
    else:
        walker.tag("cell")
        walker.walk(content)


def code_object(walker: Walker, code: types.CodeType) -> None:
    """Hash what code does, and not where it was typed."""
    walker.tag("code", code.co_code)
    walker.tag(
        "shape",
        repr(
            (
                code.co_name,
                code.co_names,
                code.co_varnames,
                code.co_freevars,
                code.co_cellvars,
                code.co_flags,
                code.co_argcount,
                code.co_posonlyargcount,
                code.co_kwonlyargcount,
                getattr(code, "co_exceptiontable", b""),
            )
        ).encode(),
    )
    for constant in code.co_consts:
        walker.walk(constant)


def function(walker: Walker, given: types.FunctionType) -> None:
    """Hash a function by name where a module holds it, by its code and state otherwise."""
    if walker.met(given):
        return
    local = walker.namespace is not None and given.__globals__ is walker.namespace
    if not local and _importable(given):
        walker.trace.modules.add(given.__module__)
        walker.tag("function", f"{given.__module__}.{given.__qualname__}".encode())
        return
    if not stateless(given) and walker.been_through(given):
        return
    if (found := implementations(given)) is not None:
        walker.tag("single dispatch", given.__qualname__.encode())
        walker.walk(found)
        walker.walk(given.__doc__)
        walker.walk({name: held for name, held in vars(given).items() if name not in MADE})
        return
    walker.tag("def", given.__qualname__.encode())
    code_object(walker, given.__code__)
    walker.walk(given.__defaults__)
    walker.walk(given.__kwdefaults__)
    walker.walk(given.__closure__)
    walker.walk(given.__annotations__)
    walker.walk(given.__doc__)
    walker.walk(vars(given))
    if local:
        walker.trace.globals |= code_globals(given.__code__)
    elif home := _home(given):
        # What the module's names stand for is the module's affair: it is there, or is carried by itself.
        walker.trace.modules.add(home)
        walker.tag("of module", home.encode())
    else:
        for name in sorted(code_globals(given.__code__)):
            if name in given.__globals__:
                walker.tag("global", name.encode())
                walker.walk(given.__globals__[name])


def _home(function: types.FunctionType) -> str:
    """Return the module of the project whose globals a function sees, in any process; empty where there is none."""
    name = str(function.__globals__.get("__name__"))
    if not is_of_project(name) or vars(sys.modules[name]) is not function.__globals__:
        return ""
    return name


def cached(walker: Walker, given: functools._lru_cache_wrapper[Any]) -> None:
    """Hash a cached function by the function in it: pickle stores the name alone. What it remembers is no content."""
    if walker.met(given):
        return
    if _importable(given):
        walker.trace.modules.add(given.__module__)
        walker.tag("function", f"{given.__module__}.{given.__qualname__}".encode())
        return
    if walker.been_through(given):
        return
    if given.cache_info().currsize:
        message = f"the cache of `{given.__name__}` holds results that nobody can read out"
        raise CannotFingerprint(message)
    walker.tag("cached", repr(given.cache_parameters()).encode())
    walker.walk(given.__wrapped__)


def cached_property(walker: Walker, given: functools.cached_property[Any]) -> None:
    """Hash a cached property by its function; until Python 3.11 it also holds a lock."""
    walker.tag("cached property")
    walker.walk((given.func, given.attrname))


def class_(walker: Walker, value: type) -> None:
    """Hash a class by name where a module holds it, by its body otherwise."""
    known = walker.classes.get(value)
    if known is None and not by_body(value):
        walker.trace.modules.add(value.__module__)
        known = walker.classes[value] = part("class", f"{value.__module__}.{value.__qualname__}".encode())
    if known is not None:
        walker.gathered += known
        return
    if walker.met(value):
        return
    # What is set on it through one instance is seen through all others, though no name leads to it. A library's class
    # that no module holds, such as that of a frame's named tuples, nobody sets anything on.
    if (value.__module__ == "__main__" or is_of_project(value.__module__)) and walker.been_through(value):
        return
    walker.tag("class body", value.__qualname__.encode())
    walker.walk(type(value))
    walker.walk(tuple(base for base in value.__bases__ if base is not object))
    # `__abc_tpflags__`, `_abc_impl` and the like belong to the interpreter, and cannot be read. What has a name of the
    # language's own is set in another order when the class is made again.
    # So are an enumeration's methods, whose members say themselves in which order they come.
    by_name = isinstance(value, enum.EnumMeta)
    for name, member in sorted(
        vars(value).items(), key=lambda item: item[0] if by_name or item[0].startswith("__") else "~"
    ):
        if name not in _CLASS_PLUMBING and type(member).__name__ != "_abc_data":
            walker.walk(name)
            walker.walk(member)
    if "_abc_impl" in vars(value):
        registered = (reference() for reference in abc._get_dump(value)[0])  # type: ignore[attr-defined]  # noqa: SLF001 - as cloudpickle reads it
        others = [other for other in registered if other is not None]
        walker.walk(sorted(others, key=lambda other: f"{other.__module__}.{other.__qualname__}"))


def wrapper(walker: Walker, value: staticmethod[Any, Any] | classmethod[Any, Any, Any]) -> None:
    """Hash a static or class method."""
    walker.tag(type(value).__name__)
    walker.walk(value.__func__)


def property_(walker: Walker, value: property) -> None:
    """Hash a property by its accessors."""
    walker.tag("property")
    walker.walk((value.fget, value.fset, value.fdel, value.__doc__))


def member(walker: Walker, value: Any) -> None:
    """Hash a descriptor of the interpreter: its class and name say all there is."""
    walker.tag("member", f"{value.__objclass__.__qualname__}.{value.__name__}".encode())


def unknowable(walker: Walker, value: Any) -> None:
    """Refuse what has no content that can be read."""
    del walker
    message = f"a {type(value).__name__} has no content that can be read"
    raise CannotFingerprint(message)


def stream(walker: Walker, value: Any) -> None:
    """Hash a random stream by what it is at, and the process's own by its name."""
    if name := one_of_process(value):
        walker.tag("global stream", name.encode())
    elif not walker.known(value):
        walker.reduced(value)


def file(walker: Walker, value: Any) -> None:
    """Hash a closed file by what it still says, and refuse an open one."""
    told = told_of_closed(value)
    if told is None:
        unknowable(walker, value)
    elif not walker.met(value):
        kind, buffered, *rest = told
        walker.tag("closed", f"{kind.__name__} {buffered and buffered.__name__}".encode())
        walker.walk(rest)


WALKS: dict[type, Callable[[Walker, Any], None]] = {
    **dict.fromkeys(FILES, file),
    random.Random: stream,
    types.ModuleType: module,
    types.BuiltinFunctionType: builtin,
    types.MethodType: method,
    types.FunctionType: function,
    types.CellType: cell,
    types.CodeType: code_object,
    types.MemberDescriptorType: member,
    types.GetSetDescriptorType: member,
    types.WrapperDescriptorType: member,
    types.MethodDescriptorType: member,
    types.ClassMethodDescriptorType: member,
    staticmethod: wrapper,
    classmethod: wrapper,
    property: property_,
    functools.cached_property: cached_property,
    functools._lru_cache_wrapper: cached,  # noqa: SLF001 - its only name
    types.GeneratorType: unknowable,
    types.CoroutineType: unknowable,
    types.AsyncGeneratorType: unknowable,
    types.FrameType: unknowable,
    types.TracebackType: unknowable,
    memoryview: hash_view_of_memory,
}
