"""Hold a reproduction against the run it reproduces: step by step, in the notebook's order.

1. What a step left is compared by its fingerprints, which the record has; no value needs to move.
2. Where they differ, both states are thawed in kernels, which tell what each variable is, and how far numbers are
   apart.
3. What cells put out, what the step published and wrote, and how it failed are compared as the record has them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import ArtifactMissing, CorruptArtifact
from mlops_nb.errors import MlopsNbError
from mlops_nb.execution.verifying.contents import compare_contents
from mlops_nb.execution.verifying.outputs import Part, compare_outputs, parts_of
from mlops_nb.execution.verifying.verification import Difference
from mlops_nb.handover import STREAMS, Delta, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.execution.verifying.witnesses import Witnesses
    from mlops_nb.metadata import RunRecord, StepRun
    from mlops_nb.steps import Step

DONE = frozenset({"succeeded", "cached"})
_COUNTED = ("steps", "variables", "outputs", "artifacts")


@dataclass(frozen=True)
class Side:
    """A run as it is compared: its record, the store that has its artifacts, and the folder its project was in."""

    record: RunRecord
    store: ArtifactStore
    root: str

    @cached_property
    def deltas(self) -> dict[str, Delta | None]:
        """What each step that ended well did; None where the store no longer has it."""
        found: dict[str, Delta | None] = {}
        for step in self.record.steps:
            if step.status in DONE:
                try:
                    found[step.step] = Delta.from_json(self.store.get(step.outcome["delta"]))
                except (ArtifactMissing, CorruptArtifact, KeyError):
                    found[step.step] = None
        return found

    def step(self, name: str) -> StepRun | None:
        """Return the record of a step."""
        return next((step for step in self.record.steps if step.step == name), None)

    def after(self, names: Sequence[str], step: str) -> State | None:
        """Return the state when a step had run; None when the store no longer has all of it."""
        state = State()
        for name in names:
            delta = self.deltas.get(name)
            if delta is None:
                return None
            state = state.after(delta)
            if name == step:
                break
        return state

    @cached_property
    def outputs(self) -> dict[str, dict[str, Part]]:
        """What each cell put out, by cell; without the cells of steps whose executed notebook is gone."""
        found: dict[str, dict[str, Part]] = {}
        for step in self.record.steps:
            place = Path(step.notebook) if step.notebook else None
            if place is None or not place.exists():
                continue
            text = place.read_text(encoding="utf-8").replace(json.dumps(self.root)[1:-1], "<project>")
            for cell in json.loads(text)["cells"]:
                if cell["cell_type"] == "code" and cell.get("id"):
                    found[cell["id"]] = parts_of(cell.get("outputs", ()))
        return found

    def artifacts(self, step: str) -> dict[str, str]:
        """Return the content hash of all that a step published and wrote."""
        links = self.record.artifacts
        return {link.name: link.artifact.hash for link in links if link.step == step and link.direction == "output"}

    def scraps(self, step: str) -> dict[str, Any]:
        """Return the values that a step published, without references to content."""
        return {
            scrap.name: scrap.value
            for scrap in self.record.scraps
            if scrap.step == step and not isinstance(scrap.value, dict)
        }


@dataclass
class Comparing:
    """A comparison as it goes: what is known so far."""

    then: Side
    now: Side
    steps: Sequence[Step]
    witnesses: Witnesses
    tolerance: float
    not_compared: dict[str, str] = field(default_factory=dict)
    compared: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_COUNTED, 0))

    def differences(self) -> Iterator[Difference]:
        """Yield what the two runs do not agree on, step by step; variables only of the first step that has any."""
        names = [step.name for step in self.steps]
        apart = False
        for step in self.steps:
            one, other = self.then.step(step.name), self.now.step(step.name)
            if one is None or other is None or {one.status, other.status} <= {"skipped", "cancelled"}:
                continue
            if one.status == "skipped" and self.then.record.pauses:
                # A run is made again without its pauses, and then comes further than the person let it.
                self.not_compared[step.name] = "the run had ended before it, to wait for a person"
                continue
            self.compared["steps"] += 1
            if (one.status in DONE) != (other.status in DONE) or _ending(one) != _ending(other):
                # Where one of them ended otherwise, nothing later can be compared.
                yield self._of_ending(step, one, other)
                return
            found = [] if apart else list(self._variables(step, names))
            yield from found
            apart = apart or any(not item.close for item in found)
            yield from self._outputs(step)
            yield from self._published(step, close=bool(found) and not apart)

    def _of_ending(self, step: Step, one: StepRun, other: StepRun) -> Difference:
        error = other.error or one.error
        cell = next((cell for cell in step.cells if error is not None and cell.id == error.cell_id), None)
        found = Difference("error", "", _told(one), _told(other), step=step.name)
        return found if cell is None else replace(found, cell=cell.id, cell_number=cell.index + 1)

    def _variables(self, step: Step, names: Sequence[str]) -> Iterator[Difference]:
        then, now = self.then.deltas.get(step.name), self.now.deltas.get(step.name)
        if then is None or now is None:
            if self.then.deltas.get(step.name, now) is None and now is not None:
                self.not_compared[f"variables of step {step.name}"] = "the store no longer has what the run left"
            return
        prints = [_prints(delta) for delta in (then, now)]
        self.compared["variables"] += len(prints[0])
        apart = {name for name in {*prints[0], *prints[1]} if prints[0].get(name) != prints[1].get(name)}
        if not apart:
            return
        streams = sorted(name for name in apart if name.startswith("@"))
        known = False
        for item in self._told_apart(step, names, apart - set(streams)):
            known = True
            yield _placed(item, step)
        for name in streams if not known else ():
            yield _placed(Difference("random stream", name[1:], "at one place", "at another"), step)

    def _told_apart(self, step: Step, names: Sequence[str], apart: set[str]) -> Iterator[Difference]:
        """Yield in words how variables differ, as kernels tell that thaw both states."""
        states = [side.after(names, step.name) for side in (self.then, self.now)]
        if not apart:
            return
        try:
            told = [
                self.witnesses.thawed(side.store.put(state.to_json().encode())[0], side.store.url, step.name)
                for side, state in zip((self.then, self.now), states, strict=True)
                if state is not None
            ]
        except MlopsNbError as error:
            self.not_compared |= dict.fromkeys(sorted(apart), error.message)
            told = []
        if len(told) < len(states):
            yield from (Difference("variable", name, "one value", "another") for name in sorted(apart))
            return
        for name in sorted(apart & {*told[0].unknown, *told[0].absent}):
            self.not_compared[name] = (told[0].unknown | dict(told[0].absent))[name]
        numbers = (self.witnesses.numbers_to, self.tolerance)
        for item in compare_contents(told[0], told[1], None, numbers):
            # The kernels also tell of variables of earlier steps, which were compared there.
            if item.what == "variable" and item.name in apart:
                yield item

    def _outputs(self, step: Step) -> Iterator[Difference]:
        for cell in step.cells:
            parts = [side.outputs.get(cell.id) for side in (self.then, self.now)]
            if parts[0] is None or parts[1] is None:
                if parts[1]:
                    self.not_compared[f"output of cell {cell.index + 1}"] = "the executed notebook is gone"
                continue
            self.compared["outputs"] += len(parts[0])
            for item in compare_outputs(parts[0], parts[1]):
                yield replace(item, step=step.name, cell=cell.id, cell_number=cell.index + 1)

    def _published(self, step: Step, *, close: bool) -> Iterator[Difference]:
        one, other = self.then.scraps(step.name), self.now.scraps(step.name)
        for name in dict.fromkeys((*one, *other)):
            if one.get(name) != other.get(name):
                near = _near(one.get(name), other.get(name), self.tolerance)
                before, after = (str(side.get(name, "not there")) for side in (one, other))
                yield Difference("metric", name, before, after, step=step.name, close=near)
        contents = [side.artifacts(step.name) for side in (self.then, self.now)]
        self.compared["artifacts"] += len(contents[0])
        for name in dict.fromkeys((*contents[0], *contents[1])):
            before, after = (content.get(name, "not there") for content in contents)
            if before != after:
                # Close where its bytes are made from variables that differ by roundings only.
                yield Difference("artifact", name, before[:12], after[:12], step=step.name, close=close)


def _prints(delta: Delta) -> dict[str, str]:
    """Return the fingerprint of each variable and random stream that a step left, without those nobody can know."""
    found = {name: item.fingerprint for item in delta.changed if not item.problem for name in item.names}
    return found | {f"@{kind}": item.fingerprint for kind, item in delta.ambient.items() if kind in STREAMS}


def _ending(step: StepRun) -> tuple[str, str]:
    return (step.error.ename, step.error.cell_id) if step.error is not None else ("", "")


def _told(step: StepRun) -> str:
    if step.status in DONE:
        return "no error"
    return f"{step.error.ename}: {step.error.evalue}" if step.error is not None else step.reason


def _placed(item: Difference, step: Step) -> Difference:
    cell = step.last_naming(item.name)
    return replace(item, step=step.name, cell=cell.id, cell_number=cell.index + 1)


def _near(one: object, other: object, tolerance: float) -> bool:
    if isinstance(one, bool) or not isinstance(one, int | float) or not isinstance(other, int | float):
        return False
    return abs(one - other) <= tolerance * max(abs(one), abs(other))


def files_of(record: RunRecord) -> Mapping[str, str]:
    """Return the content hash of every file that steps read, by the name they were recorded under."""
    return {
        link.name: link.artifact.hash
        for link in record.artifacts
        if link.step is not None and link.direction == "input"
    }
