"""What would run, what is cached, and because of what.

The plan walks the steps in the notebook's order, carrying the state as far as it is known:

1. A step whose inputs are known has a key. A past success with that key stands for it: *cached*, and what it did to
   the state is known too.
2. Otherwise it *will run*, and what it is expected to write becomes unknown.
3. A step that reads something unknown may have to run; whether it must is known when its inputs are: a step that
   finds its inputs unchanged after all is not run.

Edges say what waits for what. A *proven* step (the lock has evidence for this very source) waits for the last writer
of each thing it reads, for whoever has written its files before, and for whoever has read those it writes. Any other
step waits for all before it, and all after it for it.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import ArtifactMissing
from mlops_nb.errors import UsageError, did_you_mean
from mlops_nb.handover import STREAMS, State
from mlops_nb.pipeline.file_order import FileUse
from mlops_nb.pipeline.files_left import WrittenFiles
from mlops_nb.pipeline.keys import components, key_of, needed, source_hash
from mlops_nb.pipeline.staying import staying, uses, without
from mlops_nb.steps import texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_nb.metadata import StepRun
    from mlops_nb.pipeline.keys import KeyContext
    from mlops_nb.pipeline.lock import DataflowLock, StepEvidence
    from mlops_nb.pipeline.precedent import Precedent
    from mlops_nb.steps.graph import StepGraph
    from mlops_nb.steps.step import Step

EVERYTHING = "*"
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class PlannedStep:
    """One line of a plan.

    `status` is `cached`, `run`, `maybe` (its inputs are not known yet), or `left-out`. `needs` are the steps whose
    results it takes, `after` the further ones it waits for; `writes` what it is expected to change (`*`: anything).
    """

    step: Step
    source: str
    status: str
    because: str
    needs: tuple[str, ...]
    after: tuple[str, ...]
    writes: frozenset[str]
    proven: StepEvidence | None = None
    key: str = ""
    components: Mapping[str, Any] = field(default_factory=dict, hash=False)
    hit: StepRun | None = None
    expected_s: float | None = None

    @property
    def name(self) -> str:
        """The step's name."""
        return self.step.name

    @cached_property
    def changes_ambient(self) -> bool:
        """Whether it changes ambient state that every later step may read."""
        return any(name.startswith("@") and name[1:] not in STREAMS for name in self.writes)

    @cached_property
    def files(self) -> FileUse:
        """The files that it is known to read and write."""
        return _files(self.step, self.proven)

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "name": self.name,
            "status": self.status,
            "because": self.because,
            "needs": list(self.needs),
            "after": list(self.after),
            "proven": self.proven is not None,
            "expected_seconds": self.expected_s,
            "cells": [cell.id for cell in self.step.cells],
        }


@dataclass(frozen=True)
class Plan:
    """A plan of one run, in the notebook's order.

    `left_out` are the steps behind the one that it stops after, `files` those that steps left in earlier runs.
    """

    graph: StepGraph
    steps: tuple[PlannedStep, ...]
    left_out: tuple[PlannedStep, ...] = ()
    files: frozenset[str] = frozenset()

    def step(self, name: str) -> PlannedStep:
        """Return the planned step of that name."""
        return next(step for step in self.steps if step.name == name)

    @property
    def to_run(self) -> tuple[PlannedStep, ...]:
        """The steps that will, or may have to, run."""
        return tuple(step for step in self.steps if step.status != "cached")

    @cached_property
    def texts(self) -> tuple[str, ...]:
        """The strings in its steps' code that may be paths."""
        return texts([cell for planned in self.steps for cell in (*planned.step.replay, *planned.step.cells)])


