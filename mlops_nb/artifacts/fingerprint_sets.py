"""How sets are fingerprinted: by their order where another process has the same, else in an order that content gives.

Elements are put in order by a glance at each, a walk that ends after so many objects. Only what looks alike so far is
looked at longer, as long as the allowance of the whole walk lasts. Then the walk goes through them, each once. So a
glance decides nothing but the order, and sets that lead into each other cost no more than as many objects elsewhere.
Elements that look alike to the end of the allowance keep the order of the set: two processes may then disagree about a
value that is the same, but never take two that differ for one.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts.set_table import has_known_order, is_stable, layout

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from mlops_nb.artifacts.fingerprint import Walker

# How many objects the first glance at an element goes through, and how many times as many each further one.
_GLANCE = 32
_LONGER = 16
# How many objects all further glances of one walk may go through, about a second.
ALLOWANCE = 300_000


class SeenEnough(Exception):  # noqa: N818 - ends a glance
    """A glance has been through as many objects as it may."""


def unordered(walker: Walker, value: set[Any] | frozenset[Any]) -> None:
    """Hash a set."""
    if id(value) in walker.within:
        # An element that holds its own set has no end otherwise.
        walker.tag("within", struct.pack("<Q", walker.within.index(id(value))))
        return
    if walker.met(value) or (type(value) is set and walker.been_through(value)):
        return
    walker.tag(type(value).__name__, struct.pack("<Q", len(value)))
    if walker.left is not None:
        _glance_inside(walker, value, walker.left)
        return
    if has_known_order(value):
        walker.tag("order", layout(value))
        _in_turn(walker, value)
        return
    if type(value) is set and all(map(is_stable, value)):
        walker.trace.unordered.add(id(value))
    if all(type(item) is str for item in value):
        _in_turn(walker, sorted(value))
    else:
        _in_turn(walker, list(_in_order(walker, value, value, _GLANCE)))


def _in_turn(walker: Walker, items: Iterable[Any]) -> None:
    if not walker.bulk(items):
        for item in items:
            walker.walk(item)


def _in_order(walker: Walker, of: Any, items: Iterable[Any], limit: int) -> Iterator[Any]:
    """Yield elements of a set in the order that glances at them give."""
    alike: dict[tuple[str, bool], list[Any]] = {}
    for item in items:
        digest, complete, used = _glance(walker, of, item, limit)
        alike.setdefault((digest, complete), []).append(item)
        if limit > _GLANCE:
            walker.allowance[0] -= used
    for key in sorted(alike):
        tied, (_, complete) = alike[key], key
        longer = min(limit * _LONGER, walker.allowance[0] // len(tied))
        if len(tied) == 1 or complete or longer <= limit:
            yield from tied
        else:
            yield from _in_order(walker, of, tied, longer)


def _glance(walker: Walker, of: Any, item: Any, limit: int) -> tuple[str, bool, int]:
    """Return the hash of the first objects of an element, whether those are all, and how many."""
    inner = walker.apart(of, limit)
    try:
        inner.walk(item)
    except SeenEnough:
        inner.complete = False
    return inner.digest(), inner.complete, limit - max(inner.left or 0, 0)


def _glance_inside(walker: Walker, value: set[Any] | frozenset[Any], left: int) -> None:
    """Hash a set that is met in a glance: each element apart, with an equal part of what is left."""
    if len(value) > left:
        raise SeenEnough
    glances = [_glance(walker, value, item, (left - len(value)) // len(value)) for item in value]
    walker.complete = walker.complete and all(complete for _, complete, _ in glances)
    walker.left = left - len(value) - sum(used for _, _, used in glances)
    walker.tag("items", "".join(sorted(digest for digest, _, _ in glances)).encode())
