"""Import libraries without the seconds that parts of them cost which nobody here uses.

jsonschema (4.25 and newer) imports `rfc3987_syntax` when it is there, which compiles grammars for a format that no
notebook uses: 0.9 s of nbformat's 1.0 s. It treats that package as optional, so hiding it for the moment of the import
is enough, and everything that later imports jsonschema or nbformat (Papermill, scrapbook) gains as well. See
https://github.com/python-jsonschema/jsonschema/issues/1428 and docs/decisions/0001-nbformat-import.md.

Ploomber imports pandas and Matplotlib for tasks that a pipeline of steps has none of; `imported_when_used` lets it have
their names, and the libraries when it asks for something of theirs.
"""

from __future__ import annotations

import importlib
import sys
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_GRAMMARS = "rfc3987_syntax"


def import_nbformat() -> ModuleType:
    """Import nbformat."""
    return _import("nbformat")


def import_jsonschema() -> ModuleType:
    """Import jsonschema."""
    return _import("jsonschema")


def _import(name: str) -> ModuleType:
    if name in sys.modules or _GRAMMARS in sys.modules:
        return importlib.import_module(name)
    sys.modules[_GRAMMARS] = None  # type: ignore[assignment]
    try:
        return importlib.import_module(name)
    finally:
        del sys.modules[_GRAMMARS]


class _WhenUsed(ModuleType):
    """Stand for a module: whatever is asked of it is asked of the module itself, which is imported then."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


@contextmanager
def imported_when_used(*names: str) -> Iterator[None]:
    """Let what is imported within the block import these modules later: when it first asks something of them.

    A module that is imported already stays what it is, and after the block an import of them is an ordinary one. A
    submodule follows its package: `("pandas", "matplotlib", "matplotlib.pyplot")`.
    """
    stand_ins = {name: _WhenUsed(name) for name in names if name not in sys.modules}
    sys.modules.update(stand_ins)
    for name, stand_in in stand_ins.items():
        package, _, child = name.rpartition(".")
        if package in stand_ins:
            setattr(stand_ins[package], child, stand_in)
    try:
        yield
    finally:
        for name, stand_in in stand_ins.items():
            if sys.modules.get(name) is stand_in:
                del sys.modules[name]
