"""What a function of `functools.singledispatch` is made of: its implementations, by type.

What it remembers beside, in a weak dictionary, is which of them it took for which type: no content.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import types

# What each such function has of its own making.
MADE = frozenset({"__wrapped__", "_clear_cache", "dispatch", "register", "registry"})
_CODE = functools.singledispatch(lambda _: None).__code__  # type: ignore[attr-defined]


def implementations(function: types.FunctionType) -> dict[type, Any] | None:
    """Return the very dictionary in which a function of `singledispatch` looks; `None` for any other function."""
    if function.__code__ is not _CODE:
        return None
    registry: dict[type, Any] = _closed_over(_closed_over(function, "dispatch"), "registry")
    return registry


def _closed_over(function: types.FunctionType, name: str) -> Any:
    cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
    return cells[name].cell_contents
