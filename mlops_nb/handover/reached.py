"""Which objects another one leads to, whatever they are: asked where no walk over a value can tell."""

from __future__ import annotations

import enum
import gc
import logging
import types
from typing import Any

# Somebody's whole object graph may hang on one object.
_ENOUGH = 50_000
_NOT_INTO = (type, types.ModuleType, types.CodeType, types.BuiltinFunctionType, logging.Logger, str, bytes, int, float)
# What never changes is no object that two hold in common; of a function what it holds is.
_COMMON = (*_NOT_INTO, type(None), type(...), complex, tuple, frozenset, enum.Enum, types.FunctionType)


def reached_from(value: Any) -> frozenset[int] | None:
    """Return the ids of the objects that can change to which a value leads, itself among them.

    Not through modules, classes and loggers, which all have in common. `None` when there are too many to look at.
    """
    met: dict[int, Any] = {}
    waiting = [value]
    while waiting:
        if len(met) > _ENOUGH:
            return None
        found = waiting.pop()
        if id(found) in met:
            continue
        met[id(found)] = found
        if type(found) is types.FunctionType:
            # Not its globals: whose they are, everything is reached from.
            waiting += [found.__closure__, found.__defaults__, found.__kwdefaults__, vars(found)]
        elif not issubclass(type(found), _NOT_INTO) and not (type(found) is dict and "__builtins__" in found):
            waiting += gc.get_referents(found)
    return frozenset(key for key, found in met.items() if not issubclass(type(found), _COMMON))
