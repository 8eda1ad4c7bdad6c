"""Views of dictionaries: what `keys()`, `values()` and `items()` return shows a dictionary, and follows its changes."""

from __future__ import annotations

import gc
from collections import OrderedDict
from typing import Any

_METHODS = ("keys", "values", "items")
# The types of views of both kinds of dictionary, with the method that makes one.
_DICTIONARIES: tuple[dict[Any, Any], ...] = ({}, OrderedDict())
VIEWS: dict[type, str] = {type(getattr(held, how)()): how for held in _DICTIONARIES for how in _METHODS}


def behind(view: Any) -> Any:
    """Return the dictionary behind a `keys()`, `values()` or `items()` view or a read-only proxy."""
    return gc.get_referents(view)[0]