def make_plan(  # noqa: PLR0913 - what a plan depends on
    graph: StepGraph,
    context: KeyContext,
    lock: DataflowLock,
    precedent: Precedent,
    *,
    fresh: bool = False,
    to: str = "",
    forced: Mapping[str, str] = NOTHING,
) -> Plan:
    """Plan a run.

    Parameters
    ----------
    graph
        The steps, without errors.
    context
        Folders, environment and parameter values.
    lock
        The evidence of earlier runs.
    precedent
        Earlier runs' results.
    fresh
        Run every step, whatever is known.
    to
        The last step that is to run; all when empty.
    forced
        Steps that must run for a later one, and why: it takes from their kernel what cannot leave it, or a file that
        has been overwritten since.
    """
    state = State()
    unknown: dict[str, str] = {}
    planned: list[PlannedStep] = []
    left_out: list[PlannedStep] = []
    of_steps = _files_of_steps(graph, lock, precedent)
    files = WrittenFiles(context.folder, precedent, of_steps)
    kernels = graph.kernels()
    for step in graph.steps:
        source = source_hash(step)
        proven = lock.proven(step.name, source)
        needs, after = _edges(step, proven, [*planned, *left_out], kernels)
        writes = _writes(step, proven)
        if to and any(earlier.name == to for earlier in planned):
            why = f"the run stops after `{to}`"
            left_out.append(PlannedStep(step, source, "left-out", why, needs, after, writes, proven))
            continue
        use = _expected_files(step, proven, precedent)
        blocked = _blocked(step, proven, state, unknown) | files.unknown(use)
        parts: dict[str, Any] = {}
        key, hit, because = "", None, ""
        if not blocked:
            left = precedent.as_found(step.name, files.left)
            parts = components(step, state, context, proven or precedent.evidence(step.name, source), left)
            key = key_of(parts)
            because = "it is run anew, as asked" if fresh else files.stale(step.name)
            because = forced.get(step.name, because)
            hit = None if because else precedent.hit(step, key)
        if hit is not None:
            try:
                state = state.after(precedent.delta(hit))
            except ArtifactMissing:
                hit = None
        if hit is not None:
            status, because = "cached", f"nothing it depends on changed since {hit.run}"
            files.keeps(step.name, hit)
        else:
            status = "maybe" if blocked else "run"
            because = because or _because(step, parts, precedent, blocked)
            unknown.update(dict.fromkeys(writes, step.name))
            files.runs(step.name, use, surely=not blocked)
        planned.append(
            PlannedStep(
                step=step,
                source=source,
                status=status,
                because=because,
                needs=needs,
                after=after,
                writes=writes,
                proven=proven,
                key=key,
                components=parts,
                hit=hit,
                expected_s=0.0 if hit is not None else precedent.seconds.get(step.name),
            )
        )
    kept = _kernels_needed(planned, precedent) | _shared(planned, kernels)
    also = {**files.rewriting, **dict.fromkeys(kept, "a later step needs its kernel"), **forced}
    if also != forced:
        return make_plan(graph, context, lock, precedent, fresh=fresh, to=to, forced=also)
    return Plan(graph, tuple(planned), tuple(left_out), of_steps)


def _files_of_steps(graph: StepGraph, lock: DataflowLock, precedent: Precedent) -> frozenset[str]:
    """Return the files that steps left in earlier runs, those too that the notebook has no more."""
    here = {step.name for step in graph.steps}
    gone = (seen.writes_files for name, seen in lock.steps.items() if name not in here)
    last = (past.outcome.get("files", ()) for past in precedent.last.values())
    return frozenset(posixpath.normpath(path) for paths in (*gone, *last) for path in paths)


def last_part(graph: StepGraph, name: str) -> str:
    """Return the step that a run to `name` stops after: of a step that is continued later, its last part.

    Raises
    ------
    UsageError
        When the notebook has no such step, with the nearest.
    """
    parts = [step.name for step in graph.steps if name in {step.name, step.tag}]
    if not parts:
        names = [step.name for step in graph.steps]
        message = f"{graph.notebook.path.name} has no step `{name}`.{did_you_mean(name, names)}"
        raise UsageError(message, hint=f"Its steps are {', '.join(f'`{known}`' for known in names)}.")
    return parts[-1]


def _shared(planned: list[PlannedStep], kernels: Mapping[str, str]) -> frozenset[str]:
    """Return the cached steps that share a kernel with a later step that is to run."""
    found: set[str] = set()
    running: set[str] = set()
    for step in reversed(planned):
        first = kernels.get(step.name)
        if first is not None and step.hit is None:
            running.add(first)
        elif first in running:
            found.add(step.name)
    return frozenset(found)


def _kernels_needed(planned: list[PlannedStep], precedent: Precedent) -> frozenset[str]:
    """Return the cached steps whose kernel a step that is to run needs."""
    found = set()
    for position, earlier in enumerate(planned):
        if earlier.hit is None:
            continue
        stays = staying(precedent.delta(earlier.hit))
        for step in planned[position + 1 :] if stays else ():
            if step.hit is None and uses(step.step, stays):
                found.add(earlier.name)
            stays = without(stays, step.step)
    return frozenset(found)


