"""A step that a person judges before what is below it in the notebook runs.

1. Such a step has ended well, or was cached. What it made has a digest.
2. Somebody decided that a run may go on from this very content: then the run does, and says on whose word.
3. Nobody did, or somebody decided that it may not: then no step below it begins, and the run ends without a process.

An analysis is seldom read by a later step, so it is the notebook's order that says what waits, and not the dataflow.
What stands above in the notebook, or is cached, is brought to its end.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError
from mlops_nb.execution.events import RunEvent
from mlops_nb.metadata.records import DECIDED, PAUSED
from mlops_nb.validation import PERSON

if TYPE_CHECKING:
    from mlops_nb.execution.step_record import Surroundings
    from mlops_nb.handover import Covariable, Delta
    from mlops_nb.metadata import RecordedVerdict, RunRecord
    from mlops_nb.pipeline import Plan, PlannedStep


class StepHeld(MlopsNbError):  # noqa: N818 - the name of the fact
    """A step does not begin, because a person is to decide about an earlier one."""

    code = "step-held"


@dataclass(frozen=True)
class Pause:
    """A step at which a run is held up: the digest of what it made, and the decision that holds it, if there is one."""

    step: str
    content: str
    decision: RecordedVerdict | None = None

    @property
    def stopped(self) -> str:
        """What was decided, if the run may not go on; empty while nobody has decided."""
        return "" if self.decision is None else decision_text(self.decision)


def decision_text(decision: RecordedVerdict) -> str:
    """Return a person's decision in a sentence: who decided what, and why."""
    return str(decision.content["findings"][0]["message"])


def pausing_before(plan: Plan, name: str) -> list[str]:
    """Return the steps above a step in the notebook after which a run waits for a person."""
    found: list[str] = []
    for planned in plan.steps:
        if planned.name == name:
            break
        if planned.step.settings.pause:
            found.append(planned.name)
    return found


def held_by(name: str, around: Surroundings) -> str:
    """Return the step above this one that a person is to decide about; empty when there is none."""
    if not around.pauses or not around.progress.pauses:
        return ""
    return next((step for step in pausing_before(around.plan, name) if step in around.progress.pauses), "")


def settle(planned: PlannedStep, around: Surroundings) -> None:
    """Find out whether the run may go on from what a step made, which has ended well; record and tell what is so."""
    name = planned.name
    # Whoever is held up waits at the upper of two such steps; the other one's turn comes when the run goes on.
    if not (around.pauses and planned.step.settings.pause) or held_by(name, around):
        return
    content = _digest(planned, around.progress.deltas[name], around.log.run(around.run))
    decision = around.log.decision_about(content, judge=PERSON, subject=name)
    if decision is not None and decision.decision == "pass":
        around.progress.pauses.pop(name, None)
        around.log.note(around.run, name, DECIDED, f"{decision_text(decision)} (in run {decision.run})")
        around.listen(RunEvent("notice", around.run, name, text=decision_text(decision)))
        return
    around.progress.pauses[name] = pause = Pause(name, content, decision)
    around.log.note(around.run, name, PAUSED, content)
    around.listen(RunEvent("notice", around.run, name, text=pause.stopped or "the run waits here for your decision"))


def paused_as(pauses: dict[str, Pause]) -> tuple[str, str]:
    """Return the status and the reason of a run that was held up."""
    stopped = [pause for pause in pauses.values() if pause.decision is not None]
    if stopped:
        return "cancelled", f"at `{stopped[0].step}` {stopped[0].stopped}"
    return "paused", f"waits for a decision at {', '.join(f'`{name}`' for name in pauses)}"


def _digest(planned: PlannedStep, delta: Delta, record: RunRecord) -> str:
    """Identify what a person sees of a step: what it was made of, and all that it left.

    Its key is in it, because an analysis may leave nothing but what it shows, and that is as its key says. Where the
    key does not say all (the step reads what nobody can fingerprint), the very execution is.
    """
    name = planned.name
    step = next(item for item in record.steps if item.step == name)
    unseen = not planned.step.settings.cache or bool(step.outcome.get("evidence", {}).get("outside"))
    made: dict[str, Any] = {
        "pipeline": record.run.pipeline,
        "step": name,
        "key": step.key,
        "execution": (step.cached_from or step.id) if unseen else None,
        "changed": sorted(map(_known, delta.changed)),
        "deleted": sorted(delta.deleted),
        "ambient": {kind: _known(item) for kind, item in delta.ambient.items()},
        "files": dict(step.outcome.get("files", {})),
        "published": dict(step.outcome.get("published", {})),
        "scraps": {scrap.name: scrap.value for scrap in record.scraps if scrap.step == name},
    }
    return hashlib.sha256(json.dumps(made, sort_keys=True, default=str).encode()).hexdigest()


def _known(item: Covariable) -> list[Any]:
    # What cannot leave its process is made again by every run that needs it; only its names are the same.
    return [list(item.names), "" if item.problem else item.fingerprint]
