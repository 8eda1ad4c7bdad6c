"""Group a namespace into co-variables, fingerprint them, and store what changed.

1. Each variable is walked once: its fingerprint, the mutable objects in it, the memory its arrays lie in.
2. Variables that met the same mutable object or memory are one group (union-find).
3. A group of several is fingerprinted again as a whole, so that *how* they share is part of it.
4. A group whose names and fingerprint the state before already had is unchanged and costs nothing more.
5. The others are pickled: small ones into the record, larger ones into the store with their buffers aligned.
"""

from __future__ import annotations

import base64
import re
import secrets
import sys
import threading
import types
from typing import TYPE_CHECKING, Any, TypeVar

from mlops_nb.artifacts import CannotFingerprint, Trace, fingerprint, pack, unpack
from mlops_nb.handover.pickling import CannotLeaveProcess, Identities, dumps, loads
from mlops_nb.handover.state import Covariable, State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from mlops_nb.artifacts import ArtifactStore

INLINE_BYTES = 4096
_DEEP_STACK_BYTES = 1 << 29
_DEEP_LIMIT = 200_000
_HISTORY = re.compile(r"_(i?\d*|ii|iii|_|__|dh|ih|oh|exit_code)")
_T = TypeVar("_T")


def variables(namespace: Mapping[str, Any], hidden: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables that are the notebook's own: not IPython's, not the module's plumbing."""
    return {
        name: value
        for name, value in namespace.items()
        if not (name in hidden and hidden[name] is value)
        and not (name.startswith("__") and name.endswith("__"))
        and not _HISTORY.fullmatch(name)
        and name not in {"In", "Out"}
    }


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


def freeze(
    held: Mapping[str, Any],
    before: State,
    store: ArtifactStore,
    *,
    namespace: Mapping[str, Any],
    identities: Identities,
) -> tuple[Covariable, ...]:
    """Store the co-variables of `held` that `before` does not have; return those.

    A value that cannot leave its process comes back with its `problem` and without content.
    """
    known = {(item.names, item.fingerprint) for item in before.covariables}
    frozen = []
    for names, print_, trace in _groups(held, namespace):
        if (names, print_) in known:
            continue
        value = {name: held[name] for name in names}
        owners = frozenset(trace.memory & trace.framed) | _shared_owners(value.values(), trace)
        frozen.append(_store(value, print_, trace, store, namespace=namespace, identities=identities, owners=owners))
    return tuple(frozen)


def thaw(
    state: State, store: ArtifactStore, *, namespace: dict[str, Any], identities: Identities
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values of a state's variables, and the names that have none with the reason."""
    values: dict[str, Any] = {}
    absent: dict[str, str] = {}
    for item in state.covariables:
        if item.problem:
            absent.update(dict.fromkeys(item.names, item.problem))
            continue
        thawed = thaw_one(item, store, namespace=namespace, identities=identities)
        values.update((name, thawed[name]) for name in item.names)
    return values, absent


def thaw_one(
    item: Covariable, store: ArtifactStore, *, namespace: dict[str, Any], identities: Identities
) -> dict[str, Any]:
    """Return the values that one co-variable holds, by name."""
    if item.inline:
        pickled: bytes | memoryview = base64.b64decode(item.inline)
        buffers: list[memoryview] = []
    else:
        pickled, buffers = unpack(store.map(item.blob), item.blob[:12])

    def load() -> dict[str, Any]:
        thawed: dict[str, Any] = loads(pickled, buffers, namespace=namespace, identities=identities)
        return thawed

    return deeply(load)


def described(value: Any) -> str:
    """Return what a value is in a few words, such as `DataFrame 32561x14`."""
    kind = type(value).__name__
    if isinstance(value, types.ModuleType):
        return f"module {value.__name__}"
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape and all(isinstance(length, int) for length in shape):
        return f"{kind} {'x'.join(map(str, shape))}"
    if type(value) in {list, tuple, dict, set, frozenset}:
        return f"{kind} of {len(value)}"
    return kind


def _groups(held: Mapping[str, Any], namespace: Mapping[str, Any]) -> list[tuple[tuple[str, ...], str, Trace]]:
    """Return the groups of variables that share objects, each with its fingerprint and its trace."""
    prints: dict[str, str] = {}
    traces: dict[str, Trace] = {}
    for name in sorted(held):
        traces[name] = Trace()
        prints[name] = _print(held[name], namespace, traces[name])
    parent = {name: name for name in held}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    met: dict[tuple[str, int], str] = {}
    for name, trace in traces.items():
        # Frames may share memory without being aliases (copy-on-write); a bare array over it is an alias.
        for token in (
            *(("object", key) for key in trace.shared),
            *(("memory", key) for key in trace.memory | trace.framed),
        ):
            other = met.setdefault(token, name)
            if other != name and (token[0] == "object" or _aliases(token[1], traces[other], trace)):
                parent[root(name)] = root(other)
    grouped: dict[str, list[str]] = {}
    for name in held:
        grouped.setdefault(root(name), []).append(name)
    found = []
    for members in grouped.values():
        names = tuple(sorted(members))
        if len(names) == 1:
            found.append((names, prints[names[0]], traces[names[0]]))
        else:
            trace = Trace()
            whole = {name: held[name] for name in names}
            found.append((names, _print(whole, namespace, trace), trace))
    return sorted(found)


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


def _print(value: Any, namespace: Mapping[str, Any], trace: Trace) -> str:
    try:
        return deeply(lambda: fingerprint(value, namespace=namespace, trace=trace))
    except (CannotFingerprint, RecursionError):
        # Nobody can know: never equal to anything, so always taken as changed.
        return f"unknown-{secrets.token_hex(12)}"


def _shared_owners(values: Iterable[Any], trace: Trace) -> frozenset[int]:
    """Return the owners of array memory that more than one array of the group lies in."""
    del values
    counts: dict[int, int] = {}
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return frozenset()
    for item in {id(item): item for item in trace.alive if type(item) is numpy.ndarray}.values():
        if id(item) not in trace.shared and id(item) not in trace.memory:
            continue
        owner = item
        while isinstance(owner.base, numpy.ndarray):
            owner = owner.base
        counts[id(owner)] = counts.get(id(owner), 0) + 1
    return frozenset(owner for owner, count in counts.items() if count > 1)


def _store(  # noqa: PLR0913 - what a stored value consists of
    value: dict[str, Any],
    print_: str,
    trace: Trace,
    store: ArtifactStore,
    *,
    namespace: Mapping[str, Any],
    identities: Identities,
    owners: frozenset[int],
) -> Covariable:
    names = tuple(sorted(value))
    kinds = {name: described(value[name]) for name in names}
    used = tuple(sorted(trace.globals - set(names)))
    code = tuple(sorted(filter(_of_project, trace.modules)))
    try:
        pickled, buffers = deeply(lambda: dumps(value, namespace=namespace, identities=identities, owners=owners))
    except (CannotLeaveProcess, RecursionError) as error:
        why = str(error) or type(error).__name__
        return Covariable(names, print_, types=kinds, globals=used, modules=code, problem=why)
    size = len(pickled) + sum(buffer.raw().nbytes for buffer in buffers)
    if size <= INLINE_BYTES and not buffers:
        inline = base64.b64encode(pickled).decode()
        return Covariable(names, print_, inline=inline, bytes=size, types=kinds, globals=used, modules=code)
    digest, _ = store.put(pack(pickled, buffers))
    return Covariable(names, print_, blob=digest, bytes=size, types=kinds, globals=used, modules=code)


def _of_project(module: str) -> bool:
    """Say whether a module's file is neither Python's nor an installed package's."""
    file = getattr(sys.modules.get(module), "__file__", None)
    return file is not None and not file.startswith((sys.prefix, sys.base_prefix)) and "-packages" not in file
