"""Which step of which run is to be opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlops_nb.errors import UsageError, did_you_mean
from mlops_nb.execution.reopening.head import code
from mlops_nb.metadata import UnknownRecord

if TYPE_CHECKING:
    from mlops_nb.metadata import MetadataStore, RunRecord, StepRun

DONE = frozenset({"succeeded", "cached"})


def find_step(log: MetadataStore, name: str, step: str | None) -> tuple[RunRecord, RunRecord, StepRun, list[str]]:
    """Return the run that is asked for, the run that did the step's work, and that step in it.

    Without a step it is the one that the run waits at for a person, or the first that failed.
    """
    record = log.run_asked_for(name)
    names = [item.step for item in record.steps]
    if step is None and record.run.status == "paused":
        step = next(reversed([item for item in names if item in record.pauses]), None)
    if step is None:
        failed = [item for item in record.steps if item.status not in {*DONE, "skipped", "pending"}]
        if not failed:
            message = f"No step of run {record.run.id} failed: say which one to open."
            raise UsageError(message, hint=f"Its steps are {', '.join(names)}.")
        return record, record, failed[0], []
    found = next((item for item in record.steps if item.step == step), None)
    if found is None:
        message = f"Run {record.run.id} has no step `{step}`.{did_you_mean(step, names)}"
        raise UnknownRecord(message, hint=f"Its steps are {', '.join(names)}.")
    if found.cached_from is None:
        return record, record, found, []
    worked = log.run(log.run_of_step(found.cached_from))
    original = next(item for item in worked.steps if item.id == found.cached_from)
    told = f"In run {code(record.run.id)} it was cached; this is run {code(worked.run.id)}, which did the work."
    return record, worked, original, [told]
