"""Import what stands on jsonschema without the seconds that one of its format checkers costs.

jsonschema (4.25 and newer) imports `rfc3987_syntax` when it is there, which compiles grammars for a format that no
notebook uses: 0.9 s of nbformat's 1.0 s. It treats that package as optional, so hiding it for the moment of the import
is enough, and everything that later imports jsonschema or nbformat (Papermill, scrapbook) gains as well. See
https://github.com/python-jsonschema/jsonschema/issues/1428 and docs/decisions/0001-nbformat-import.md.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

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
