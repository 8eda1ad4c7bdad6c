"""Group a namespace into co-variables, fingerprint them, and store what changed.

1. A variable whose value is an object that can change is a *root*. Each variable is walked once, up to the roots of
   other variables: its fingerprint, the further mutable objects in it, the memory its arrays lie in, the roots it
   refers to.
2. Variables with one root, or that met the same further object or memory, are one group; so are those that refer to
   each other in a circle. A group of several is walked again as a whole, so that *how* they share is part of it.
3. Between groups, a root is referred to and not copied: ten models made around one list of columns are ten
   co-variables, not one, and stay around one list.
4. A group whose names, roots and fingerprint the state before already had is unchanged and costs nothing more.
5. The others are pickled: small ones into the record, larger ones into the store with their buffers aligned.
6. Where a value is thawed for the first time it is walked once more: what pickle gives back as something else is
   found before a step computes with it (`came_back_different`).
"""

from __future__ import annotations

import base64
import re
import sys
import types
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import Trace, is_of_project, memory_owner, pack, unpack
from mlops_nb.errors import MlopsNbError
from mlops_nb.handover.ambient import streams_kept
from mlops_nb.handover.groups import UNKNOWN, Group, deeply, groups_of
from mlops_nb.handover.kept import KEPT, Kept, instead, overridden
from mlops_nb.handover.pickling import Identities, dumps
from mlops_nb.handover.process_bound import CannotLeaveProcess
from mlops_nb.handover.roots import Roots, is_root
from mlops_nb.handover.seen_ends import thawed_with_seen_ends, with_seen_ends
from mlops_nb.handover.set_order import recipes
from mlops_nb.handover.state import Covariable, State
from mlops_nb.handover.unpickling import loads

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pickle import PickleBuffer

    from mlops_nb.artifacts import ArtifactStore

INLINE_BYTES = 4096
_HISTORY = re.compile(r"_(i?\d*|ii|iii|_|__|dh|ih|oh|exit_code)")
_PLUMBING = frozenset(
    {"__name__", "__doc__", "__package__", "__loader__", "__spec__", "__builtins__", "__builtin__", "__file__"}
)