def _blocked(step: Step, proven: StepEvidence | None, state: State, unknown: Mapping[str, str]) -> dict[str, str]:
    """Return what the step reads that is not known yet, with the step that will write it."""
    if not unknown:
        return {}
    if step.flow.barrier:
        return dict(unknown)
    if EVERYTHING in unknown:
        return {EVERYTHING: unknown[EVERYTHING]}
    # What is known of the state says which further names the step's functions read.
    reads = {*step.reads, *(proven.unpickles if proven is not None else ())}
    reads |= {name for item in needed(step, state, proven).covariables for name in (*item.names, *item.globals)}
    found = {name: writer for name, writer in unknown.items() if name in reads}
    found |= {
        name: writer
        for name, writer in unknown.items()
        if name.startswith("@") and (name[1:] not in STREAMS or name[1:] in step.flow.ambient)
    }
    return found


def _writes(step: Step, proven: StepEvidence | None) -> frozenset[str]:
    if proven is not None:
        return frozenset(proven.writes)
    if step.flow.barrier or step.flow.stars:
        return frozenset({EVERYTHING})
    ambient = {f"@{kind}" for kind in step.flow.ambient}
    return frozenset({*step.writes, *ambient})


def _edges(
    step: Step, proven: StepEvidence | None, before: list[PlannedStep], kernels: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what the step needs, and what it merely comes after."""
    reads = set(proven.reads) if proven is not None else set(step.reads)
    reads |= {f"@{kind}" for kind in step.flow.ambient}
    files = _files(step, proven)
    in_the_way: set[str] = set()
    needs: dict[str, None] = {}
    waiting = set(reads)
    for earlier in reversed(before):
        takes = (
            step.flow.barrier
            or EVERYTHING in earlier.writes
            or bool(waiting & earlier.writes)
            or earlier.files.disturbs(files)
            or earlier.step.tag in step.prev
        )
        if takes:
            needs[earlier.name] = None
            waiting -= _made_anew(earlier)
        elif files.disturbs(earlier.files):
            in_the_way.add(earlier.name)
    # A step whose kernel goes on to others starts when all before it are done: it runs those others too.
    chained = step.name in kernels or (proven is not None and proven.stays != {})
    # Until evidence proves a step, the notebook's order is the only one known to be right.
    after = [
        earlier.name
        for earlier in before
        if earlier.name not in needs
        and (
            chained
            or earlier.name in in_the_way
            or _is_unknown(proven)
            or _is_unknown(earlier.proven)
            or earlier.changes_ambient
        )
    ]
    return tuple(reversed(needs)), tuple(after)


def _made_anew(planned: PlannedStep) -> frozenset[str]:
    """Return what whoever waits for a step need not wait for in those before it.

    Not every name that it writes: one that it neither binds nor reads is written where another one no longer shares its
    object, and the object is an earlier step's.
    """
    step = planned.step
    seen = planned.proven.reads if planned.proven is not None else ()
    return planned.writes & {*seen, *step.reads, *step.flow.surely}


def _files(step: Step, proven: StepEvidence | None) -> FileUse:
    if proven is not None:
        return FileUse.of(proven.reads_files, proven.writes_files, proven.asks_files)
    return FileUse.of(step.flow.reads_files, step.flow.writes_files)


def _expected_files(step: Step, proven: StepEvidence | None, precedent: Precedent) -> FileUse:
    """Return the files that a step is expected to use: what this source was seen to do, or any earlier one did."""
    use = _files(step, proven)
    last = precedent.last.get(step.name)
    if proven is not None or last is None:
        return use
    seen = last.outcome.get("evidence", {})
    past = FileUse.of(seen.get("reads_files", ()), seen.get("writes_files", ()), seen.get("asks_files", ()))
    return use.joined(past)


def _is_unknown(evidence: StepEvidence | None) -> bool:
    """Say whether a step may do more than is known of it: then the notebook's order is the only one that is right."""
    return evidence is None or bool(evidence.stays) or evidence.outside != ()


def _because(step: Step, parts: Mapping[str, Any], precedent: Precedent, blocked: Mapping[str, str]) -> str:
    if blocked:
        writers = ", ".join(f"`{name}`" for name in dict.fromkeys(blocked.values()))
        return f"it takes what {writers} will make"
    return precedent.because(step, parts) or "its stored results are gone"


def reads_of(step: Step, state: State, evidence: StepEvidence | None = None) -> tuple[str, ...]:
    """Return the names of the state that the step was given, for the lock."""
    return tuple(sorted({name for item in needed(step, state, evidence).covariables for name in item.names}))
