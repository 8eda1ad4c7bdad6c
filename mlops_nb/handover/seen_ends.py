"""Objects whose end shows: a weak reference to them dies, a finalizer runs, a file is closed.

As long as the hand-over holds a list, to know it again, it holds what is in the list as well. That is nobody's loss but
where the end of something in it shows: such a list must be let go of, and is a new one to us when it is met again.
"""

from __future__ import annotations

import types
import weakref
from typing import TYPE_CHECKING, Any

from mlops_nb.handover.groups import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlops_nb.handover.groups import Group
    from mlops_nb.handover.state import Covariable

# Weak tables of Python's and of libraries are full of these, and the notebook's functions are in one of ours.
_CODE = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType)


class OwnRef(weakref.ref):  # type: ignore[type-arg]
    """A weak reference of ours: nothing of the notebook is told when it dies."""

    __slots__ = ()


def with_seen_ends(groups: Iterable[Group], oids: Mapping[str, str]) -> set[str]:
    """Return the tokens of the objects that keep something alive whose end shows.

    Parameters
    ----------
    groups
        The variables, as they were walked.
    oids
        The tokens of their objects, by name.
    """
    kinds: dict[type, tuple[bool, bool]] = {}
    tokens = {group.names: {oids[name] for name in group.names if name in oids} for group in groups}
    shows = {
        group.names: group.fingerprint.startswith(UNKNOWN) or any(_shows(held, kinds) for held in group.trace.alive)
        for group in groups
    }
    return _with_what_refers(
        set().union(*(own for names, own in tokens.items() if shows[names])),
        [(tokens[group.names], group.trace.refs) for group in groups],
    )


def thawed_with_seen_ends(items: Iterable[Covariable], weak: set[str]) -> set[str]:
    """Return the tokens of the objects that keep something alive whose end shows, of those that were thawed.

    Parameters
    ----------
    items
        What was thawed.
    weak
        The tokens of those in which there are weak references.
    """
    return _with_what_refers(weak, [({*item.oids.values()}, {*item.refs}) for item in items])


def _with_what_refers(found: set[str], referring: list[tuple[set[str], set[str]]]) -> set[str]:
    found = set(found)
    while more := set().union(*(own for own, refs in referring if refs & found)) - found:
        found |= more
    return found


def _shows(value: Any, kinds: dict[type, tuple[bool, bool]]) -> bool:
    kind = type(value)
    if kind not in kinds:
        # pandas notes weakly which of its indexes lie in one memory.
        has_refs = bool(kind.__weakrefoffset__) and not kind.__module__.startswith("pandas.core.index")
        kinds[kind] = hasattr(kind, "__del__"), has_refs and not issubclass(kind, _CODE)
    ends, has_refs = kinds[kind]
    return ends or (has_refs and any(type(held) is not OwnRef for held in weakref.getweakrefs(value)))
