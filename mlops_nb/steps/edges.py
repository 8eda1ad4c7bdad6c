"""Which step needs which: from the last that may have written a name to each that may read it, and by `prev:`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_nb.steps.step import Edge

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlops_nb.steps.step import Step


def edges_of(steps: Sequence[Step]) -> list[Edge]:
    """Return the edges to each step: from the last one that may have written what it may read, and those it names."""
    writer: dict[str, str] = {}
    latest: dict[str, str] = {}
    edges: list[Edge] = []
    bodies: dict[str, frozenset[str]] = {}
    barrier = ""
    for position, step in enumerate(steps):
        by_source: dict[str, list[str]] = {}
        if step.flow.barrier:
            # It may read anything: everything before it comes before it.
            by_source.update({before.name: [] for before in steps[:position]})
        elif barrier:
            by_source[barrier] = []
        for name in sorted(_with_bodies(step.reads, bodies)):
            if name in writer and writer[name] != step.name:
                by_source.setdefault(writer[name], []).append(name)
        for name in step.prev:
            if name in latest:
                by_source.setdefault(latest[name], [])
        edges += [Edge(source, step.name, tuple(names)) for source, names in by_source.items()]
        bodies.update(step.flow.calls)
        writer |= dict.fromkeys(step.writes, step.name)
        latest[step.tag] = step.name
        if step.flow.barrier:
            barrier = step.name
    return edges


def _with_bodies(names: Iterable[str], bodies: Mapping[str, frozenset[str]]) -> set[str]:
    """Return the names and, for functions among them, what their bodies read."""
    wanted: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting += bodies.get(name, ())
    return wanted
