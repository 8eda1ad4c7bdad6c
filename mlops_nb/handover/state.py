"""The state between two steps, as a value: which variables there are, what they hold, and where that is kept.

A step changes the state by a `Delta`. The state before a step is the deltas of the steps before it, applied in the
notebook's order: that is what lets steps run at the same time and still add up to the notebook.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

FORMAT = 1


@dataclass(frozen=True)
class Covariable:
    """Variables that share mutable objects, kept together so that they stay shared.

    Attributes
    ----------
    names
        The variables, sorted.
    fingerprint
        Of their common content; unique when the content cannot be known.
    blob
        Digest of the stored value, empty when it is `inline` or has a `problem`.
    inline
        The pickle itself, base64, when it is small.
    bytes
        Length of the pickle and its buffers.
    types
        What each variable is, as messages and pictures name it.
    globals
        Names of the notebook that functions in the value read when they are called.
    modules
        Modules outside of Python and its packages whose code the value refers to: their source is part of what it is.
    oids
        For each variable that is an object others can refer to, what identifies that object: the step that made it
        and the name it gave it.
    refs
        Identifies the objects of other co-variables that the value refers to: they are not stored with it, so that
        several steps may each make something around one table without writing the table.
    problem
        Why the value cannot leave its process; empty when it can.
    """

    names: tuple[str, ...]
    fingerprint: str
    blob: str = ""
    inline: str = ""
    bytes: int = 0
    types: Mapping[str, str] = field(default_factory=dict, hash=False)
    globals: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    oids: Mapping[str, str] = field(default_factory=dict, hash=False)
    refs: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Delta:
    """What a step did to the state: co-variables it bound or changed, names it removed, ambient state it left."""

    changed: tuple[Covariable, ...] = ()
    deleted: tuple[str, ...] = ()
    ambient: Mapping[str, Covariable] = field(default_factory=dict, hash=False)
    imports: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Return the stored form, format 1."""
        return json.dumps({"format": FORMAT, **asdict(self)}, sort_keys=True)

    @staticmethod
    def from_json(text: str | bytes) -> Delta:
        """Return the delta that `to_json` wrote."""
        given = _checked(json.loads(text))
        return Delta(
            tuple(_covariable(item) for item in given["changed"]),
            tuple(given["deleted"]),
            {kind: _covariable(item) for kind, item in given["ambient"].items()},
            tuple(given["imports"]),
        )

    @property
    def written(self) -> frozenset[str]:
        """Every name whose binding or content the step changed, ambient kinds as `@kind`."""
        names = {name for item in self.changed for name in item.names}
        # What the first import of a module beside the notebook does to libraries, later steps meet without naming it.
        imported = {name for name in self.imports if name.startswith("@")}
        return frozenset({*names, *imported, *self.deleted, *(f"@{kind}" for kind in self.ambient)})


