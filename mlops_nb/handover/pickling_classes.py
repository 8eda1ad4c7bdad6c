"""Pickle classes of the notebook with all their members, in their own order."""

from __future__ import annotations

import enum
from typing import Any

import cloudpickle

# Of the tuple that a reduce method returns, how long it is when it has a state.
_WITH_STATE = 3


def with_members_in_order(kind: type, reduced: Any) -> Any:
    """Return what cloudpickle stores of a class, with its members in their own order, and all of them.

    It sorts them and leaves out those of which a base has the same: of the base they may become another.
    """
    if not isinstance(reduced, tuple) or len(reduced) < _WITH_STATE or not isinstance(reduced[2], tuple):
        return reduced
    make, arguments, (members, slots), *_ = reduced
    if not issubclass(kind, enum.Enum):
        members = _as_of_a_base(kind) | members
    places = {name: place for place, name in enumerate(vars(kind))}
    ordered = dict(sorted(members.items(), key=lambda member: places.get(member[0], len(places))))
    if kind.__qualname__ != kind.__name__:
        # Of a class that a function made; cloudpickle makes it again by its last name.
        ordered["__qualname__"] = kind.__qualname__
    return make, arguments, (ordered, slots), None, None, _set_members


# Made with each class.
_WITH_EACH_CLASS = frozenset({"__module__", "__dict__", "__weakref__", "__abstractmethods__", "_abc_impl"})


def _as_of_a_base(kind: type) -> dict[str, Any]:
    """Return the members of a class that are the very object which a base has under that name."""
    return {
        name: value
        for name, value in vars(kind).items()
        if name not in _WITH_EACH_CLASS
        and any(vars(base).get(name, _WITH_EACH_CLASS) is value for base in kind.__bases__)
    }


def _set_members(kind: type, state: tuple[dict[str, Any], Any]) -> None:
    # What a base's `__init_subclass__` has set by now, as that of scikit-learn's transformers does, stands before all.
    for name in state[0].keys() & vars(kind).keys():
        if not name.startswith("__") and name not in _WITH_EACH_CLASS:
            delattr(kind, name)
    cloudpickle.cloudpickle._class_setstate(kind, state)  # noqa: SLF001 - what cloudpickle's own pickles name
