"""The modules of the project, the code beside the notebook: what they hold, and what nobody can carry of it.

1. As each module has been imported, it is noted what it begins with.
2. Its variables are carried: those that are code only where they stand for other code than the module began with.
3. What its code holds (class attributes, defaults and attributes of functions, what closures count, what caches are
   filled with) nobody can carry. It is there as imported, and that is told to the steps that follow: an import that
   makes something else is found before a step computes with it. When a step has changed it, they stay in its process.
"""

from __future__ import annotations

import abc
import enum
import functools
import importlib
import sys
import types
import weakref
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import fingerprint, made_by_hand
from mlops_nb.handover.object_state import (
    LRU_CACHE,
    Print,
    name_of,
    notebook_namespace,
    print_of,
    print_of_function,
)
from mlops_nb.handover.process_state import is_of_project, project_modules

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

MODULE = "@module:"
CODE = "@code:"
PROBLEM = "its code holds what a step has changed: a class attribute, a default, a closure or a cache"
Place = tuple[str, str, str]
_CODE_TYPES = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType)
_FUNCTIONS = (types.FunctionType, LRU_CACHE)
_IN_CLASSES = (staticmethod, classmethod, property, functools.cached_property, *_FUNCTIONS)
_SELDOM_CHANGE = (types.GetSetDescriptorType, types.MemberDescriptorType)


@dataclass(frozen=True)
class _Imported:
    """What a module began with: its names, which code they stood for, what its code and its variables held."""

    names: frozenset[str]
    bound: Mapping[str, weakref.ref[Any]]
    code: Mapping[str, Print]
    data: Print

    def holds(self, name: str, value: Any) -> bool:
        return name in self.bound and self.bound[name]() is value


Imports = Mapping[str, _Imported]


