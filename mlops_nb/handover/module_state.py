"""What a module of the project holds: its variables, and what its code holds beside them.

Both are told against what the module began with: a name may stand for other code than its import bound it to. The
variables are two parts: those that the import bound to what lives in its process only (a lock, a connection, an open
file) are apart, so that the others are carried whatever becomes of these.
"""

from __future__ import annotations

import abc
import enum
import functools
import hashlib
import os
import re
import sys
import types
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import fingerprint, is_of_project, made_by_hand
from mlops_nb.handover.module_slots import LANGUAGES, tied
from mlops_nb.handover.object_state import (
    LRU_CACHE,
    Print,
    name_of,
    notebook_namespace,
    print_of,
    print_of_function,
)

if TYPE_CHECKING:
    from collections.abc import Collection

MODULE = "@module:"
BOUND = "@bound:"
Place = tuple[str, str, str]
_CODE_TYPES = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType)
_FUNCTIONS = (types.FunctionType, LRU_CACHE)
_IN_CLASSES = (staticmethod, classmethod, property, functools.cached_property, *_FUNCTIONS)
_DUNDER = re.compile(rb"\b__[A-Za-z0-9_]+__\b")
_SELDOM_CHANGE = (types.GetSetDescriptorType, types.MemberDescriptorType)


@dataclass(frozen=True)
class SourceFile:
    """A module's source, as it was at a time, and the names in it that look like the language's."""

    path: str
    written: tuple[int, int]
    content: str
    dunders: frozenset[str]

    @staticmethod
    def of(path: str | None) -> SourceFile | None:
        """Return what a file says now, or nothing where there is none that can be read."""
        try:
            found = os.stat(path or "")  # noqa: PTH116 - asked of each module after each step
            text = Path(path or "").read_bytes()
        except (OSError, ValueError):
            return None
        dunders = frozenset(map(bytes.decode, _DUNDER.findall(text))) - LANGUAGES
        return SourceFile(path or "", (found.st_mtime_ns, found.st_size), hashlib.blake2b(text).hexdigest(), dunders)

    def is_another(self) -> bool:
        """Say whether there is another text by now."""
        try:
            found = os.stat(self.path)  # noqa: PTH116
        except OSError:
            return True
        if (found.st_mtime_ns, found.st_size) == self.written:
            return False
        now = SourceFile.of(self.path)
        return now is None or now.content != self.content


@dataclass(frozen=True)
class Imported:
    """What a module began with.

    Its names, which code they stood for and which of them for what lives in its process only, what its code held, what
    each part of its variables did, and its source.
    """

    names: frozenset[str]
    bound: Mapping[str, weakref.ref[Any]]
    code: Mapping[str, Print]
    data: Mapping[str, Print]
    file: SourceFile | None
    in_process: frozenset[str] = frozenset()

    def holds(self, name: str, value: Any) -> bool:
        """Say whether a name stood for this very code."""
        return name in self.bound and self.bound[name]() is value


Imports = Mapping[str, Imported]
Variables = tuple[tuple[tuple[str, Any], ...], tuple[str, ...], tuple[str, ...]]


def imported_now(module: types.ModuleType, others: Imports) -> Imported:
    """Return what a module that has just been imported begins with; `others` are those before it."""
    namespace = notebook_namespace()
    first = Imported(frozenset(), {}, {}, {}, SourceFile.of(getattr(module, "__file__", None)))
    imports = {**others, module.__name__: first}
    own = _own(module, imports)
    bound = {name: weakref.ref(value) for name, value in own if isinstance(value, _CODE_TYPES)}
    first = imports[module.__name__] = replace(first, names=frozenset(name for name, _ in own), bound=bound)
    variables = variables_of(module, imports)
    data = {MODULE: print_of_part(variables)}
    if data[MODULE].looked:
        in_process = frozenset(name for name, value in variables[0] if print_of(value, namespace).looked)
        first = imports[module.__name__] = replace(first, in_process=in_process)
        data = {part: print_of_part(held) for part, held in parts_of(module, imports).items()}
    return replace(first, code=code_of(module, imports), data=data)


def _is_own(name: str, imports: Imports) -> bool:
    """Say whether a name is the person's: not one of the language's, nor one that packages keep something under."""
    if not (name.startswith("__") and name.endswith("__")):
        return True
    return name not in LANGUAGES and any(name in module.file.dunders for module in imports.values() if module.file)


