"""Which objects another one leads to, whatever they are: asked where no walk over a value can tell."""

from __future__ import annotations

import gc
import logging
import types
from typing import Any

# Somebody's whole object graph may hang on one object.
_ENOUGH = 50_000
_NOT_INTO = (type, types.ModuleType, types.CodeType, types.BuiltinFunctionType, logging.Logger, str, bytes, int, float)


def reached_from(value: Any) -> frozenset[int] | None:
    """Return the ids of the objects that a value leads to, itself among them, but not through modules and classes.

    `None` when there are too many to look at.
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
        if isinstance(found, types.FunctionType):
            # Not its globals: whose they are, everything is reached from.
            waiting += [found.__closure__, found.__defaults__, found.__kwdefaults__, vars(found)]
        elif not isinstance(found, _NOT_INTO) and not (type(found) is dict and "__builtins__" in found):
            waiting += gc.get_referents(found)
    return frozenset(met)
