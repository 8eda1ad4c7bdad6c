"""Which variables share objects that can change: they are one co-variable."""

from __future__ import annotations

import functools
import secrets
import sys
import threading
from bisect import bisect_left
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar

from mlops_nb.artifacts import CannotFingerprint, Trace, fingerprint, library_constants
from mlops_nb.handover.module_state import BOUND
from mlops_nb.handover.reached import reached_from

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import numpy as np

    from mlops_nb.artifacts import MemoryPlace

_DEEP_STACK_BYTES = 1 << 29
_DEEP_LIMIT = 200_000
UNKNOWN = "unknown-"
_T = TypeVar("_T")


@dataclass(frozen=True)
class Group:
    """Variables that are one co-variable, with the fingerprint and the trace of the walk over them.

    `lent` are the arrays whose memory a library in C shows, in values of the same variables.
    """

    names: tuple[str, ...]
    fingerprint: str
    trace: Trace
    lent: tuple[np.ndarray, ...] = ()


def groups_of(held: Mapping[str, Any], namespace: Mapping[str, Any], by_id: Mapping[int, str]) -> list[Group]:
    """Return the groups of variables that share objects, each with its fingerprint and its trace."""
    single: dict[str, Group] = {}
    # What one walk has been through no later one walks again, but names: `axes:7` is the seventh object met behind
    # `axes`. Who meets it shares it and is joined for that below, so only variables of one group name each other's
    # objects, and the many variables around one figure cost one walk over it.
    elsewhere: dict[int, str] = {}
    # Looked for once, and only if there is a figure.
    constants = functools.cache(library_constants)
    for name in sorted(held):
        trace = Trace(elsewhere=elsewhere, constants=constants)
        others = {key: token for key, token in by_id.items() if key != id(held[name])}
        single[name] = Group((name,), _print(held[name], namespace, trace, others), trace)
        # The walk breaks off at what has no content: what else that leads to, others may hold too.
        trace.shared |= (reached_from(held[name]) if name.startswith(BOUND) else None) or set()
        elsewhere |= {key: f"{name}:{at}" for key, at in trace.numbers.items() if key not in elsewhere}
    joined = _joined_by_objects(single)
    in_one_memory = list(_in_one_memory(single.values()))
    for name, _, other, _ in in_one_memory:
        joined.join(name, other)
    owner_of = {token: name for name in held for key, token in by_id.items() if key == id(held[name])}
    while True:
        members = joined.groups()
        of = {name: number for number, names in enumerate(members) for name in names}
        needs = [
            {of[owner_of[ref]] for name in names for ref in single[name].trace.refs if ref in owner_of} - {number}
            for number, names in enumerate(members)
        ]
        circle = _circle(needs)
        if not circle:
            break
        for number in circle[1:]:
            joined.join(members[number][0], members[circle[0]][0])
    found = []
    for names in members:
        whole = single[names[0]]
        if len(names) > 1:
            whole = _whole([single[name] for name in names], {name: by_id.get(id(held[name]), "") for name in names})
        found.append(_with_lent(whole, single, [each for each in in_one_memory if each[0] in names]))
    return sorted(found, key=lambda group: group.names)


def _joined_by_objects(single: Mapping[str, Group]) -> _Joined:
    """Join the variables that share objects that can change, or the memory of arrays."""
    joined = _Joined(single)
    met: dict[tuple[str, object], str] = {}
    for name, group in single.items():
        trace = group.trace
        for token in (
            *(("object", key) for key in trace.shared),
            *(("memory", key) for key in trace.memory | trace.framed),
        ):
            other = met.setdefault(token, name)
            # Frames may share memory without being aliases (copy-on-write); a bare array over it is an alias.
            if other != name and (token[0] == "object" or _aliases(token[1], single[other].trace, trace)):
                joined.join(name, other)
    return joined


def _in_one_memory(groups: Iterable[Group]) -> Iterator[tuple[str, int, str, np.ndarray]]:
    """Yield the memory of a library in C that is a NumPy array's as well: whose, which piece of it, and whose array.

    Only arrays that can be written to count, for nothing else changes what the library shows.
    """
    foreign = [(group.names[0], number, piece) for group in groups for number, piece in enumerate(group.trace.foreign)]
    if not foreign:
        return
    arrays = sorted(
        (
            (array.__array_interface__["data"][0], array.nbytes, group.names[0], array)
            for group in groups
            for array in group.trace.grounds.values()
            if array.nbytes and array.flags.writeable
        ),
        key=itemgetter(0),
    )
    starts = [start for start, *_ in arrays]
    for name, number, (first, end) in foreign:
        # The arrays own their memory, so no two of them overlap, but several variables may lie in one.
        for start, size, other, array in reversed(arrays[: bisect_left(starts, end)]):
            if start + size <= first:
                break
            yield name, number, other, array


def _with_lent(
    group: Group, single: Mapping[str, Group], in_one_memory: Iterable[tuple[str, int, str, np.ndarray]]
) -> Group:
    """Return a group with the arrays whose memory a library in C shows, and where it does in its fingerprint."""
    lent: dict[int, np.ndarray] = {}
    where: set[tuple[str, int, int]] = set()
    for name, number, other, array in in_one_memory:
        lent[id(array)] = array
        # Told from where an array of the variables lies: what owns the memory may be larger than what is carried.
        lying = next(place for place in single[other].trace.places.values() if place.owner == id(array))
        where.add((name, number, single[name].trace.foreign[number][0] - lying.address))
    if not lent:
        return group
    told = group.fingerprint
    if not told.startswith(UNKNOWN):
        told = fingerprint({"of": told, "shown": sorted(where)})
    return replace(group, fingerprint=told, lent=tuple(lent.values()))


