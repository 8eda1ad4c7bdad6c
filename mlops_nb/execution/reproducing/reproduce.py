"""Run a past run again from its snapshot, and say whether it came out the same.

1. The snapshot is put into an empty folder: notebook, modules, settings, lock, data.
2. The notebook runs there as a pipeline with stores of its own, with the run's parameters, seeds, workers and threads;
   every step runs, whatever was cached then.
3. Every step is held against the record: variables, outputs, what it published, how it failed.
4. Where something differs, it runs a second time, one step after the other: what then differs again is random, what
   then is as it was depended on the order. Otherwise the cause is what is known to differ: data, packages, hardware.

The person's files, store and lock are only read.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol

from mlops_nb.execution.kernels.kernel import Watch
from mlops_nb.execution.reproducing.comparing import Comparing, Side, files_of
from mlops_nb.execution.reproducing.reproduction import TOLERANCE, CannotReproduce, Cause, Reproduction
from mlops_nb.execution.verifying.verification import Verdict
from mlops_nb.execution.verifying.witnesses import Witnesses
from mlops_nb.snapshot import environment_changes, restore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.execution.run_request import RunResult
    from mlops_nb.execution.step_record import OpenSession
    from mlops_nb.execution.verifying.verification import Difference
    from mlops_nb.metadata import RunRecord
    from mlops_nb.snapshot import Snapshot
    from mlops_nb.steps import Step, StepGraph


class RunAgain(Protocol):
    """Runs a restored notebook as a pipeline, with stores of its own below `home` and the past run's settings."""

    def __call__(self, notebook: Path, home: Path, *, alone: bool) -> tuple[RunResult, ArtifactStore]:
        """Run it; `alone` lets one step run at a time."""


@dataclass(frozen=True)
class Past:
    """What is to be reproduced, and how.

    Attributes
    ----------
    record, snapshot, store
        The run, what it stood on, and the store that has the content of both.
    read
        Reads a restored notebook into its steps.
    run_again
        Runs it.
    open_session
        Opens the kernels that tell what differs.
    """

    record: RunRecord
    snapshot: Snapshot
    store: ArtifactStore
    read: Callable[[Path], StepGraph]
    run_again: RunAgain
    open_session: OpenSession
    tolerance: float = TOLERANCE
    watch: Watch = field(default_factory=Watch)
    listen: Callable[[str], None] = lambda _: None


def reproduce_run(past: Past) -> Reproduction:
    """Reproduce a run.

    Raises
    ------
    CannotReproduce
        When data that it read was not kept and is no longer what it was.
    ArtifactMissing, CorruptArtifact
        When the store lost a part of the snapshot.
    VerificationStopped
        When the watch was cancelled before there was an answer.
    """
    with tempfile.TemporaryDirectory(prefix="mlnb-reproduce-", ignore_cleanup_errors=True) as place:
        # Resolved, because a kernel's working directory is: paths that a notebook prints are compared.
        return _Reproducing(past, Path(place).resolve()).answer()