@dataclass
class ImportWatch:
    """A finder ahead of the others, which finds nothing itself and notes what a module of the project begins with."""

    modules: dict[str, _Imported] = field(default_factory=dict)
    _inside: bool = False

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Return what the other finders find, with a loader that notes the module when it has run."""
        if self._inside:
            return None
        self._inside = True
        try:
            specs = (
                finder.find_spec(name, path, target) for finder in list(sys.meta_path) if hasattr(finder, "find_spec")
            )
            spec = next((found for found in specs if found is not None), None)
        finally:
            self._inside = False
        run: Callable[[types.ModuleType], None] | None = getattr(spec and spec.loader, "exec_module", None)
        if spec is None or run is None or not is_of_project(name, spec.origin):
            return spec

        def run_and_note(module: types.ModuleType) -> None:
            vars(spec.loader).pop("exec_module", None)
            run(module)
            self.note(module)

        # On the loader and not around it: who asks for a module's loader gets its own.
        with suppress(TypeError):
            vars(spec.loader)["exec_module"] = run_and_note
        return spec

    def note(self, module: types.ModuleType) -> None:
        """Note what a module holds now."""
        namespace = notebook_namespace()
        bound = {name: weakref.ref(value) for name, value in _own(module) if isinstance(value, _CODE_TYPES)}
        names = frozenset(name for name, _ in _own(module))
        imports = {**self.modules, module.__name__: _Imported(names, bound, {}, Print("", ""))}
        code, data = _code_state(module, imports, namespace), print_of(_data(module, imports), namespace)
        self.modules[module.__name__] = _Imported(names, bound, code, data)

    def _loaded(self) -> Iterator[tuple[str, types.ModuleType, _Imported]]:
        for name, imported in list(self.modules.items()):
            module = sys.modules.get(name)
            if module is not None:
                yield name, module, imported

    def variables(self, patched: Collection[Place] = ()) -> dict[str, Any]:
        """Return what is to be carried of the loaded modules, by the name under which it is.

        Parameters
        ----------
        patched
            Attributes that are carried anyway.
        """
        found = {f"{MODULE}{name}": _data(module, self.modules, patched) for name, module in project_modules()}
        return {name: value for name, value in found.items() if any(value)}

    def changed_code(self, patched: Collection[Place] = ()) -> dict[str, str]:
        """Return the modules whose code holds something else than when they had been imported, with its print."""
        namespace = notebook_namespace()
        found = {}
        for name, module, imported in self._loaded():
            carried = {f"{path}.{attribute}".lstrip(".") for home, path, attribute in patched if home == name}
            now = _code_state(module, self.modules, namespace)
            if any(
                now.get(key) != imported.code.get(key)
                for key in now.keys() | imported.code.keys()
                if key not in carried
            ):
                found[name] = fingerprint({key: held.here for key, held in now.items()})
        return found

    def as_imported(self, name: str, *, with_data: bool) -> tuple[str, str] | None:
        """Return what tells the import of a module from one that made something else; `None` for an unknown one.

        Parameters
        ----------
        name
            The module.
        with_data
            Whether its variables count too, because they are not carried.
        """
        imported = self.modules.get(name)
        if imported is None:
            return None
        held = {key: print_.anywhere for key, print_ in imported.code.items() if print_.anywhere}
        return fingerprint(held), imported.data.anywhere if with_data else ""

    def made_something_else(self, told: Mapping[str, tuple[str, str]]) -> list[str]:
        """Return those names under which is told what the import of a module made that made something else here."""
        found = []
        for name, (code, data) in told.items():
            here = self.as_imported(name.removeprefix(CODE), with_data=bool(data))
            if here is not None and here != (code, data):
                found.append(name)
        return sorted(found)

    def is_as_imported(self, name: str) -> bool:
        """Say whether the variables of a module are what they were when it had been imported."""
        module, imported = sys.modules.get(name), self.modules.get(name)
        if module is None or imported is None:
            return False
        return imported.data == print_of(_data(module, self.modules), notebook_namespace())

    def put(self, name: str, value: tuple[Any, Any], *, alone: bool) -> None:
        """Put back into a module what was carried of it, and take out what is no longer in it.

        Parameters
        ----------
        name
            The module.
        value
            What `variables` returned for it.
        alone
            Whether nothing else shares its objects. What the import has made stays then, if it is the same: the
            module's code may hold it too.
        """
        module = importlib.import_module(name)
        here = _data(module, self.modules)
        shell = notebook_namespace()
        if alone and print_of(here, shell).anywhere == print_of(value, shell).anywhere:
            return
        (carried, deleted), namespace = value, vars(module)
        for gone in (*(own for own, _ in here[0] if own not in dict(carried)), *deleted):
            namespace.pop(gone, None)
        namespace.update(carried)


def watch_imports() -> ImportWatch:
    """Return the watch of this process, which begins now if there was none."""
    for finder in sys.meta_path:
        if isinstance(finder, ImportWatch):
            return finder
    watch = ImportWatch()
    sys.meta_path.insert(0, watch)
    return watch


def _own(module: types.ModuleType) -> list[tuple[str, Any]]:
    """Return the names of a module with their values, but for the language's own and for its submodules."""
    return [
        (name, value)
        for name, value in sorted(vars(module).items())
        if not (name.startswith("__") and name.endswith("__"))
        and type(value).__module__ not in {"typing", "__future__"}
        and not (isinstance(value, types.ModuleType) and value is sys.modules.get(f"{module.__name__}.{name}"))
    ]


def _data(
    module: types.ModuleType, imports: Imports, patched: Collection[Place] = ()
) -> tuple[tuple[tuple[str, Any], ...], tuple[str, ...]]:
    """Return the values in a module that its import does not bring, and which names it has no longer.

    A tuple, which is no object that others could refer to.
    """
    own, imported = _own(module), imports.get(module.__name__)
    held = tuple(
        (name, value)
        for name, value in own
        if not isinstance(value, _CODE_TYPES)
        or (
            imported is not None
            and not imported.holds(name, value)
            and (module.__name__, "", name) not in patched
            and _comes_along(value, imports)
        )
    )
    names = {name for name, _ in own}
    deleted = (name for name in (imported.names if imported else ()) if name not in names)
    return held, tuple(sorted(name for name in deleted if (module.__name__, "", name) not in patched))


