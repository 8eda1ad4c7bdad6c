"""What a piece of code does with the names of the notebook, as far as its text can tell."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping


@dataclass(frozen=True)
class Place:
    """A line (from 1) of a cell, and what stands there in a few words."""

    cell: str
    line: int
    what: str


@dataclass(frozen=True)
class Flow:
    """The dataflow of one cell, or of several in a row (`Flow.sequence`).

    Only names of the notebook's global scope count; builtins count when they are re-bound somewhere.

    Attributes
    ----------
    uses
        Names read at the top level before the code itself has surely bound them (so they come from outside). Calling
        a function that the same code defines reads what its body reads.
    optional
        The part of `uses` whose absence need not be an error: the code may have bound the name itself (in a branch, a
        loop), asks whether it exists, or only hands over a function that reads it.
    deferred
        Names read only inside the bodies of functions, lambdas and methods that the code defines: needed when those
        are called, with the value they have then, not when they are defined.
    defines
        Names the code may bind: assignments, imports, `def`, `class`, loop targets, `match` captures, `global`.
    surely
        The part of `defines` that is bound whatever path the code takes.
    may_change
        Names from outside whose object the code may change in place: a method called on it, an item or attribute
        set, passed to a call, augmented assignment. A superset, never a proof.
    called
        Names from outside that are called as they are (`f(x)`): if that is an object with a state of its own, such as
        a network or a closure, rather than a function, the call may change it.
    deletes
        Names that `del` may remove.
    calls
        For each function or class defined here, the global names its body reads (transitively through nested bodies)
        or declares `global`. A name that holds a lambda or a generator expression counts as one of them.
    bodies
        For the same names, what the code inside does when it runs. Its files, barriers and ambient state also count
        here, where it is defined.
    holds
        For each name bound or changed here, the names it was made from: its value may carry their code along (an
        instance its class, a pipeline the functions in it). `reach` follows it.
    imports
        Dotted modules that import statements load, as written (`a.b.c`), relative and project-local ones included.
    aliases
        What the names bound by import statements stand for: `{"np": "numpy"}` for a module, `{"choice":
        "random:choice"}` for what `from random import choice` finds in one.
    stars
        Modules imported with `*`.
    reads_files, writes_files
        Literal paths (or `{parameter}` templates of f-strings) opened for reading, for writing.
    barrier
        Why the names that the code reads or binds cannot all be known (`eval` of a computed string, `%run`, ...).
    strings
        Identifiers that occur inside string literals: `df.query("x > @limit")` and model formulas read names that way.
    effects
        Statements that do more than import, define, or bind a plain value: places that matter when a cell is replayed.
    ambient
        Kinds of process state the text shows it touching: `random`, `numpy.random`, `environ`, `cwd`, `sys.path`,
        `warnings`, `pandas.options`, `numpy.options`, `matplotlib`, `locale`, `decimal`, `logging`, `history` (`_`,
        `Out`, `In`).
    """

    uses: dict[str, Place] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    deferred: dict[str, Place] = field(default_factory=dict)
    defines: dict[str, Place] = field(default_factory=dict)
    surely: frozenset[str] = frozenset()
    may_change: dict[str, Place] = field(default_factory=dict)
    called: dict[str, Place] = field(default_factory=dict)
    deletes: dict[str, Place] = field(default_factory=dict)
    calls: dict[str, frozenset[str]] = field(default_factory=dict)
    bodies: dict[str, Flow] = field(default_factory=dict)
    holds: dict[str, frozenset[str]] = field(default_factory=dict)
    imports: tuple[str, ...] = ()
    aliases: dict[str, str] = field(default_factory=dict)
    stars: tuple[str, ...] = ()
    reads_files: tuple[str, ...] = ()
    writes_files: tuple[str, ...] = ()
    barrier: tuple[Place, ...] = ()
    strings: frozenset[str] = frozenset()
    effects: tuple[Place, ...] = ()
    ambient: dict[str, Place] = field(default_factory=dict)

    @staticmethod
    def sequence(flows: Iterable[Flow]) -> Flow:
        """Return the flow of pieces that run one after the other."""
        before: Flow | None = None
        for flow in flows:
            before = flow if before is None else _then(before, flow)
        return before if before is not None else Flow()


def reach(names: Iterable[str], calls: Mapping[str, Collection[str]], holds: Mapping[str, Collection[str]]) -> set[str]:
    """Return the global names that code carried by the values of `names` reads when it runs, transitively.

    Parameters
    ----------
    names
        Names that a piece of code uses.
    calls, holds
        As in `Flow`, of everything that ran before.
    """
    if not calls:
        return set()
    found: set[str] = set()
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        found.update(calls.get(name, ()))
        waiting += [*calls.get(name, ()), *holds.get(name, ())]
    return found


def _then(first: Flow, second: Flow) -> Flow:
    """Return the flow of `first` followed by `second`."""
    uses, optional = _uses(first, second)
    deferred = {**second.deferred, **first.deferred}
    own: dict[str, Any] = {
        "uses": uses,
        "optional": optional,
        "deferred": {name: place for name, place in deferred.items() if name not in uses},
        "surely": (first.surely - second.deletes.keys()) | second.surely,
        "may_change": _changes(first, second),
        "called": {name: place for name, place in {**second.called, **first.called}.items() if name in uses},
    }
    for name in ("calls", "holds", "bodies", "aliases"):
        own[name] = _replaced(getattr(first, name), getattr(second, name), second)
    for name in _registries(first, second):
        put_in = (second.defines.keys() | second.uses.keys()) - {name}
        own["holds"][name] = own["holds"].get(name, frozenset()) | put_in
    for entry in fields(Flow):
        if entry.name not in own:
            own[entry.name] = _joined(getattr(first, entry.name), getattr(second, entry.name))
    return Flow(**own)


def _registries(first: Flow, second: Flow) -> set[str]:
    """Return the names that functions of `first`, which `second` uses, may put something into (`@register def f()`)."""
    if not first.bodies:
        return set()
    used = {*second.uses, *reach(second.uses, first.calls, first.holds)}
    return {name for function in used & first.bodies.keys() for name in first.bodies[function].may_change}


def _uses(first: Flow, second: Flow) -> tuple[dict[str, Place], frozenset[str]]:
    uses = dict(first.uses)
    strictly = set(first.uses.keys() - first.optional)
    for name, place in second.uses.items():
        if name not in first.surely:
            uses.setdefault(name, place)
            if name not in second.optional and name not in first.defines:
                strictly.add(name)
        if name in first.defines:
            # Code that `first` defined and `second` may run: what it reads is read now.
            for read in reach([name], first.calls, first.holds):
                if read not in first.surely and (read in first.deferred or read in first.uses):
                    uses.setdefault(read, place)
    return uses, frozenset(uses.keys() - strictly)


def _changes(first: Flow, second: Flow) -> dict[str, Place]:
    changed = dict(first.may_change)
    for name, place in second.may_change.items():
        if name not in first.surely:
            changed.setdefault(name, place)
        # The value may be our own and contain, or be, one from outside.
        for held in reach([name], first.holds, {}):
            if held in first.uses:
                changed.setdefault(held, place)
    return changed


def _joined(first: Any, second: Any) -> Any:
    if isinstance(first, dict):
        return {**second, **first}
    if isinstance(first, frozenset):
        return first | second
    return tuple(dict.fromkeys((*first, *second)))


def _replaced(first: dict[str, Any], second: dict[str, Any], by: Flow) -> dict[str, Any]:
    """Return both, the second's word standing alone where it surely binds the name anew."""
    merged = {name: value for name, value in first.items() if name not in by.surely or name in by.uses}
    for name, value in second.items():
        before = merged.get(name)
        if before is None or isinstance(value, str):
            merged[name] = value
        elif isinstance(value, Flow):
            merged[name] = Flow.sequence((before, value))
        else:
            merged[name] = before | value
    return merged
