"""What of a module's code has changed, in words: which attribute of a class, default, closure or cache."""

from __future__ import annotations

import functools
import types
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import PLAIN
from mlops_nb.handover.object_state import LRU_CACHE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

# So many places are named.
_FEW = 3
_CODE = (type, types.ModuleType, types.BuiltinFunctionType)


def in_words(module: types.ModuleType, places: Collection[str]) -> str:
    """Return in words where the code of a module holds something; `places` are what `code_of` calls them."""
    # Of a name that stands for other code, what that holds is no matter.
    changed = sorted(place for place in places if f"{place}:is" not in places)
    told = [_place(module, place) for place in changed[:_FEW]]
    if len(changed) > _FEW:
        told.append(f"{len(changed) - _FEW} more")
    return ", ".join(told)


def _place(module: types.ModuleType, place: str) -> str:
    path, _, what = place.partition(":")
    if what:
        return f"what `{path}` stands for" if what == "is" else f"what is registered with `{path}`"
    found: Any = module
    for part in path.split("."):
        found = getattr(found, "__dict__", {}).get(part)
    held = ", ".join(dict.fromkeys(_held_by(found, set())))
    return f"`{path}` ({held})" if held else f"`{path}`"


def _held_by(code: Any, met: set[int]) -> Iterator[str]:
    """Yield what a function, method or property holds that may change; a function may lead back to itself."""
    if id(code) in met:
        return
    met.add(id(code))
    if type(code) is LRU_CACHE:
        yield "its cache"
        yield from _held_by(code.__wrapped__, met)
    elif isinstance(code, property):
        for accessor in (code.fget, code.fset, code.fdel):
            yield from _held_by(accessor, met)
    elif isinstance(code, staticmethod | classmethod):
        yield from _held_by(code.__func__, met)
    elif isinstance(code, functools.cached_property):
        yield from _held_by(code.func, met)
    elif type(code) is types.FunctionType:
        yield from _held_by_function(code, met)


def _held_by_function(function: types.FunctionType, met: set[int]) -> Iterator[str]:
    names = function.__code__.co_varnames[: function.__code__.co_argcount]
    defaults = function.__defaults__ or ()
    given = dict(zip(names[len(names) - len(defaults) :], defaults, strict=False)) | (function.__kwdefaults__ or {})
    yield from (f"default `{name}`" for name, value in given.items() if not isinstance(value, (*PLAIN, *_CODE)))
    yield from (f"attribute `{name}`" for name in vars(function) if name != "__wrapped__")
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=False):
        try:
            held = cell.cell_contents
        except ValueError:
            continue
        if type(held) in {types.FunctionType, LRU_CACHE}:
            yield from _held_by(held, met)
        elif not isinstance(held, _CODE):
            yield f"closure `{name}`"