def _comes_along(code: Any, imports: Imports) -> bool:
    """Say whether code that a module's name was bound to is found by its name in any process, or is the notebook's."""
    if isinstance(code, types.ModuleType):
        return not made_by_hand(code)
    if code.__module__ == "__main__":
        return True
    first, *path = str(code.__qualname__).split(".")
    found: Any = vars(sys.modules[code.__module__]).get(first) if code.__module__ in sys.modules else None
    if is_of_project(code.__module__ or "") and not (
        code.__module__ in imports and imports[code.__module__].holds(first, found)
    ):
        return False
    for part in path:
        found = getattr(found, part, None)
    return found is code


def _code_state(module: types.ModuleType, imports: Imports, namespace: Mapping[str, Any] | None) -> dict[str, Print]:
    """Return what the code of a module holds, by the place where it does."""
    found: dict[str, Print] = {}
    for name, value in _own(module):
        if isinstance(value, _CODE_TYPES) and not imports[module.__name__].holds(name, value):
            if not _comes_along(value, imports):
                found[f"{name}:is"] = Print(f"{name_of(value)} {id(value)}", name_of(value))
            continue
        if not isinstance(value, (type, *_FUNCTIONS)):
            continue
        # Under its own name, if it has one: which other names stand for it is no matter.
        place = value.__qualname__ if vars(module).get(value.__qualname__) is value else name
        if isinstance(value, type):
            if value.__module__ == module.__name__:
                _of_class(value, place, found, namespace)
        elif _is_made_by(value, module):
            print_ = print_of_function(value, namespace)
            if print_.anywhere:
                found[place] = print_
    return found


def _is_made_by(function: Any, module: types.ModuleType) -> bool:
    """Say whether a function that a module names is its own, or was made for it by another one's decorator."""
    if function.__module__ == module.__name__:
        return True
    return "<locals>" in function.__qualname__ and is_of_project(str(function.__module__))


def _of_class(kind: type, path: str, found: dict[str, Print], namespace: Mapping[str, Any] | None) -> None:
    """Add what a class holds: its attributes, those of its methods, of the classes in it and what it registered."""
    for own, held in list(vars(kind).items()):
        place = f"{path}.{own}"
        # Members and their combinations are the class itself, which makes some of them when they are asked for.
        sunder = own.startswith("_") and isinstance(kind, enum.EnumMeta)
        if own == "_abc_impl" or sunder or isinstance(held, _SELDOM_CHANGE):
            continue
        if isinstance(held, type):
            found[place] = Print(str(id(held)), "")
            if held.__module__ == kind.__module__ and held.__qualname__ == f"{kind.__qualname__}.{own}":
                _of_class(held, place, found, namespace)
        elif isinstance(held, _IN_CLASSES):
            prints = [print_of_function(inner, namespace) for inner in _functions_of(held)]
            found[place] = Print(
                f"{id(held)} {' '.join(print_.here for print_ in prints)}",
                "".join(print_.anywhere for print_ in prints),
            )
        elif not (own.startswith("__") and own.endswith("__")):
            found[place] = print_of(held, namespace)
    if "_abc_impl" in vars(kind):
        registered = (reference() for reference in abc._get_dump(kind)[0])  # type: ignore[attr-defined]  # noqa: SLF001 - as cloudpickle reads it
        names = sorted(name_of(other) for other in registered if other is not None)
        found[f"{path}:registered"] = Print(fingerprint(names), fingerprint(names) if names else "")


def _functions_of(held: Any) -> list[Any]:
    """Return the functions that a class's method, property or the like consists of."""
    if isinstance(held, property):
        return [accessor for accessor in (held.fget, held.fset, held.fdel) if accessor is not None]
    return [held.func if isinstance(held, functools.cached_property) else getattr(held, "__func__", held)]