def _whole(parts: Sequence[Group], tokens: Mapping[str, str]) -> Group:
    """Return the group that these variables are.

    Its fingerprint is made of theirs: what they share is in them by name, the variables that are objects themselves
    by `tokens`, so that *how* they share is part of it.
    """
    names = tuple(sorted(tokens))
    whole = Trace(constants=parts[0].trace.constants)
    for part in parts:
        for kind in ("shared", "memory", "framed", "globals", "modules", "refs", "nans", "met", "unordered"):
            getattr(whole, kind).update(getattr(part.trace, kind))
        whole.alive += part.trace.alive
    whole.refs -= set(tokens.values())
    if any(part.fingerprint.startswith(UNKNOWN) for part in parts):
        return Group(names, _unknown(), whole)
    content: dict[Any, Any] = {part.names: (part.fingerprint, tokens[part.names[0]]) for part in parts}
    if memory := _common_memory(parts):
        content["memory"] = memory
    return Group(names, fingerprint(content), whole)


def _common_memory(parts: Sequence[Group]) -> list[Any]:
    """Return how arrays of several variables lie in memory that they have in common."""
    lying: dict[int, list[tuple[str, int, MemoryPlace]]] = {}
    for part in parts:
        for number, place in enumerate(part.trace.places.values()):
            lying.setdefault(place.owner, []).append((part.names[0], number, place))
    return [
        [(name, number, place.from_(together[0][2])) for name, number, place in together]
        for together in lying.values()
        if len({name for name, _, _ in together}) > 1 and not all(place.framed for _, _, place in together)
    ]


class _Joined:
    """Union-find over variables."""

    def __init__(self, names: Iterable[str]) -> None:
        self._parent = {name: name for name in names}

    def _root(self, name: str) -> str:
        while self._parent[name] != name:
            self._parent[name] = self._parent[self._parent[name]]
            name = self._parent[name]
        return name

    def join(self, one: str, other: str) -> None:
        """Make the groups of two variables one."""
        self._parent[self._root(one)] = self._root(other)

    def groups(self) -> list[tuple[str, ...]]:
        """Return the groups, each sorted."""
        found: dict[str, list[str]] = {}
        for name in self._parent:
            found.setdefault(self._root(name), []).append(name)
        return sorted(tuple(sorted(names)) for names in found.values())


def _circle(needs: list[set[int]]) -> list[int]:
    """Return groups that refer to each other in a circle, or nothing."""
    state = [0] * len(needs)
    path: list[int] = []
    for start in range(len(needs)):
        stack = [(start, iter(sorted(needs[start])))] if not state[start] else []
        if stack:
            state[start] = 1
            path.append(start)
        while stack:
            number, further = stack[-1]
            following = next(further, None)
            if following is None:
                state[number] = 2
                path.pop()
                stack.pop()
            elif state[following] == 1:
                return path[path.index(following) :]
            elif not state[following]:
                state[following] = 1
                path.append(following)
                stack.append((following, iter(sorted(needs[following]))))
    return []


def _aliases(owner: int, one: Trace, other: Trace) -> bool:
    if owner in one.memory or owner in other.memory:
        return True
    pandas = sys.modules.get("pandas")
    # Before pandas 3 two frames over one block are aliases unless copy-on-write is switched on.
    return pandas is not None and not _copy_on_write(pandas)


def _copy_on_write(pandas: Any) -> bool:
    if int(pandas.__version__.split(".")[0]) >= 3:  # noqa: PLR2004 - the first version that always does
        return True
    return bool(pandas.options.mode.copy_on_write is True)


def _print(value: Any, namespace: Mapping[str, Any], trace: Trace, roots: Mapping[int, str]) -> str:
    try:
        return deeply(lambda: fingerprint(value, namespace=namespace, trace=trace, roots=roots))
    except (CannotFingerprint, RecursionError):
        # Nobody can know: never equal to anything, so always taken as changed.
        return _unknown()


def _unknown() -> str:
    return f"{UNKNOWN}{secrets.token_hex(12)}"


def deeply(act: Callable[[], _T]) -> _T:
    """Call `act`, and once more on a very large stack when its recursion went too deep for the usual one."""
    try:
        return act()
    except RecursionError:
        pass
    outcome: list[tuple[bool, Any]] = []

    def work() -> None:
        try:
            outcome.append((True, act()))
        except BaseException as error:  # noqa: BLE001 - handed to the caller's thread
            outcome.append((False, error))

    limit, size = sys.getrecursionlimit(), threading.stack_size()
    sys.setrecursionlimit(max(limit, _DEEP_LIMIT))
    threading.stack_size(_DEEP_STACK_BYTES)
    try:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    finally:
        sys.setrecursionlimit(limit)
        threading.stack_size(size)
    succeeded, result = outcome[0]
    if not succeeded:
        raise result
    return result  # type: ignore[no-any-return]
