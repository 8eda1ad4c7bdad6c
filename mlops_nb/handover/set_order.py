"""Sets that come back in the order in which they were: a vocabulary counted off in one step is counted off in the next.

The order in which a set yields its elements follows from their hashes, the size of its table, and which element was
there first where two want one place. All kernels of a pipeline hash alike (`PYTHONHASHSEED=0`); the rest is found here:
an order of insertion that leads to the same table. It is tried before it is believed, and a set for which none is
found has to stay in its process.

Source: CPython, `Objects/setobject.c` (`set_add_entry`, `set_table_resize`, `set_merge`), the same from 3.7 on.
"""

from __future__ import annotations

import ctypes
import datetime as dt
import sys
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LINEAR_PROBES = 9
_PERTURB_SHIFT = 5
_WORD = 8
# Which words of a set's memory are these: fill, mask, where the table is.
_FILL, _MASK, _TABLE = 2, 4, 5
_LARGEST = 200_000
# What hashes by content, and alike in every kernel. `None` hashes by its address before Python 3.12.
_STABLE = frozenset({int, float, complex, bool, str, bytes, dt.date, dt.datetime, dt.timedelta, dt.time})


@dataclass(frozen=True)
class Recipe:
    """How to make a set: what is put in, in that order, for how much room is made before, and what goes again."""

    kind: type
    order: tuple[Any, ...]
    room_for: int = 0
    fillers: tuple[int, ...] = ()

    def make(self) -> Any:
        """Return the set, or frozen set."""
        # A dictionary says how many will come, and twice as much room is made at once.
        made: set[Any] = set(dict.fromkeys(self.order[: self.room_for]))
        made.update(self.order[self.room_for :])
        # One by one: `difference_update` would make a smaller table when many go.
        for number in self.fillers:
            made.discard(number)
        return made if self.kind is set else self.kind(made)


def recipe(value: Any) -> Recipe | None:
    """Return how to make a set that yields its elements as this one does; nothing if pickle alone does that.

    Raises
    ------
    LookupError
        When no way is found.
    """
    wanted = list(value)
    kind = type(value)
    if not all(map(_is_stable, wanted)) or _is_like(kind(wanted), value, wanted):
        return None
    for found in _candidates(value, wanted):
        if _is_like(found.make(), value, wanted):
            return found
    message = f"no other process could give its {len(wanted)} elements the order that they have here"
    raise LookupError(message)


def _is_like(made: Any, value: Any, wanted: list[Any]) -> bool:
    # Places that are still not free after their elements went count when the table is to grow.
    return _yields(made, value, wanted) and _word_of(made, _FILL) == _word_of(value, _FILL)


def _yields(made: Any, value: Any, wanted: list[Any]) -> bool:
    # A table of another size would take the next element to another place.
    return sys.getsizeof(made) == sys.getsizeof(value) and all(map(_is, made, wanted))


def _is(one: Any, other: Any) -> bool:
    return one is other or one == other


def _is_stable(item: Any) -> bool:
    kind = type(item)
    if kind in _STABLE:
        # NaN hashes by its address.
        return kind not in {float, complex} or item == item  # noqa: PLR0124
    return kind in {tuple, frozenset} and all(map(_is_stable, item))


def _candidates(value: Any, wanted: list[Any]) -> Iterator[Recipe]:
    kind = type(value)
    orders: list[tuple[list[Any], list[int]]] = [(wanted, []), (wanted[::-1], [])]
    if len(wanted) <= _LARGEST:
        orders[:0] = _by_places(value)
    for order, fillers in orders:
        yield Recipe(kind, tuple(order), fillers=tuple(fillers))
        # A quarter of the places is the least that leads to a table of that size.
        least = (_word_of(value, _MASK) + 1) // 4
        short = max(0, least - len(order))
        more = [number for number in range(-2, -2 - 2 * (short + len(wanted)), -1) if number not in value][:short]
        yield Recipe(kind, (*order, *more), least, (*fillers, *more))
        yield Recipe(kind, (*order, *more), len(order), (*fillers, *more))


def _word_of(value: Any, number: int) -> int:
    """Return one of the words that CPython keeps of a set; 0 where another Python runs."""
    if sys.implementation.name != "cpython" or ctypes.sizeof(ctypes.c_void_p) != _WORD:
        return 0
    return ctypes.c_ssize_t.from_address(id(value) + number * _WORD).value


def _by_places(value: Any) -> Iterator[tuple[list[Any], list[int]]]:
    """Yield orders in which each element comes after those that had the places which it would rather have.

    The places of elements that were taken out are still not free: numbers stand for them, which are told beside.
    """
    mask = _word_of(value, _MASK)
    at, fillers = _table_of(value, mask)
    before: dict[Any, list[Any]] = {}
    for place, item in at.items():
        for tried in _places(hash(item), mask):
            if tried == place:
                break
            if tried in at:
                before.setdefault(item, []).append(at[tried])
    blockers = {item for items in before.values() for item in items}
    alone = [item for item in at.values() if item not in before and item not in blockers]
    try:
        chained = list(TopologicalSorter(before).static_order())
    except CycleError:
        return
    # While a table grows, those that stand in nobody's way are the ones to begin with.
    yield [*alone, *chained], fillers
    yield [*chained, *alone], fillers


def _table_of(value: Any, mask: int) -> tuple[dict[int, Any], list[int]]:
    """Return what stands at each place of a set's table, and the numbers that stand for what was taken out."""
    table = _word_of(value, _TABLE)
    at: dict[int, Any] = {}
    fillers: list[int] = []
    if not table:
        return at, fillers
    by_id = {id(item): item for item in value}
    keys = (ctypes.c_void_p * (2 * (mask + 1))).from_address(table)
    for place in range(mask + 1):
        key = keys[2 * place]
        if key in by_id:
            at[place] = by_id[key]
        elif key:
            at[place] = next(number for number in range(place, sys.maxsize, mask + 1) if number not in value)
            fillers.append(at[place])
    return at, fillers


def _places(hashed: int, mask: int) -> Iterator[int]:
    """Yield the places of the table in the order in which an element is tried there."""
    perturb = hashed % 2**64
    place = perturb & mask
    while True:
        probes = _LINEAR_PROBES if place + _LINEAR_PROBES <= mask else 0
        yield from range(place, place + probes + 1)
        perturb >>= _PERTURB_SHIFT
        place = (place * 5 + 1 + perturb) & mask


def recipes(values: Iterable[Any]) -> dict[int, Recipe]:
    """Return the recipes of those sets among values that need one, by their ids.

    Raises
    ------
    LookupError
        When there is none for a set.
    """
    found = {}
    for value in values:
        if type(value) in {set, frozenset} and id(value) not in found and (known := recipe(value)) is not None:
            found[id(value)] = known
    return found