@dataclass(frozen=True)
class _Reproducing:
    past: Past
    place: Path

    def answer(self) -> Reproduction:
        past = self.past
        past.listen("restore")
        root = self.place / "restored" / (PurePosixPath(past.snapshot.folder).name or "root")
        absent = restore(past.snapshot, past.store, root)
        if absent:
            names = ", ".join(f"`{name}`" for name in absent[:5]) + (" …" if absent[5:] else "")
            message = f"Run {past.record.run.id} read {names}; the content was not kept, and is no longer there."
            hint = "Put the files back, or raise `snapshot_mb` before the next run."
            raise CannotReproduce(message, hint=hint)
        graph = past.read(root / past.snapshot.notebook)
        witnesses = Witnesses(graph, root, self.place, past.open_session, past.watch, past.tolerance)
        then = Side(past.record, past.store, past.snapshot.folder)
        now, seconds = self._run(witnesses, "again")
        comparing = Comparing(then, now, graph.steps, witnesses, past.tolerance)
        differences = list(comparing.differences())
        changes = environment_changes(past.record.environment, now.record.environment)
        causes: list[Cause] = []
        unstable: list[Difference] = []
        if any(not item.close for item in differences):
            once_more, _ = self._run(witnesses, "alone", alone=True)
            differences, unstable, causes = self._explained(differences, then, now, once_more, comparing, witnesses)
            causes += self._of_surroundings(differences, graph.steps, now, changes)
        if not comparing.compared["variables"] and not comparing.not_compared and not differences:
            comparing.not_compared["the run"] = "no step of it ended well"
        return Reproduction(
            past.record.run.id,
            _verdict(differences, comparing.not_compared),
            tuple(differences),
            tuple(unstable),
            tuple(causes),
            changes,
            comparing.not_compared,
            comparing.compared,
            past.tolerance,
            {"then": past.record.run.seconds or 0.0, "now": seconds},
        )

    def _run(self, witnesses: Witnesses, label: str, *, alone: bool = False) -> tuple[Side, float]:
        past = self.past
        past.listen(label)
        notebook = witnesses.copy()
        started = time.monotonic()
        result, store = past.run_again(notebook, self.place / "stores" / label, alone=alone)
        witnesses.go_on()
        return Side(result.record, store, str(witnesses.copy_root)), time.monotonic() - started

    def _explained(  # noqa: PLR0913, PLR0917 - what an explanation looks at
        self,
        differences: Sequence[Difference],
        then: Side,
        now: Side,
        alone: Side,
        comparing: Comparing,
        witnesses: Witnesses,
    ) -> tuple[list[Difference], list[Difference], list[Cause]]:
        """Return the differences that count, those of outputs that no two runs have in common, and what it shows."""
        steps, tolerance = comparing.steps, comparing.tolerance

        def places(one: Side, other: Side) -> set[tuple[str, str, str, str]]:
            found = Comparing(one, other, steps, witnesses, tolerance).differences()
            return {(item.what, item.name, item.step, item.cell) for item in found if not item.close}

        again_apart, alone_apart = places(now, alone), places(then, alone)
        counted: list[Difference] = []
        unstable: list[Difference] = []
        for item in differences:
            apart = (item.what, item.name, item.step, item.cell) in again_apart
            (unstable if apart and item.what in {"output", "figure"} else counted).append(item)
        first = next((item for item in counted if not item.close), None)
        if first is None:
            return counted, unstable, []
        key = (first.what, first.name, first.step, first.cell)
        if key in again_apart and key in alone_apart:
            text = (
                "it comes out otherwise in every run: something that the run's seed does not reach, such as "
                "`default_rng()` without a seed, a clock, or threads that sum in any order"
            )
            return counted, unstable, [Cause("random", text, certain=True)]
        if key in again_apart:
            text = "one step after the other it comes out as it did: steps that ran at once depend on each other"
            return counted, unstable, [Cause("order", text, certain=True)]
        return counted, unstable, []

    def _of_surroundings(
        self, differences: Sequence[Difference], steps: Sequence[Step], now: Side, changes: Sequence[Any]
    ) -> list[Cause]:
        """Return what is known to differ around the first step that does."""
        first = next((item for item in differences if not item.close), None)
        if first is None:
            return []
        past = self.past
        one, other = files_of(past.record), files_of(now.record)
        data = sorted(name for name in one.keys() & other.keys() if one[name] != other[name])
        causes = [Cause("data", f"{name.removeprefix('file:')} has another content") for name in data]
        were, are = (_components(record, first.step) for record in (past.record, now.record))
        code = sorted(name for name in were.get("modules", {}) if were["modules"][name] != are["modules"].get(name))
        causes += [Cause("code", f"the module {name} has another source") for name in code]
        if were.get("source") != are.get("source"):
            causes.append(Cause("code", "mlops_nb reads the step's source otherwise than it did"))
        variables = were.get("variables", {})
        causes += [
            Cause("variable", f"the environment variable {name} has another value")
            for name in sorted(variables)
            if variables[name] != are.get("variables", {}).get(name)
        ]
        step = next((step for step in steps if step.name == first.step), None)
        imported = {module.split(".")[0].lower().replace("_", "-") for module in (step.flow.imports if step else ())}
        of_step = [item for item in changes if item.kind == "package" and _names(item.name) & imported]
        rest = [item for item in changes if item not in of_step]
        kinds = {"package": "package", "python": "python", "platform": "hardware"}
        causes += [Cause(kinds.get(item.kind, "hardware"), item.message) for item in (*of_step, *rest)]
        return causes or [Cause("unknown", "nothing that mlops_nb sees differs from what the run stood on")]


def _names(package: str) -> set[str]:
    """Return under what names a distribution is imported as a rule."""
    return {package, {"scikit-learn": "sklearn", "pillow": "pil", "pyyaml": "yaml"}.get(package, package)}


def _components(record: RunRecord, step: str) -> Mapping[str, Any]:
    return next((item.key_components for item in record.steps if item.step == step), {})


def _verdict(differences: Sequence[Difference], not_compared: Mapping[str, str]) -> Verdict:
    if any(not item.close for item in differences):
        return Verdict.DIFFERENT
    if not_compared:
        return Verdict.PARTLY
    return Verdict.CLOSE if differences else Verdict.IDENTICAL