@dataclass(frozen=True)
class State:
    """All there is between two steps.

    `hidden` are co-variables whose names were bound to something else, but to whose objects others still refer.
    """

    covariables: tuple[Covariable, ...] = ()
    hidden: tuple[Covariable, ...] = ()
    ambient: Mapping[str, Covariable] = field(default_factory=dict, hash=False)
    imports: tuple[str, ...] = ()

    def by_name(self) -> dict[str, Covariable]:
        """Return the co-variable that holds each name."""
        return {name: item for item in self.covariables for name in item.names}

    def after(self, delta: Delta) -> State:
        """Return the state when a step with this delta has run.

        A changed co-variable takes its names over from the ones that held them; what is left of an old one keeps its
        stored value and gives only its remaining names.
        """
        taken = {name for item in delta.changed for name in item.names} | set(delta.deleted)
        kept, gone = [], list(self.hidden)
        for item in self.covariables:
            if taken.isdisjoint(item.names):
                kept.append(item)
            elif names := tuple(name for name in item.names if name not in taken):
                types = {name: item.types[name] for name in names if name in item.types}
                # The value still holds the old names too; its fingerprint must not pass for the smaller group's.
                print_ = f"{item.fingerprint}|{','.join(names)}"
                kept.append(replace(item, names=names, types=types, fingerprint=print_))
            else:
                gone.append(item)
        living = sorted((*kept, *delta.changed), key=lambda item: item.names)
        return State(
            tuple(living),
            _still_referred_to(living, gone),
            {**self.ambient, **delta.ambient},
            tuple(dict.fromkeys((*self.imports, *delta.imports))),
        )

    def only(self, names: Iterable[str], rebound: Collection[str] = ()) -> State:
        """Return the part of the state that these names need.

        That is their co-variables, what functions in them read, and the objects they refer to. An object that no name
        stands for is known by those alone that refer to it, so they stay together: who gets one of them gets all.

        Parameters
        ----------
        names
            The names.
        rebound
            Names that whoever takes this part may bind to something else, or delete.
        """
        held = self.by_name()
        objects = {oid: item for item in (*self.hidden, *self.covariables) for oid in item.oids.values()}
        holders: dict[str, list[Covariable]] = {}
        for item in (*self.hidden, *self.covariables):
            for oid in item.refs:
                holders.setdefault(oid, []).append(item)
        hidden = set(map(id, self.hidden))
        wanted: set[int] = set()
        # What the process holds, every step may meet.
        process = (name for name in held if name.startswith("@"))
        waiting: list[Covariable | None] = [held.get(name) for name in (*names, *process)]
        while waiting:
            found = waiting.pop()
            if found is not None and id(found) not in wanted:
                wanted.add(id(found))
                waiting += [held.get(name) for name in found.globals]
                waiting += [objects.get(oid) for oid in found.refs]
                bound = () if id(found) in hidden else {*found.names}.difference(rebound)
                named = {found.oids[name] for name in bound if name in found.oids}
                for oid in {*found.oids.values()} - named:
                    waiting += holders.get(oid, ())
        return State(
            tuple(item for item in self.covariables if id(item) in wanted),
            tuple(item for item in self.hidden if id(item) in wanted),
            self.ambient,
            self.imports,
        )

    def to_json(self) -> str:
        """Return the stored form, format 1."""
        return json.dumps({"format": FORMAT, **asdict(self)}, sort_keys=True)

    @staticmethod
    def from_json(text: str | bytes) -> State:
        """Return the state that `to_json` wrote."""
        given = _checked(json.loads(text))
        return State(
            tuple(_covariable(item) for item in given["covariables"]),
            tuple(_covariable(item) for item in given["hidden"]),
            {kind: _covariable(item) for kind, item in given["ambient"].items()},
            tuple(given["imports"]),
        )


def _still_referred_to(living: Iterable[Covariable], gone: Collection[Covariable]) -> tuple[Covariable, ...]:
    """Return those of the gone co-variables to whose objects the living, or what they refer to, still refer."""
    if not gone:
        return ()
    held = {oid for item in living for oid in item.oids.values()}
    # The newest first: of two with one object, the later content is the one that counts.
    by_oid = {oid: item for item in gone for oid in item.oids.values()}
    kept: dict[int, Covariable] = {}
    waiting = [oid for item in living for oid in item.refs]
    while waiting:
        oid = waiting.pop()
        item = by_oid.get(oid) if oid not in held else None
        if item is not None and id(item) not in kept:
            kept[id(item)] = item
            waiting += item.refs
    return tuple(sorted(kept.values(), key=lambda item: sorted(item.oids.values())))


def _covariable(given: dict[str, Any]) -> Covariable:
    listed = {name: tuple(given[name]) for name in ("names", "globals", "modules", "refs")}
    return Covariable(**{**given, **listed})


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    if given.get("format") != FORMAT:
        message = f"A stored state is in format {given.get('format')}, and this version of mlops_nb reads {FORMAT}."
        raise MlopsNbError(message, hint="Install the mlops_nb that wrote it, or run the pipeline with `--fresh`.")
    return given
