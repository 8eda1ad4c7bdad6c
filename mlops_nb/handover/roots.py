"""Objects that can change and that variables stand for: which one is which, also in another process."""

from __future__ import annotations

import math
import secrets
import sys
import types
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import by_body, is_immutable, stateless
from mlops_nb.handover.seen_ends import OwnRef
from mlops_nb.handover.unpickling import NAN

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Roots:
    """Which object in this process is which, by the token that identifies it across processes.

    While the notebook's code runs, objects are held weakly where they can be: an object that only we kept alive would
    still be there for the code's weak references and finalizers. `fleeting` are the tokens of those that keep something
    alive whose end shows: where these cannot be held weakly, they are not held at all.
    """

    objects: dict[str, Any] = field(default_factory=dict)
    fleeting: set[str] = field(default_factory=set)
    _known: dict[int, tuple[str, Callable[[], Any]]] = field(default_factory=dict)

    def learn(self, token: str, value: Any) -> None:
        """Take note that `value` is the object of that token."""
        self.objects[token] = value
        try:
            held: Callable[[], Any] = OwnRef(value)
        except TypeError:
            held = partial(_itself, value)
        self._known[id(value)] = (token, held)

    def token(self, value: Any) -> str | None:
        """Return the token of an object, if it has one."""
        token, held = self._known.get(id(value), ("", None))
        return token if held is not None and held() is value else None

    def nan(self, value: float) -> str:
        """Return the token of a NaN object."""
        numpy = sys.modules.get("numpy")
        if value is math.nan:  # noqa: PLW0177 - which object it is
            return f"{NAN}math"
        if numpy is not None and value is numpy.nan:
            return f"{NAN}numpy"
        known = next((token for token, held in self.objects.items() if held is value), None)
        token = known or f"{NAN}{secrets.token_hex(8)}"
        self.objects[token] = value
        return token

    def let_go(self, needed: frozenset[str] = frozenset()) -> None:
        """Hold no object any longer than the notebook does; NaN objects have nothing that could be missed.

        `needed` are tokens that must stay known: what is not in this process refers to them.
        """
        gone = self.fleeting - needed
        self._known = {
            key: (token, held)
            for key, (token, held) in self._known.items()
            if token not in gone or isinstance(held, OwnRef)
        }
        self.objects = {token: value for token, value in self.objects.items() if token.startswith(NAN)}


def _itself(value: Any) -> Any:
    return value


def is_root(value: Any) -> bool:
    """Say whether a value is an object that can change and that others may hold."""
    if type(value) in _NEVER_ROOTS or isinstance(value, types.ModuleType | BaseException):
        return False
    if isinstance(value, type):
        return by_body(value)
    if type(value) is types.FunctionType:
        return not stateless(value)
    if is_immutable(type(value)):
        return False
    module = type(value).__module__
    # Indexes and scalars of pandas and NumPy never change; a view is its owner's memory.
    if module.startswith("pandas") and type(value).__name__ not in {"DataFrame", "Series"}:
        return False
    return module != "numpy" or (type(value).__name__ == "ndarray" and value.base is None)


_NEVER_ROOTS = frozenset(
    {int, float, complex, bool, str, bytes, tuple, frozenset, type(None), range, slice, types.BuiltinFunctionType}
    | {types.MethodType, types.CodeType, types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType}
)
