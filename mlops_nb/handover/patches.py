"""What the notebook has put into libraries: attributes of modules and classes that hold something else than theirs.

Some the notebook's text names (`json.dumps = faster`). The others show by a look at what the notebook can reach: the
loaded modules of the packages that its names lead to, the classes it holds and those of its values. What libraries do
to themselves (a lazy import, a counter, a cache) is none: a patch holds the notebook's own code, or stands in the place
of a function, a class or a public constant that no code of its own module sets.
"""

from __future__ import annotations

import dis
import functools
import importlib
import sys
import types
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import ON_HEAP, is_of_project, made_by_hand
from mlops_nb.handover.dict_table import ids_in, is_same, table_of
from mlops_nb.handover.kept import Before, is_plain

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from mlops_nb.handover.dict_table import Table

PATCHES = "@patches"
ACTIVE = "@mock"
STAYS_ACTIVE = "unittest.mock has started a patch, and keeps what it is to put back"
_NOTHING = object()
# Classes that get methods of the notebook's through functions of modules beside it.
_OFTEN_EXTENDED = (("pandas", "DataFrame"), ("pandas", "Series"), ("pandas", "Index"), ("pathlib", "Path"))
_NO_LIBRARY = frozenset({"__main__", "mlops_nb", "IPython", "ipykernel", "sys", "unittest"})
# What a notebook is likely to import when it has been loaded for something else.
_OF_PYTHON = frozenset(name for name in sys.stdlib_module_names if name[0] != "_") - _NO_LIBRARY
_CODE = (types.FunctionType, types.BuiltinFunctionType, type, staticmethod, classmethod, property)
# Of these the notebook's code is none: where nobody looked before, nothing else is asked.
_NEVER_OURS = frozenset(
    {str, int, bool, float, type(None), tuple, list, dict, types.ModuleType, types.BuiltinFunctionType}
)
# What stands there until a library has what it wants to have there.
_PLACEHOLDERS = frozenset(map(id, (None, False, True, ...)))


@dataclass(eq=False)
class Libraries:
    """What libraries held before a step: the names and which objects, of modules and classes. It keeps no object.

    Of modules that the step imports it is what they held when their import had ended.
    """

    modules: dict[str, Table] = field(default_factory=dict)
    classes: Mapping[type, Table] = field(default_factory=dict)
    loaded: set[str] = field(default_factory=set)
    names: Before = field(default_factory=Before)

    @staticmethod
    def now(namespace: Mapping[str, Any]) -> Libraries:
        """Return what those hold now that the notebook can reach, or that it may import and that are loaded."""
        return Libraries(
            {name: table_of(vars(module)) for name, module in _modules(_packages(namespace), _OF_PYTHON)},
            {kind: table_of(vars(kind)) for kind in _classes(namespace)},
            set(sys.modules),
            Before.now(namespace),
        )

    def note_imported(self) -> None:
        """Take note of what modules hold that were not loaded before."""
        new = sys.modules.keys() - self.loaded
        packages = {name.partition(".")[0] for name in new} - _NO_LIBRARY
        self.modules |= {name: table_of(vars(module)) for name, module in _modules(packages) if name in new}
        self.loaded |= new


