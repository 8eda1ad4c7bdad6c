"""Where the code of a module holds objects that variables of the module are too: defaults, closures, class attributes.

What is carried of a variable is put back into the module, and there as well: both stay one object.
"""

from __future__ import annotations

import types
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

# What the language, and what maps classes to tables, keep in modules and classes.
LANGUAGES = frozenset(
    {"__abstractmethods__", "__all__", "__annotate__", "__annotate_func__", "__annotations__"}
    | {"__annotations_cache__", "__builtins__", "__cached__", "__class__", "__classcell__"}
    | {"__classdict__", "__classdictcell__", "__conditional_annotations__", "__dict__", "__doc__"}
    | {"__file__", "__firstlineno__", "__hash__", "__loader__", "__mapper__"}
    | {"__match_args__", "__module__", "__name__", "__orig_bases__", "__package__"}
    | {"__parameters__", "__path__", "__qualname__", "__slots__", "__spec__"}
    | {"__static_attributes__", "__table__", "__version__", "__warningregistry__", "__weakref__"}
)
_NEVER_CHANGE = (int, float, complex, str, bytes, bool, type(None), type, types.ModuleType, types.FunctionType)
_Slot = tuple[Any, "Callable[[Any], None]"]


def tied(module: types.ModuleType, variables: Iterable[tuple[str, Any]]) -> tuple[str, ...]:
    """Return the names of those variables whose objects the module's code holds too."""
    held = {id(value) for value, _ in _slots(module)}
    return tuple(name for name, value in variables if id(value) in held and not isinstance(value, _NEVER_CHANGE))


def tie(module: types.ModuleType, instead: Mapping[int, Any]) -> None:
    """Let a module's code hold other objects; `instead` has them by the ids of those that it holds."""
    for value, put in list(_slots(module)):
        if id(value) in instead:
            put(instead[id(value)])


def _slots(module: types.ModuleType) -> Iterator[_Slot]:
    met: set[int] = set()
    for value in list(vars(module).values()):
        if getattr(value, "__module__", None) != module.__name__:
            continue
        if isinstance(value, type):
            yield from _of_class(value, met)
        else:
            yield from _of_function(value, met)


def _of_class(kind: type, met: set[int]) -> Iterator[_Slot]:
    if id(kind) in met:
        return
    met.add(id(kind))
    for name, held in list(vars(kind).items()):
        if isinstance(held, type) and held.__module__ == kind.__module__:
            yield from _of_class(held, met)
        elif name not in LANGUAGES:
            yield held, partial(setattr, kind, name)
        yield from _of_function(getattr(held, "__func__", held), met)


def _of_function(function: Any, met: set[int]) -> Iterator[_Slot]:
    if type(function) is not types.FunctionType or id(function) in met:
        return
    met.add(id(function))
    for number, held in enumerate(function.__defaults__ or ()):
        yield held, partial(_set_default, function, number)
    keywords = function.__kwdefaults__ or {}
    for key, held in keywords.items():
        yield held, partial(keywords.__setitem__, key)
    for cell in function.__closure__ or ():
        try:
            held = cell.cell_contents
        except ValueError:
            continue
        yield held, partial(setattr, cell, "cell_contents")
        yield from _of_function(held, met)


def _set_default(function: types.FunctionType, number: int, value: Any) -> None:
    defaults = list(function.__defaults__ or ())
    defaults[number] = value
    function.__defaults__ = tuple(defaults)
