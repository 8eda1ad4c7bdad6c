"""Thaw what `pickling` froze, onto the globals of the kernel that thaws it."""

from __future__ import annotations

import importlib
import io
import math
import pickle
import types
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import constant_at, fingerprint, put_constant
from mlops_nb.handover.set_order import Recipe

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_nb.artifacts import Place
    from mlops_nb.handover.pickling import Identities

_PICKLING = "mlops_nb.handover.pickling"

# Tokens of NaN objects: the libraries' own, or one of the notebook's.
NAN = "nan:"


def _nan(token: str) -> float:
    if token == f"{NAN}numpy":
        import numpy as np

        return np.nan
    return math.nan if token == f"{NAN}math" else float("nan")


class NotebookUnpickler(pickle.Unpickler):
    """Thaws what `NotebookPickler` froze, onto the globals of this kernel."""

    def __init__(  # noqa: PLR0913, PLR0917 - what thawing depends on
        self,
        data: bytes | memoryview,
        buffers: Sequence[Any],
        namespace: dict[str, Any],
        identities: Identities,
        objects: dict[str, Any],
        named: set[str],
    ) -> None:
        super().__init__(io.BytesIO(data), buffers=buffers)
        self._objects = objects
        self._namespace = namespace
        self._identities = identities
        self._named = named
        self._constants: dict[tuple[Place, str], Any] = {}
        self._sets: dict[int, Any] = {}

    def persistent_load(self, token: str | tuple[Any, ...]) -> Any:
        """Return the object that was stored elsewhere, and has been thawed before; a library's constant; a set."""
        if isinstance(token, tuple):
            kind, *told = token
            return self._constant_at(*told) if kind == "constant" else self._set(*told)
        if token.startswith(NAN):
            return self._objects.setdefault(token, _nan(token))
        return self._objects[token]

    def _set(self, number: int, *told: Any) -> Any:
        if number not in self._sets:
            self._sets[number] = Recipe(*told).make()
        return self._sets[number]

    def _constant_at(self, place: Place, content: str, pickled: bytes) -> Any:
        """Return what the library of this process holds at the place, if it is the same; else what was stored."""
        if (place, content) not in self._constants:
            # What needs the constant would load the library, but may come later in the pickle.
            with suppress(ImportError):
                importlib.import_module(place[0])
            value = constant_at(place)
            if value is None or fingerprint(value) != content:
                value = loads(pickled, (), namespace=self._namespace, identities=self._identities)
                put_constant(place, value)
            self._constants[place, content] = value
        return self._constants[place, content]

    def find_class(self, module: str, name: str) -> Any:
        """Return what a pickle names; functions of the notebook are made here, on this kernel's globals."""
        if name == "_make_function" and module == _PICKLING:
            # Pickle keeps what it has found: a method of this object would keep it, with all that it has thawed, until
            # the cyclic collector comes by. What the notebook drops would still be there for its weak references.
            return partial(_make_function, self._namespace, self._identities)
        self._named.add(module)
        return super().find_class(module, name)


def _make_function(  # noqa: PLR0913, PLR0917 - what a function is made of, and where
    namespace: dict[str, Any],
    identities: Identities,
    code: types.CodeType,
    name: str,
    closure: tuple[types.CellType, ...] | None,
    token: str | None,
) -> types.FunctionType:
    function = types.FunctionType(code, namespace, name, None, closure)
    return identities.learn(token, function) if token else function


def loads(  # noqa: PLR0913 - what thawing depends on
    pickled: bytes | memoryview,
    buffers: Sequence[Any],
    *,
    namespace: dict[str, Any],
    identities: Identities,
    objects: dict[str, Any] | None = None,
    named: set[str] | None = None,
) -> Any:
    """Thaw what `dumps` froze, which is only ever content of our own store.

    `objects` are those it refers to; `named` takes in the modules whose functions and classes it names.
    """
    # An empty one is filled as well.
    known = {} if objects is None else objects
    return NotebookUnpickler(pickled, buffers, namespace, identities, known, set() if named is None else named).load()
