"""What a walk over a value sees beside the content: what is shared, whose memory it is, what is known elsewhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mlops_nb.artifacts.figure_constants import Place


@dataclass(frozen=True)
class MemoryPlace:
    """Where an array lies: the id of the array that owns its memory, its address and strides in bytes.

    `framed` arrays belong to a pandas object.
    """

    owner: int
    address: int
    strides: tuple[int, ...]
    framed: bool

    def from_(self, first: MemoryPlace) -> tuple[int, tuple[int, ...]]:
        """Return how far behind another array it begins, in bytes, and its strides."""
        return self.address - first.address, self.strides


@dataclass
class Trace:
    """What a walk saw beside the content.

    `shared` holds the ids of all mutable objects, `memory` the ids of the objects that own the memory of bare arrays,
    `framed` the same for arrays inside pandas objects, `globals` the names of the notebook that functions in the value
    read, `modules` the modules whose code the value refers to by name. `alive` keeps temporaries alive, because an id
    is unique only as long as its object lives. `refs` are the tokens of the roots that were met, `nans` the NaN
    objects, which a container finds by identity. `numbers` are the numbers that the shared objects got. `elsewhere` is
    given, not filled: what mutable objects are called that walks over other values have been through. Such an object is
    hashed as that name and not walked again. `constants` are given too, by their ids, to who asks: what a library holds
    beside the values that refer to it, which is not shared by these; `met` collects those that were met. `unordered`
    are the sets of which it is not known whether another process has them in this order. `places` tells of arrays, by
    their ids in the order in which they were met, where they lie, and `grounds` has the arrays that own this memory, by
    their ids. `foreign` is memory that a library written in C shows without saying whose it is, each piece by its first
    address and the one behind its last.
    """

    shared: set[int] = field(default_factory=set)
    memory: set[int] = field(default_factory=set)
    framed: set[int] = field(default_factory=set)
    globals: set[str] = field(default_factory=set)
    modules: set[str] = field(default_factory=set)
    alive: list[Any] = field(default_factory=list)
    refs: set[str] = field(default_factory=set)
    nans: dict[int, float] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)
    elsewhere: Mapping[int, str] = field(default_factory=dict)
    constants: Callable[[], Mapping[int, Place | None]] = dict
    met: set[int] = field(default_factory=set)
    unordered: set[int] = field(default_factory=set)
    places: dict[int, MemoryPlace] = field(default_factory=dict)
    grounds: dict[int, Any] = field(default_factory=dict)
    foreign: list[tuple[int, int]] = field(default_factory=list)
