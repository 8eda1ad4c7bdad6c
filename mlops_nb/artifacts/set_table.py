"""How the elements of a set lie in its table: that says in which order it yields them, and where the next will go.

Two sets with the same elements are the same to a program only if this is the same too: `list(vocabulary)`, `pop` and
whatever iterates tells them apart.

Source: CPython, `Objects/setobject.c`, the same in this from 3.7 on.
"""

from __future__ import annotations

import ctypes
import datetime as dt
import struct
import sys
from typing import Any

SMALLEST = 8
# Which words of a set's memory are these: how many places are not free, how many elements, the size of the table less
# one, where the table is, and where `pop` looks next.
FILL, USED, MASK, TABLE, FINGER = 2, 3, 4, 5, 7
_WORD = 8
_WORDS = struct.Struct("=6q")
_NUMBERS = frozenset({int, float, bool, complex})
# What hashes by content, and alike in every process that has one seed. `None` hashes by its address before Python 3.12.
_STABLE = _NUMBERS | {str, bytes, dt.date, dt.datetime, dt.timedelta, dt.time}


def is_cpython() -> bool:
    """Tell whether sets lie in memory as this module has it."""
    return sys.implementation.name == "cpython" and ctypes.sizeof(ctypes.c_void_p) == _WORD


def word_of(value: Any, number: int) -> int:
    """Return one of the words that CPython keeps of a set."""
    return ctypes.c_ssize_t.from_address(id(value) + number * _WORD).value


def is_stable(item: Any) -> bool:
    """Tell whether an element has the same hash in every process that has the same seed."""
    kind = type(item)
    if kind in _STABLE:
        # NaN hashes by its address.
        return kind not in {float, complex} or item == item  # noqa: PLR0124
    return kind in {tuple, frozenset} and all(map(is_stable, item))


def has_known_order(value: Any) -> bool:
    """Tell whether another process that made a set like this one would have it in this order.

    Frozen sets of texts are made anew whenever the code that has them as constants is (`PyCode_New` interns the texts).
    """
    if sys.flags.hash_randomization or type(value) is frozenset:
        return all(type(item) in _NUMBERS and is_stable(item) for item in value)
    return all(map(is_stable, value))


def layout(value: Any) -> bytes:
    """Return what, beside the elements in their order, tells what a set does next: where they lie, and what is free.

    To add to a frozen set means to copy it, and only a table that has the size of the copy is copied as it stands: of
    the others just the size counts.
    """
    if not is_cpython():
        return b""
    fill, used, mask, table, _, finger = _WORDS.unpack(ctypes.string_at(id(value) + FILL * _WORD, _WORDS.size))
    if type(value) is frozenset:
        head = struct.pack("<q", mask)
        if mask + 1 > max(SMALLEST, 4 * used):
            return head
    else:
        head = struct.pack("<qqq", mask, fill, finger)
    if not fill:
        return head
    # Of each place the hash; 0 where it is free, -1 where an element was taken out.
    return head + memoryview(ctypes.string_at(table, 2 * _WORD * (mask + 1))).cast("q")[1::2].tobytes()