def variables(namespace: Mapping[str, Any], hidden: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables that are the notebook's own: not IPython's, not the module's plumbing."""
    return {
        name: value
        for name, value in namespace.items()
        if not (name in hidden and hidden[name] is value)
        and name not in _PLUMBING
        and not _HISTORY.fullmatch(name)
        and name not in {"In", "Out"}
    }


@dataclass(frozen=True)
class Process:
    """What freezing and thawing in one kernel have in common."""

    store: ArtifactStore
    namespace: dict[str, Any]
    identities: Identities = field(default_factory=Identities)
    roots: Roots = field(default_factory=Roots)


CAME_BACK_DIFFERENT = "it came back as something else in another process"


@streams_kept()
def freeze(
    held: Mapping[str, Any], before: State, process: Process, step: str = "", kept: Iterable[str] = ()
) -> tuple[Covariable, ...]:
    """Store the co-variables of `held` that `before` does not have; return those.

    A value that cannot leave its process comes back with its `problem` and without content. `step` names the objects
    that are new. `kept` are names whose values were seen to come back as something else.
    """
    process.identities.step = step
    keeps = frozenset(kept)
    known = {(item.names, item.fingerprint, tuple(sorted(item.oids.items()))) for item in before.covariables}
    oids = {}
    for name, value in sorted(held.items()):
        # What holds the process's state is made anew at each look, and nobody else has it.
        if is_root(value) and not name.startswith("@"):
            # Learnt at once: a further name for the same object has its token, here as in the process it is thawed in.
            oids[name] = process.roots.token(value) or f"{step}:{name}"
            process.roots.learn(oids[name], value)
    by_id = {id(held[name]): token for name, token in oids.items()}
    held = _with_stand_ins(held, by_id)
    frozen = []
    groups = groups_of(held, process.namespace, by_id)
    process.roots.fleeting |= with_seen_ends(groups, oids)
    for group in groups:
        own = {name: oids[name] for name in group.names if name in oids}
        made = any(process.identities.is_new(held[name], process.namespace) for name in group.names)
        if made or (group.names, group.fingerprint, tuple(sorted(own.items()))) not in known:
            others = {key: token for key, token in by_id.items() if token not in own.values()}
            values = {name: held[name] for name in group.names}
            problem = "" if keeps.isdisjoint(group.names) else CAME_BACK_DIFFERENT
            frozen.append(_store(group, values, own, others, process, problem))
    return _with_what_refers(frozen, before, held)


def _with_stand_ins(held: Mapping[str, Any], by_id: dict[int, str]) -> dict[str, Any]:
    """Return variables with what stands for libraries' objects among them, which is known as that object as well."""
    standing = instead(held)
    by_id |= {id(standing[name]): by_id[id(value)] for name, value in held.items() if id(value) in by_id}
    return standing


def _with_what_refers(frozen: list[Covariable], before: State, held: Mapping[str, Any]) -> tuple[Covariable, ...]:
    """Return the co-variables; those that refer to what cannot leave its process cannot either.

    Among them are unchanged ones that refer to what has become so.
    """
    taken = {name for item in frozen for name in item.names}
    unchanged = [
        item
        for item in before.covariables
        if item.refs and not item.problem and held.keys() >= {*item.names} and taken.isdisjoint(item.names)
    ]
    changed = len(frozen)
    frozen += unchanged
    staying = {oid: name for item in (*before.covariables, *frozen) if item.problem for name, oid in item.oids.items()}
    while True:
        waiting = [
            (place, staying[next(oid for oid in item.refs if oid in staying)])
            for place, item in enumerate(frozen)
            if not item.problem and not staying.keys().isdisjoint(item.refs)
        ]
        if not waiting:
            return tuple(item for place, item in enumerate(frozen) if place < changed or item.problem)
        for place, name in waiting:
            frozen[place] = replace(frozen[place], problem=f"it refers to `{name}`, which cannot")
            staying |= {oid: own for own, oid in frozen[place].oids.items()}


@streams_kept()
def came_back_different(state: State, values: Mapping[str, Any], process: Process, asked: Iterable[str]) -> list[str]:
    """Return those of the names asked about whose thawed values are not what was frozen.

    Parameters
    ----------
    state
        What was thawed.
    values
        What came of it, by name.
    process
        Where it was thawed.
    asked
        Names of co-variables that nobody has checked yet.
    """
    wanted = frozenset(asked)
    objects = process.roots.objects
    known = objects.keys()
    looked_at = [item for item in state.covariables if not wanted.isdisjoint(item.names) and not item.problem]
    gone = {name for item in looked_at for name in item.names if name not in values and not set(item.refs) - known}
    # What has no fingerprint cannot be compared, and what lost a name is less than what was frozen.
    items = [
        item
        for item in looked_at
        if set(item.names) <= values.keys() and not item.fingerprint.startswith(UNKNOWN) and "|" not in item.fingerprint
    ]
    by_id = {
        id(objects[token]): token
        for item in (*state.hidden, *state.covariables)
        for _, token in sorted(item.oids.items())
        if token in objects
    }
    told_twice = overridden(values)
    items = [item for item in items if len(item.names) > 1 or told_twice.isdisjoint(item.names)]
    held = _with_stand_ins({name: values[name] for item in items for name in item.names}, by_id)
    found = {(group.names, group.fingerprint) for group in groups_of(held, process.namespace, by_id)}
    changed = {name for item in items if (item.names, item.fingerprint) not in found for name in item.names}
    return sorted(gone | changed)


@streams_kept()
def thaw(state: State, process: Process, unchecked: Iterable[str] = ()) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the values of a state's variables, and the names that have none with the reason.

    Parameters
    ----------
    state
        The state.
    process
        Where it is thawed.
    unchecked
        Names that may turn out not to come back at all: they are left out then, and any other is an error.
    """
    trials = frozenset(unchecked)
    values: dict[str, Any] = {}
    absent: dict[str, str] = {}
    # What a step has changed in a library last: a name of before may have what was in it then.
    waiting = sorted((*state.hidden, *state.covariables), key=lambda item: KEPT in item.names)
    provided = {oid for item in waiting for oid in item.oids.values()}
    # The names of these stand for other values by now; only their objects are wanted.
    nameless = set(map(id, state.hidden))
    while waiting:
        # What a value refers to comes first; the circles were made one co-variable.
        ready = [item for item in waiting if not (set(item.refs) & provided - process.roots.objects.keys())]
        for item in ready or waiting:
            missing = [oid for oid in item.refs if oid not in process.roots.objects]
            problem = item.problem or (f"it refers to `{missing[0]}`, which cannot" if missing else "")
            names = () if id(item) in nameless else item.names
            if problem:
                absent.update(dict.fromkeys(names, problem))
                provided -= set(item.oids.values())
                continue
            try:
                thawed = thaw_one(item, process)
            except MlopsNbError:
                # The store's fault, not the value's.
                raise
            except Exception:
                if trials.isdisjoint(item.names):
                    raise
                provided -= set(item.oids.values())
                continue
            values.update((name, thawed[name]) for name in names)
        waiting = [item for item in waiting if item not in ready] if ready else []
    process.roots.fleeting = thawed_with_seen_ends(state.covariables, process.roots.fleeting)
    return values, absent


def thaw_one(item: Covariable, process: Process) -> dict[str, Any]:
    """Return the values that one co-variable holds, by name, and remember its objects."""
    if item.inline:
        pickled: bytes | memoryview = base64.b64decode(item.inline)
        buffers: list[memoryview] = []
    else:
        pickled, buffers = unpack(process.store.map(item.blob), item.blob[:12])

    named: set[str] = set()

    def load() -> dict[str, Any]:
        thawed: dict[str, Any] = loads(
            pickled,
            buffers,
            namespace=process.namespace,
            identities=process.identities,
            objects=process.roots.objects,
            named=named,
        )
        return thawed

    values = deeply(load)
    for name, oid in item.oids.items():
        process.roots.learn(oid, values[name])
    if not named.isdisjoint({"weakref", "_weakref", "_weakrefset"}):
        process.roots.fleeting.update(item.oids.values())
    return values


def described(value: Any) -> str:
    """Return what a value is in a few words, such as `DataFrame 32561x14`."""
    value = value.held if isinstance(value, Kept) else value
    kind = type(value).__name__
    if isinstance(value, types.ModuleType):
        return f"module {value.__name__}"
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape and all(isinstance(length, int) for length in shape):
        return f"{kind} {'x'.join(map(str, shape))}"
    if type(value) in {list, tuple, dict, set, frozenset}:
        return f"{kind} of {len(value)}"
    return kind


def _shared_owners(trace: Trace) -> frozenset[int]:
    """Return the owners of array memory that more than one array of the group lies in."""
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return frozenset()
    counts: dict[int, int] = {}
    for item in {id(item): item for item in trace.alive if type(item) is numpy.ndarray}.values():
        if id(item) in trace.shared:
            owner = id(memory_owner(item))
            counts[owner] = counts.get(owner, 0) + 1
    return frozenset(owner for owner, count in counts.items() if count > 1)


def _store(  # noqa: PLR0913, PLR0917 - what is stored, and how it hangs together with the rest
    group: Group,
    value: dict[str, Any],
    oids: dict[str, str],
    others: Mapping[int, str],
    process: Process,
    problem: str,
) -> Covariable:
    trace = group.trace
    described_as = {name: described(held) for name, held in value.items()}
    item = Covariable(
        group.names,
        group.fingerprint,
        types=described_as,
        globals=tuple(sorted(trace.globals - set(group.names))),
        modules=tuple(sorted(filter(is_of_project, trace.modules))),
        oids=oids,
        refs=tuple(sorted(trace.refs)),
        problem=problem,
    )
    if problem:
        return item
    # A value whose walk broke off may refer to more than the walk met.
    unknown = group.fingerprint.startswith(UNKNOWN)
    roots = {key: token for key, token in others.items() if token in trace.refs or unknown}
    roots |= {key: process.roots.nan(value) for key, value in trace.nans.items()}
    constants = {key: place for key in trace.met if (place := trace.constants()[key]) is not None}
    try:
        sets = deeply(lambda: recipes(trace.alive))
    except (LookupError, RecursionError) as error:
        return replace(item, problem=f"a set in it: {error.args[0]}")
    owners = frozenset({*(trace.memory & trace.framed), *_shared_owners(trace), *map(id, group.lent)})

    def pickle_of(*, in_band: bool = False) -> tuple[bytes, list[PickleBuffer]]:
        return deeply(
            lambda: dumps(
                value,
                namespace=process.namespace,
                identities=process.identities,
                owners=owners,
                lent=group.lent,
                roots=roots,
                constants=constants,
                sets=sets,
                objects=process.roots.objects,
                in_band=in_band,
            )
        )

    try:
        pickled, buffers = pickle_of()
    except (CannotLeaveProcess, RecursionError) as error:
        return replace(item, problem=str(error) or type(error).__name__)
    if unknown:
        item = replace(item, refs=tuple(sorted(roots.values())))
    size = len(pickled) + sum(buffer.raw().nbytes for buffer in buffers)
    if size <= INLINE_BYTES:
        if buffers:
            # In band, so that what is thawed owns its memory, as it did.
            pickled = pickle_of(in_band=True)[0]
        return replace(item, inline=base64.b64encode(pickled).decode(), bytes=size)
    digest, _ = process.store.put(pack(pickled, buffers))
    return replace(item, blob=digest, bytes=size)
