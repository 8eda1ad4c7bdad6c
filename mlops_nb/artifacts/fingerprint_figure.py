"""How Matplotlib's figures are fingerprinted: by what they show, not by where and how often they were handled.

A figure is walked like any object, by what pickle would store of it, but for parts of that which are no content:

1. a registry of callbacks gives pickle its *next* connection number, so that being asked changes the answer;
2. a transform keeps those that are made of it by their memory addresses, which no other process has. Each of them
   holds what it is made of, so nothing that shares an object goes unseen. Whether what it has computed of its parts is
   still valid is no content either, since the parts are;
3. loading marks a figure and its axes as not yet drawn, whatever they were.

And what Matplotlib made once for all figures is not shared by them (`figure_constants`).
"""

from __future__ import annotations

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops_nb.artifacts.fingerprint import Walker

# For each class its module, its name and which attributes are left out.
_LEFT_OUT = (
    ("matplotlib.cbook", "CallbackRegistry", frozenset({"_cid_gen", "_func_cid_map"})),
    ("matplotlib.transforms", "TransformNode", frozenset({"_parents", "_invalid"})),
    ("matplotlib.figure", "Figure", frozenset({"_stale"})),
    ("matplotlib.axes", "Axes", frozenset({"_stale"})),
)

# What a registry of callbacks holds; one that holds anything else is walked as any other object.
_OF_A_REGISTRY = {"_signals", "exception_handler", "callbacks", "_cid_gen", "_func_cid_map", "_pickled_cids"}
_LIBRARIES = frozenset({"matplotlib", "mpl_toolkits"})


def walk_of(kind: type) -> Callable[[Walker, Any], None] | None:
    """Return the walk of objects of a type of Matplotlib; it is not imported for asking."""
    for module, name, left_out in _LEFT_OUT:
        known = getattr(sys.modules.get(module), name, None)
        if known is not None and issubclass(kind, known):
            return partial(_registry if kind.__name__ == "CallbackRegistry" else _walk, left_out=left_out)
    if any(base.__module__.partition(".")[0] in _LIBRARIES for base in kind.__mro__):
        return partial(_walk, left_out=frozenset())
    return None


def _walk(walker: Walker, value: Any, *, left_out: frozenset[str]) -> None:
    if not walker.in_figure:
        walker.constants = walker.trace.constants()
    walker.in_figure += 1
    try:
        if not walker.known(value):
            walker.reduced(value, left_out)
    finally:
        walker.in_figure -= 1
        if not walker.in_figure:
            walker.constants = {}


def _registry(walker: Walker, value: Any, *, left_out: frozenset[str]) -> None:
    """Walk a registry of callbacks; each part of a figure has one, and nearly all are empty."""
    held = vars(value)
    signals = held.get("_signals")
    empty = not (held.get("callbacks", True) or held.get("_pickled_cids", True))
    if not empty or held.keys() != _OF_A_REGISTRY or type(signals) is not list or {*map(type, signals)} != {str}:
        _walk(walker, value, left_out=left_out)
    elif not walker.known(value):
        walker.tag("registry", "\0".join(signals).encode())
        walker.walk(held["exception_handler"])
        for inner in (signals, held["callbacks"], held["_pickled_cids"]):
            walker.known(inner)