def _own(module: types.ModuleType, imports: Imports) -> list[tuple[str, Any]]:
    """Return the person's names of a module with their values, but for its submodules."""
    return [
        (name, value)
        for name, value in sorted(vars(module).items())
        if _is_own(name, imports)
        and type(value).__module__ not in {"typing", "__future__"}
        and not (isinstance(value, types.ModuleType) and value is sys.modules.get(f"{module.__name__}.{name}"))
    ]


def variables_of(module: types.ModuleType, imports: Imports, patched: Collection[Place] = ()) -> Variables:
    """Return the variables of a module, which names its import bound that it has no longer, and which its code holds.

    Names that stand for code are among them where the import bound them to something else, and where that can be found
    by its own name in any process. All of it is tuples, which are no objects that others could refer to.
    """
    own, imported = _own(module, imports), imports.get(module.__name__)
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
    gone = tuple(sorted(name for name in deleted if (module.__name__, "", name) not in patched))
    return held, gone, tied(module, held)


def parts_of(module: types.ModuleType, imports: Imports, patched: Collection[Place] = ()) -> dict[str, Variables]:
    """Return the variables of a module in two parts, by what their names begin with when they are carried."""
    held, gone, by_code = variables_of(module, imports, patched)
    imported = imports.get(module.__name__)
    in_process = imported.in_process if imported is not None else frozenset()
    if not in_process:
        return {MODULE: (held, gone, by_code)}

    def part(*, apart: bool) -> Variables:
        return (
            tuple((name, value) for name, value in held if (name in in_process) is apart),
            () if apart else gone,
            tuple(name for name in by_code if (name in in_process) is apart),
        )

    return {MODULE: part(apart=False), BOUND: part(apart=True)}


def print_of_part(variables: Variables) -> Print:
    """Return the print of a part of a module's variables, which tells here as well which objects they are."""
    print_ = print_of(variables, notebook_namespace())
    return (
        replace(print_, here=f"{print_.here} {[id(value) for _, value in variables[0]]}") if print_.looked else print_
    )


def _comes_along(code: Any, imports: Imports) -> bool:
    """Say whether code that a module's name was bound to is found by its name in any process, or is the notebook's."""
    if isinstance(code, types.ModuleType):
        return not made_by_hand(code)
    if code.__module__ == "__main__":
        return True
    first, *path = str(getattr(code, "__qualname__", "")).split(".")
    found: Any = vars(sys.modules[code.__module__]).get(first) if code.__module__ in sys.modules else None
    if is_of_project(code.__module__ or "") and not (
        code.__module__ in imports and imports[code.__module__].holds(first, found)
    ):
        return False
    for part in path:
        found = getattr(found, part, None)
    return found is code


def code_of(module: types.ModuleType, imports: Imports) -> dict[str, Print]:
    """Return what the code of a module holds, by the place where it does."""
    found: dict[str, Print] = {}
    namespace = notebook_namespace()
    for name, value in _own(module, imports):
        if isinstance(value, _CODE_TYPES) and not imports[module.__name__].holds(name, value):
            if not _comes_along(value, imports):
                found[f"{name}:is"] = Print(f"{name_of(value)} {id(value)}", name_of(value))
            continue
        if not isinstance(value, (type, *_FUNCTIONS)):
            continue
        # Under its own name, if it has one: which other names stand for it is no matter.
        called: str = getattr(value, "__qualname__", name)
        place = called if vars(module).get(called) is value else name
        if isinstance(value, type):
            if value.__module__ == module.__name__:
                _of_class(value, place, found, imports)
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


def _of_class(kind: type, path: str, found: dict[str, Print], imports: Imports) -> None:
    """Add what a class holds: its attributes, those of its methods, of the classes in it and what it registered."""
    namespace = notebook_namespace()
    for own, held in list(vars(kind).items()):
        place = f"{path}.{own}"
        # Members and their combinations are the class itself, which makes some of them when they are asked for.
        sunder = own.startswith("_") and isinstance(kind, enum.EnumMeta)
        if own == "_abc_impl" or sunder or isinstance(held, _SELDOM_CHANGE):
            continue
        if isinstance(held, type):
            found[place] = Print(str(id(held)), "")
            if held.__module__ == kind.__module__ and held.__qualname__ == f"{kind.__qualname__}.{own}":
                _of_class(held, place, found, imports)
        elif isinstance(held, _IN_CLASSES):
            prints = [print_of_function(inner, namespace) for inner in _functions_of(held)]
            found[place] = Print(
                f"{id(held)} {' '.join(print_.here for print_ in prints)}",
                "".join(print_.anywhere for print_ in prints),
            )
        elif _is_own(own, imports):
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