def _packages(namespace: Mapping[str, Any]) -> set[str]:
    """Return the packages that the notebook's names lead to, and what it has without a name."""
    named = {
        str(value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", "")).split(".")[0]
        for value in list(namespace.values())
        if isinstance(value, (types.ModuleType, *_CODE))
    }
    return {*named, "builtins"} - _NO_LIBRARY


def _modules(packages: Collection[str], others: Collection[str] = ()) -> Iterator[tuple[str, types.ModuleType]]:
    """Yield the loaded modules of packages that have a public name, and other modules."""
    # By name first: to look at each module that is loaded costs more than the rest.
    for name in list(sys.modules):
        if name in others or (name.partition(".")[0] in packages and "._" not in name):
            module = sys.modules.get(name)
            if hasattr(module, "__dict__") and module is not None:
                yield name, module


def _classes(namespace: Mapping[str, Any]) -> set[type]:
    """Return the libraries' classes that the notebook holds, at the top of a module that it holds, or of its values."""
    found: set[type] = set()
    for value in list(namespace.values()):
        if isinstance(value, types.ModuleType):
            if value.__name__.split(".", maxsplit=1)[0] not in _NO_LIBRARY:
                found |= {held for held in list(vars(value).values()) if isinstance(held, type)}
        else:
            found |= {*type(value).__mro__, *(value.__mro__ if isinstance(value, type) else ())}
    often = (getattr(sys.modules.get(module), name, None) for module, name in _OFTEN_EXTENDED)
    found |= {kind for kind in often if isinstance(kind, type)}
    return {
        kind
        for kind in found
        if kind.__flags__ & _MUTABLE == ON_HEAP and kind.__module__ not in {"__main__", "builtins"}
    }


# Py_TPFLAGS_HEAPTYPE, and it together with Py_TPFLAGS_IMMUTABLETYPE: most classes written in C take no attribute.
_MUTABLE = ON_HEAP | 1 << 8


def read_patches(
    namespace: dict[str, Any],
    named: Iterable[str],
    known: Iterable[tuple[str, str, str]],
    before: Libraries,
) -> dict[tuple[str, str, str], Any]:
    """Return what the notebook has set, by module, path in it and attribute: `(value,)`, or `()` where it is gone.

    Parameters
    ----------
    namespace
        The notebook's.
    named
        Dotted targets that its code may have set, such as `pd.DataFrame.total`.
    known
        What earlier steps have set: this one need not know their names.
    before
        What libraries held when the step began.
    """
    found: dict[tuple[str, str, str], Any] = {}
    for module, inside, attribute in known:
        found[module, inside, attribute] = _held(owner_of(module, inside), attribute)
    for dotted in named:
        first, *path = dotted.split(".")
        owner: Any = namespace.get(first)
        reached = _place(owner)
        for part in path[:-1]:
            owner = getattr(owner, part, None)
            reached = (reached[0], f"{reached[1]}.{part}".lstrip(".")) if reached else None
        place = _place(owner) or (reached if owner is not None else None)
        # Options are state of the process, carried as such.
        if place is not None and not type(owner).__module__.startswith("pandas._config"):
            found[*place, path[-1]] = _held(owner, path[-1])
    for owner, attribute, value in _seen(namespace, before):
        place = _place(owner)
        with suppress(ImportError, AttributeError):
            if place is not None and owner_of(*place) is owner:
                found[*place, attribute] = (value,)
    return found


def of_modules(patches: Iterable[tuple[str, str, str]]) -> set[tuple[str, str]]:
    """Return those of the patches that are attributes of modules themselves, by module and attribute."""
    return {(module, attribute) for module, path, attribute in patches if not path}


def write_patches(value: Mapping[tuple[str, str, str], Any]) -> None:
    """Put back what `read_patches` read."""
    for (module, path, attribute), held in value.items():
        owner = owner_of(module, path)
        if held == ():
            if attribute in getattr(owner, "__dict__", ()):
                delattr(owner, attribute)
        else:
            setattr(owner, attribute, held[0])


def mock_is_active() -> bool:
    """Say whether `unittest.mock` has a started patch, of which `stopall` must know later."""
    mock = sys.modules.get("unittest.mock")
    return bool(mock and mock._patch._active_patches)  # noqa: SLF001 - its list is nowhere else


def _seen(namespace: dict[str, Any], before: Libraries) -> Iterator[tuple[Any, str, Any]]:
    modules = _modules(_packages(namespace))
    changes: list[tuple[Any, list[tuple[str, Any, int | None]]]] = [
        *((module, _changed(vars(module), before.modules.get(name))) for name, module in modules),
        *((kind, _changed(vars(kind), before.classes.get(kind))) for kind in _classes(namespace)),
    ]
    named = set(map(id, namespace.values()))
    for owner, changed in changes:
        for attribute, value, was in changed:
            # What modules that the notebook has no name for hold besides code, other modules of their package may set.
            given = isinstance(value, _CODE) or isinstance(owner, type) or id(owner) in named
            if _is_ours(value, namespace) or (given and _replaces(owner, attribute, value, was, before)):
                yield owner, attribute, value


def _changed(held: Mapping[str, Any], before: Table | None) -> list[tuple[str, Any, int | None]]:
    """Return what is another object than before, with its id then: 0 where nobody looked, `None` for no object."""
    if before is None:
        return [(name, value, 0) for name, value in list(held.items()) if type(value) not in _NEVER_OURS]
    if is_same(table_of(held), before):
        return []
    then, now = ids_in(before), list(held.items())
    # A name that was taken out and set again may be another text by now: it may have stood for anything that is gone.
    gone = next((then[name] for name in then.keys() - {id(name) for name, _ in now}), None)
    return [(name, value, was) for name, value in now if (was := then.get(id(name), gone)) != id(value)]


def _is_ours(value: Any, namespace: dict[str, Any]) -> bool:
    """Say whether a value is the notebook's code, or a library's around it, or an object of the notebook's classes."""
    kind = type(value)
    if kind is types.FunctionType:
        return value.__globals__ is namespace
    if isinstance(value, type):
        return value.__module__ == "__main__"
    if kind in {staticmethod, classmethod, types.MethodType}:
        return _is_ours(value.__func__, namespace)
    if kind is property:
        return any(_is_ours(accessor, namespace) for accessor in (value.fget, value.fset, value.fdel))
    if kind in {functools.partial, functools.partialmethod, functools.cached_property}:
        return _is_ours(value.func, namespace)
    if kind is functools._lru_cache_wrapper:  # noqa: SLF001 - it has no other name
        return _is_ours(value.__wrapped__, namespace)
    return kind.__module__ in {"__main__", "unittest.mock"}


def _replaces(owner: Any, attribute: str, value: Any, was: int | None, before: Libraries) -> bool:
    """Say whether somebody else than the library has put a value of a library, or a plain one, where it stands."""
    if was == 0 or was in _PLACEHOLDERS or attribute.startswith("__"):
        return False
    if isinstance(value, _CODE):
        return was is not None and _stood_elsewhere(value, before) and not _sets(owner, attribute)
    return not attribute.startswith("_") and is_plain(value) and not _sets(owner, attribute)


def _stood_elsewhere(value: Any, before: Libraries) -> bool:
    """Say whether code of a library has a place of its own, and had it before: other processes find it there.

    Neither what a module has put into others when it was imported, as it does in every process that imports it, nor
    what a library, or the shell, has wrapped around its own.
    """
    module, path = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
    if module not in before.loaded:
        return False
    first = path.partition(".")[0]
    try:
        own = owner_of(module, path) is value
    except (ImportError, AttributeError):
        return False
    known = before.modules.get(module)
    changed = _changed(vars(sys.modules[module]), known) if own and known is not None else ()
    return own and all(name != first or was is None for name, _, was in changed)


def _sets(owner: Any, attribute: str) -> bool:
    """Say whether code of a module sets this global itself, or code of a class's module an attribute of this name."""
    if isinstance(owner, type):
        module, orders = vars(sys.modules.get(owner.__module__, types)), {"STORE_ATTR"}
    else:
        module, orders = vars(owner), {"STORE_GLOBAL"}
    waiting: list[Any] = [value for value in module.values() if getattr(value, "__module__", "") == module["__name__"]]
    while waiting:
        value = waiting.pop()
        if isinstance(value, type):
            waiting += [held for held in vars(value).values() if not isinstance(held, type)]
        code = value if isinstance(value, types.CodeType) else getattr(_function(value), "__code__", None)
        if not isinstance(code, types.CodeType):
            continue
        waiting += [part for part in code.co_consts if isinstance(part, types.CodeType)]
        if attribute in code.co_names and any(
            order.opname in orders and order.argval == attribute for order in dis.get_instructions(code)
        ):
            return True
    return False


def _function(value: Any) -> Any:
    return getattr(value, "__func__", None) or getattr(value, "fget", None) or value


def _held(owner: Any, attribute: str) -> tuple[Any, ...]:
    if not isinstance(owner, type | types.ModuleType):
        # An object that a library holds, such as a distribution of SciPy: it may set the attribute in its own way.
        return (getattr(owner, attribute),) if hasattr(owner, attribute) else ()
    # Raw, not through getattr: a static method must not become a function.
    held = vars(owner).get(attribute, _NOTHING)
    return () if held is _NOTHING else (held,)


def owner_of(module: str, path: str) -> Any:
    """Return the module, or what lies at `path` in it."""
    owner: Any = importlib.import_module(module)
    for part in path.split(".") if path else ():
        owner = getattr(owner, part)
    return owner


def _place(owner: Any) -> tuple[str, str] | None:
    """Return module and path of an owner that other processes have as well: a module, or a class or function of one."""
    if isinstance(owner, types.ModuleType) and owner.__name__ != "__main__" and not made_by_hand(owner):
        return owner.__name__, ""
    if isinstance(owner, type) and owner.__module__ not in {"__main__", "builtins"}:
        return owner.__module__, owner.__qualname__
    if type(owner) is types.FunctionType and "<" not in owner.__qualname__:
        module = owner.__module__
        known = module in sys.modules and module != "__main__" and not is_of_project(module)
        return (module, owner.__qualname__) if known else None
    return None
