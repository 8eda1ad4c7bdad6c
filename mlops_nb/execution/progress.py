"""What a run knows of its steps so far: what each did to the state, ran on, and left in files."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mlops_nb.handover import State
from mlops_nb.pipeline import FilesLeft, FileUse, changed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from mlops_nb.execution.pausing import Pause
    from mlops_nb.handover import Covariable, Delta
    from mlops_nb.pipeline import Plan, StepEvidence


@dataclass
class Progress:
    """What is known of the steps so far; steps run on threads, so it is taken and changed under its lock.

    `checked` are the co-variables that a step has found to come back as what they were, `kept` those variables of a
    step that did not, and `to_mend` the steps that are therefore to run again, in a kernel that the next ones share.
    `reasons` says why where it is another one, and no earlier result will do. `emptied` are folders that a step took
    away and made anew, `done` the steps in the order in which they ended. `pauses` are the steps about which a person
    is to decide.
    """

    deltas: dict[str, Delta] = field(default_factory=dict)
    parts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    evidence: dict[str, StepEvidence] = field(default_factory=dict)
    files: dict[str, Mapping[str, str]] = field(default_factory=dict)
    status: dict[str, str] = field(default_factory=dict)
    checked: set[tuple[tuple[str, ...], str]] = field(default_factory=set)
    kept: dict[str, set[str]] = field(default_factory=dict)
    to_mend: set[str] = field(default_factory=set)
    reasons: dict[str, str] = field(default_factory=dict)
    emptied: dict[str, tuple[str, ...]] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    pauses: dict[str, Pause] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def took(
        self,
        name: str,
        delta: Delta,
        parts: Mapping[str, Any],
        evidence: StepEvidence | None,
        files: Mapping[str, str],
    ) -> None:
        """Take in what a step did, ran on, was seen to depend on, and left in files."""
        with self.lock:
            self.deltas[name] = delta
            self.parts[name] = parts
            self.files[name] = files
            self.done = [*(each for each in self.done if each != name), name]
            if evidence is not None:
                self.evidence[name] = evidence

    def unchecked(self, items: Iterable[Covariable]) -> set[str]:
        """Return the names of those that no step of this run has found to come back as what they were."""
        with self.lock:
            new = [item for item in items if (item.names, item.fingerprint) not in self.checked]
        return {name for item in new for name in item.names if not item.problem}

    def found_same(self, items: Iterable[Covariable]) -> None:
        """Take note that these came back as what they were."""
        with self.lock:
            self.checked |= {(item.names, item.fingerprint) for item in items}

    def found_different(self, plan: Plan, name: str, different: Iterable[str]) -> None:
        """Take note that a step got other values than the ones that earlier steps made."""
        with self.lock:
            for variable in different:
                writers = [
                    step
                    for step in _before(plan, name)
                    if step in self.deltas and variable in self.deltas[step].written
                ]
                self.kept.setdefault(writers[-1], set()).add(variable)
                self.to_mend.add(writers[-1])

    def before(self, plan: Plan, name: str) -> State:
        """Return the state before a step: the steps done so far that the notebook has before it, in its order."""
        state = State()
        with self.lock:
            for planned in plan.steps:
                if planned.name == name:
                    break
                if planned.name in self.deltas:
                    state = state.after(self.deltas[planned.name])
        return state

    def left_before(self, plan: Plan, name: str) -> FilesLeft:
        """Return what the steps done so far that the notebook has before it left in files, in its order."""
        left = FilesLeft(of_steps=plan.files)
        with self.lock:
            for planned in plan.steps:
                if planned.name == name:
                    break
                left = self.left_after(planned.name, left)
        return left

    def left_after(self, name: str, left: FilesLeft) -> FilesLeft:
        """Return what is left in files after a step, if it is done, that found these."""
        evidence = self.evidence.get(name)
        written = evidence.writes_files if evidence else ()
        return left.after(written, self.files.get(name, {}), self.emptied.get(name, ()))

    def overwritten(self, plan: Plan, name: str, recorded: Mapping[str, str], folder: Path) -> list[str]:
        """Return the files that a step left in an earlier run and that a step before it has changed in this one.

        Of a step that has been taken over only those count that ended after it: before, it was compared with them.
        """
        found = changed(recorded, folder)
        with self.lock:
            since = self.done[self.done.index(name) + 1 :] if name in self.done else self.done
            ran = [
                self.evidence[step]
                for step in _before(plan, name)
                if step in since and self.status.get(step) == "succeeded"
            ]
        uses = [FileUse.of((), evidence.writes_files) for evidence in ran]
        return [path for path in found if any(use.disturbs(FileUse.of((), (path,))) for use in uses)]

    def writers(self, plan: Plan, name: str) -> dict[str, str]:
        """Return the files that the steps before one left, each with the last step that wrote it."""
        with self.lock:
            return self._writers(plan, name)

    def _writers(self, plan: Plan, name: str) -> dict[str, str]:
        return {path: step for step in _before(plan, name) for path in self.files.get(step, {})}

    def of_several_steps(self, plan: Plan, name: str, files: Iterable[str]) -> tuple[str, ...]:
        """Return those of the files that steps before one left, unless one step left them all."""
        writers = self.writers(plan, name)
        found = sorted(path for path in files if path in writers)
        return tuple(found) if len({writers[path] for path in found}) > 1 else ()

    def lost_before(self, plan: Plan, name: str, folder: Path) -> set[str]:
        """Return the steps before one that left a file which it reads and which a later step has written since."""
        with self.lock:
            reads = self.evidence[name].reads_files if name in self.evidence else ()
            left = {path: step for path, step in self._writers(plan, name).items() if path in reads}
            hashes = {path: self.files[step][path] for path, step in left.items()}
        return {left[path] for path in changed(hashes, folder)}


def _before(plan: Plan, name: str) -> list[str]:
    """Return the steps that the notebook has before one."""
    return [planned.name for planned in plan.steps[: plan.steps.index(plan.step(name))]]
