"""What has been seen so far of a piece of code; `Flow` is its finished form."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from mlops_nb.steps.flow import Flow, Place


class Root(NamedTuple):
    """A name whose object a value may be, be a part of, or (`contained`) contain.

    `outside` says that the object the name stood for came from outside of the code.
    """

    key: str
    outside: bool
    contained: bool = False


class Change(NamedTuple):
    """A change in place; `deep` when it may reach what the object contains."""

    place: Place
    outside: bool
    deep: bool


def parts_of(roots: list[Root]) -> list[Root]:
    """Return the roots of a part of a value: what that contains, the part may be."""
    return [root._replace(contained=False) for root in roots]


def containing(roots: list[Root]) -> list[Root]:
    """Return the roots of a container that a value is put in."""
    return [root._replace(contained=True) for root in roots]


@dataclass
class Record:
    """What one body of code does: a cell's, or that of a function in it.

    Names are the module's, except in `changes` and `views`, which also hold locals under `Scope.key`. `firm` are the
    uses whose absence is an error, `changes` what is changed in place, `views[x]` what else the object of `x` may be.
    """

    uses: dict[str, Place] = field(default_factory=dict)
    firm: set[str] = field(default_factory=set)
    deferred: dict[str, Place] = field(default_factory=dict)
    defines: dict[str, Place] = field(default_factory=dict)
    changes: dict[str, Change] = field(default_factory=dict)
    views: dict[str, dict[str, Root]] = field(default_factory=dict)
    called: dict[str, Place] = field(default_factory=dict)
    deletes: dict[str, Place] = field(default_factory=dict)
    bodies: dict[str, list[Record]] = field(default_factory=dict)
    holds: dict[str, set[str]] = field(default_factory=dict)
    imports: dict[str, None] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    stars: dict[str, None] = field(default_factory=dict)
    reads_files: dict[str, None] = field(default_factory=dict)
    writes_files: dict[str, None] = field(default_factory=dict)
    barrier: dict[Place, None] = field(default_factory=dict)
    strings: set[str] = field(default_factory=set)
    effects: dict[Place, None] = field(default_factory=dict)
    ambient: dict[str, Place] = field(default_factory=dict)

    def change(self, key: str, change: Change) -> None:
        """Note a change in place of the object of `key`."""
        known = self.changes.get(key)
        if known is None or (change.outside, change.deep) > (known.outside, known.deep):
            deep = change.deep or (known is not None and known.deep)
            self.changes[key] = change._replace(deep=deep)
        elif change.deep and not known.deep:
            self.changes[key] = known._replace(deep=True)

    def view(self, key: str, root: Root) -> None:
        """Note that the object of `key` may be what `root` says."""
        views = self.views.setdefault(key, {})
        known = views.get(root.key, root)
        views[root.key] = Root(root.key, root.outside or known.outside, root.contained and known.contained)

    @cached_property
    def changed(self) -> dict[str, Place]:
        """The module's names whose objects, come from outside, may change: by themselves or as another name.

        To be asked for when the record is complete.
        """
        found: dict[str, Place] = {}
        for key, change in self.changes.items():
            if change.outside and _of_module(key):
                found.setdefault(key, change.place)
            seen = {key}
            waiting = [key]
            while waiting:
                for root in self.views.get(waiting.pop(), {}).values():
                    if root.contained and not change.deep:
                        continue
                    if root.outside and _of_module(root.key):
                        found.setdefault(root.key, change.place)
                    if root.key not in seen:
                        seen.add(root.key)
                        waiting.append(root.key)
        return found

    def adopt(self, body: Record) -> None:
        """Take in what a body of code defined here does beside reading names."""
        for mine, others in (
            (self.deferred, body.deferred),
            (self.defines, body.defines),
            (self.deletes, body.deletes),
            (self.ambient, body.ambient),
        ):
            for name, place in others.items():
                mine.setdefault(name, place)
        self.imports |= body.imports
        self.reads_files |= body.reads_files
        self.writes_files |= body.writes_files
        self.barrier |= body.barrier
        self.strings |= body.strings

    def defer(self, body: Record) -> None:
        """Take in the names of a body of code that runs later."""
        for name, place in body.uses.items():
            self.deferred.setdefault(name, place)

    def finished(self, surely: frozenset[str] = frozenset()) -> Flow:
        """Return the flow; `surely` are the names bound at the end of the code."""
        # What the names inside of classes carry, the class carries.
        carried = {name: bodies for name, bodies in self.bodies.items() if _of_module(name)}
        flows = {name: Flow.sequence(body.finished() for body in bodies) for name, bodies in carried.items()}
        holds = {name: frozenset(filter(_of_module, held)) for name, held in self.holds.items() if _of_module(name)}
        return Flow(
            uses=dict(self.uses),
            optional=frozenset(self.uses.keys() - self.firm),
            deferred={name: place for name, place in self.deferred.items() if name not in self.uses},
            defines=dict(self.defines),
            surely=surely,
            may_change=self.changed,
            called=dict(self.called),
            deletes=dict(self.deletes),
            calls={name: frozenset({*flow.uses, *flow.defines}) for name, flow in flows.items()},
            bodies=flows,
            holds={name: held for name, held in holds.items() if held},
            imports=tuple(self.imports),
            aliases=dict(self.aliases),
            stars=tuple(self.stars),
            reads_files=tuple(self.reads_files),
            writes_files=tuple(self.writes_files),
            barrier=tuple(self.barrier),
            strings=frozenset(self.strings),
            effects=tuple(self.effects),
            ambient=dict(self.ambient),
        )


def _of_module(key: str) -> bool:
    return "." not in key
