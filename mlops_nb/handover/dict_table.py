"""Which objects a dictionary holds, by their addresses, read from its table and not asked of the dictionary.

To be handed an object is to count a reference to it, which writes to its memory: in a forked kernel that copies the
page of the template's that it lies on. What the libraries of a notebook hold lies on thousands.

Source: CPython, `Include/internal/pycore_dict.h` and `Include/cpython/dictobject.h`, in this the same
from 3.11 to 3.14.
"""

from __future__ import annotations

import ctypes
import gc
import struct
import sys
import types
from array import array
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

# Head, index and entries of a dictionary's keys, as they lie in memory. An entry ends with a key and its value.
Table = bytes
_WORD = 8
_VERSIONS = (3, 11), (3, 14)
# Of the head: what counts who holds the keys and which version of them the interpreter has seen; the two bytes in it
# that say how long the index is, as a power of two, and whether all keys are texts, whose entries keep no hash.
_HEAD, _COUNTS, _INDEX = 4 * _WORD, 2 * _WORD, 9
_MADE_HEAD = struct.pack("9xBB29x", 3, 1)


class _Dict(ctypes.Structure):
    """A dictionary: behind what every object begins with are its length and its version."""

    _fields_ = (("before", ctypes.c_size_t * 4), ("keys", ctypes.c_size_t), ("values", ctypes.c_size_t))


_SIZE = ctypes.sizeof(_Dict)


def table_of(held: Mapping[str, Any]) -> Table:
    """Return the names and objects of a dictionary, or of that behind a class's `vars`."""
    own: Any = gc.get_referents(held)[0] if type(held) is types.MappingProxyType else held
    return _lying(own) if _READABLE and type(own) is dict else _asked(own)


def is_same(one: Table, other: Table) -> bool:
    """Say whether two tables have the same names and objects."""
    return one[_COUNTS:] == other[_COUNTS:]


def ids_in(table: Table) -> dict[int, int]:
    """Return the ids of the objects, by those of their names."""
    index, only_texts = table[_INDEX], table[_INDEX + 1]
    words, length = memoryview(table)[_HEAD + (1 << index) :].cast("Q"), 2 if only_texts else 3
    pairs = zip(words[length - 2 :: length].tolist(), words[length - 1 :: length].tolist(), strict=True)
    return {name: value for name, value in pairs if value}


def _lying(own: dict[str, Any]) -> Table:
    lying, size = _Dict.from_address(id(own)), dict.__sizeof__(own) - _SIZE
    # Where values lie elsewhere, keys are shared; an empty dictionary has none.
    return _asked(own) if lying.values or size < _HEAD else ctypes.string_at(lying.keys, size)


def _asked(own: Mapping[str, Any]) -> Table:
    pairs = ((id(name), id(value)) for name, value in list(own.items()))
    return _MADE_HEAD + array("Q", chain.from_iterable(pairs)).tobytes()


def _is_readable() -> bool:
    """Tell whether dictionaries lie in memory as this module has it."""
    if sys.implementation.name != "cpython" or not _VERSIONS[0] <= sys.version_info[:2] <= _VERSIONS[1]:
        return False
    # Builds that are traced, without the lock, or of 32 bits have it otherwise, and none of them this size.
    if ctypes.sizeof(ctypes.c_void_p) != _WORD or dict.__basicsize__ != _SIZE:
        return False
    names = [f"name {number}" for number in range(300)]
    tried: list[dict[Any, Any]] = [dict.fromkeys(names[:size], size) for size in (1, 6, 300)]
    tried[1].pop(names[2])
    tried.append({**tried[2], 7: names})
    return all(ids_in(_lying(one)) == ids_in(_asked(one)) for one in tried)


_READABLE = _is_readable()
