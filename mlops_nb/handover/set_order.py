"""Sets that come back in the order in which they were: a vocabulary counted off in one step is counted off in the next.

The order in which a set yields its elements follows from their hashes, the size of its table, and which element was
there first where two want one place. All kernels of a pipeline hash alike (`PYTHONHASHSEED=0`); the rest is found here:
a way to make a set whose table is the same, place by place, so that it also takes and gives further elements as this
one does. It is tried before it is believed, and a set for which none is found has to stay in its process.

Source: CPython, `Objects/setobject.c` (`set_add_entry`, `set_table_resize`, `set_update_internal`, `set_pop`), the same
from 3.7 on.
"""

from __future__ import annotations

import ctypes
import itertools
import operator
import sys
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts.set_table import FINGER, MASK, SMALLEST, TABLE, is_cpython, is_stable, layout, word_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_LINEAR_PROBES = 9
_PERTURB_SHIFT = 5
# As many keys of a dictionary make room for as many again, in a set that has the smallest table.
_FEWEST_WITH_ROOM = 5
_LARGEST = 200_000


@dataclass(frozen=True)
class Recipe:
    """How to make a set: what is put in, in that order, into a table of that size, and what goes again.

    The first of the order, as many as `early` says, have to be there when a table with few elements gets its size.
    """

    kind: type
    order: tuple[Any, ...]
    size: int = 0
    early: int = 0
    fillers: tuple[int, ...] = ()
    finger: int = 0

    def told(self) -> tuple[Any, ...]:
        """Return the parts, to make it of again."""
        return self.kind, self.order, self.size, self.early, self.fillers, self.finger

    def make(self) -> Any:
        """Return the set, or frozen set."""
        if not self.size:
            return self.kind(self.order)
        # A dictionary says how many will come, and twice as much room is made for them and what is there, at once.
        room = max(self.size // 4, _FEWEST_WITH_ROOM) if self.size > SMALLEST else 0
        if self.kind is frozenset:
            return self._frozen(room)
        made = _whose_pop_begins_at(self.finger)
        if len(self.order) >= room:
            made.update(dict.fromkeys(self.order[:room]))
            made.update(self.order[room:])
        else:
            self._fill_sparsely(made, room)
        _discard(made, self.fillers)
        return made

    def _frozen(self, room: int) -> frozenset[Any]:
        if len(self.order) >= room:
            made = frozenset(dict.fromkeys(self.order[:room])).union(self.order)
        else:
            made = frozenset(dict.fromkeys(self.order[: self.early])).union(dict.fromkeys(self.order))
        # Begins as a copy of the other set, and takes out what is in both.
        return frozenset(self.fillers).symmetric_difference(made) if self.fillers else made

    def _fill_sparsely(self, made: set[Any], room: int) -> None:
        """Put fewer elements in than lead to a table of that size: with others that come, go, and are swept away."""
        elements = set(self.order)
        # As many as make the dictionary with all elements one too many.
        many = max(room, _full(self.size) - len(self.order)) - self.early
        others = list(itertools.islice((number for number in itertools.count(-2, -1) if number not in elements), many))
        short = room - self.early
        made.update(dict.fromkeys((*self.order[: self.early], *others[:short])))
        made.update(others[short:])
        _discard(made, others)
        made.update(dict.fromkeys(self.order))


def recipe(value: Any) -> Recipe | None:
    """Return how to make a set that is as this one, place by place; nothing if pickle alone does that.

    Raises
    ------
    LookupError
        When no way is found.
    """
    wanted = list(value)
    kind = type(value)
    if not all(map(is_stable, wanted)) or _is_like(kind(wanted), value):
        return None
    for found in _candidates(value, wanted):
        if _is_like(found.make(), value):
            return found
    message = f"no other process could give its {len(wanted)} elements the order that they have here"
    raise LookupError(message)


def _is_like(made: Any, value: Any) -> bool:
    return layout(made) == layout(value) and all(map(operator.is_, made, value))


def _candidates(value: Any, wanted: list[Any]) -> Iterator[Recipe]:
    kind = type(value)
    if len(wanted) <= _LARGEST and is_cpython():
        order, early, fillers = _by_places(value)
        size = word_of(value, MASK) + 1
        missing = max(0, size // 4 - len(order)) if size > SMALLEST else 0
        if missing <= early:
            yield Recipe(kind, order, size, missing, fillers, 0 if kind is frozenset else word_of(value, FINGER))
    yield Recipe(kind, tuple(wanted[::-1]))


def _by_places(value: Any) -> tuple[tuple[Any, ...], int, tuple[int, ...]]:
    """Return an order in which each element comes after those that had the places which it would rather have.

    With it, how many of the first would get their places too if they came in the order of the places, as they do when
    a table is made anew. The places of elements that were taken out are still not free: numbers stand for them in the
    order, which are told beside.
    """
    mask = word_of(value, MASK)
    at, fillers = _table_of(value, mask)
    # Of the elements that are not where they would rather be: the places which they found taken.
    taken = {
        place: [*itertools.takewhile(place.__ne__, _places(hash(item), mask))]
        for place, item in at.items()
        if hash(item) & mask != place
    }
    before = {place: [tried for tried in places if tried in at] for place, places in taken.items()}
    blockers = {place for places in before.values() for place in places}
    alone = [place for place in at if place not in before and place not in blockers]
    try:
        chained = [*TopologicalSorter(before).static_order()]
    except CycleError:
        return (*at.values(),), 0, fillers
    late: set[int] = set()
    for place in chained:
        if any(tried > place or tried in late for tried in before.get(place, ())):
            late.add(place)
    early = [*alone, *(place for place in chained if place not in late)]
    order = [*early, *(place for place in chained if place in late)]
    return tuple(at[place] for place in order), len(early), fillers


def _table_of(value: Any, mask: int) -> tuple[dict[int, Any], tuple[int, ...]]:
    """Return what stands at each place of a set's table, and the numbers that stand for what was taken out."""
    at: dict[int, Any] = {}
    fillers: list[int] = []
    by_id = {id(item): item for item in value}
    keys = (ctypes.c_void_p * (2 * (mask + 1))).from_address(word_of(value, TABLE))
    for place in range(mask + 1):
        key = keys[2 * place]
        if key in by_id:
            at[place] = by_id[key]
        elif key:
            at[place] = next(number for number in range(place, sys.maxsize, mask + 1) if number not in value)
            fillers.append(at[place])
    return at, tuple(fillers)


def _places(hashed: int, mask: int) -> Iterator[int]:
    """Yield the places of the table in the order in which an element is tried there."""
    perturb = hashed % 2**64
    place = perturb & mask
    while True:
        probes = _LINEAR_PROBES if place + _LINEAR_PROBES <= mask else 0
        yield from range(place, place + probes + 1)
        perturb >>= _PERTURB_SHIFT
        place = (place * 5 + 1 + perturb) & mask


def _whose_pop_begins_at(finger: int) -> set[Any]:
    """Return an empty set of the smallest size; its `pop` looks for an element from that place on."""
    made: set[Any] = set()
    if finger:
        size = max(SMALLEST, 1 << (finger - 1).bit_length())
        numbers = range(finger - 1, finger - 2 + _full(size))
        short = size // 2 - 1
        made.update(dict.fromkeys(numbers[:short]))
        made.update(numbers[short:])
        while made.pop() != finger - 1:
            pass
        _discard(made, numbers)
        # Takes nothing out, and makes the table anew because there is too much in it that was taken out.
        made.difference_update(())
    return made


def _full(size: int) -> int:
    """Return how many places of a table are not free when it is made larger."""
    return -(-3 * (size - 1) // 5)


def _discard(made: set[Any], items: Iterable[Any]) -> None:
    # One by one: `difference_update` would make a smaller table when many go.
    for item in items:
        made.discard(item)


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
