"""The state between two steps, as a value: which variables there are, what they hold, and where that is kept.

A step changes the state by a `Delta`. The state before a step is the deltas of the steps before it, applied in the
notebook's order: that is what lets steps run at the same time and still add up to the notebook.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
        return frozenset({*names, *self.deleted, *(f"@{kind}" for kind in self.ambient)})


@dataclass(frozen=True)
class State:
    """All there is between two steps."""

    covariables: tuple[Covariable, ...] = ()
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
        kept = []
        for item in self.covariables:
            names = tuple(name for name in item.names if name not in taken)
            if names == item.names:
                kept.append(item)
            elif names:
                fields = {**vars(item), "names": names}
                fields["types"] = {name: item.types[name] for name in names if name in item.types}
                # The value still holds the old names too; its fingerprint must not pass for the smaller group's.
                fields["fingerprint"] = f"{item.fingerprint}|{','.join(names)}"
                kept.append(Covariable(**fields))
        covariables = sorted((*kept, *delta.changed), key=lambda item: item.names)
        return State(
            tuple(covariables),
            {**self.ambient, **delta.ambient},
            tuple(dict.fromkeys((*self.imports, *delta.imports))),
        )

    def only(self, names: Iterable[str]) -> State:
        """Return the part of the state that these names need: their co-variables, and what functions in them read."""
        held = self.by_name()
        wanted: dict[tuple[str, ...], Covariable] = {}
        waiting = list(names)
        while waiting:
            item = held.get(waiting.pop())
            if item is not None and item.names not in wanted:
                wanted[item.names] = item
                waiting += [*item.globals, *item.names]
        return State(tuple(wanted[key] for key in sorted(wanted)), self.ambient, self.imports)

    def to_json(self) -> str:
        """Return the stored form, format 1."""
        return json.dumps({"format": FORMAT, **asdict(self)}, sort_keys=True)

    @staticmethod
    def from_json(text: str | bytes) -> State:
        """Return the state that `to_json` wrote."""
        given = _checked(json.loads(text))
        return State(
            tuple(_covariable(item) for item in given["covariables"]),
            {kind: _covariable(item) for kind, item in given["ambient"].items()},
            tuple(given["imports"]),
        )


def _covariable(given: dict[str, Any]) -> Covariable:
    listed = {name: tuple(given[name]) for name in ("names", "globals", "modules")}
    return Covariable(**{**given, **listed})


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    if given.get("format") != FORMAT:
        message = f"A stored state is in format {given.get('format')}, and this version of mlops_nb reads {FORMAT}."
        raise MlopsNbError(message, hint="Install the mlops_nb that wrote it, or run the pipeline with `--fresh`.")
    return given
