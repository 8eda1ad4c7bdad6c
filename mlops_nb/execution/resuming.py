"""What a run that did not succeed tells the run that goes on with it."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import UsageError
from mlops_nb.execution.deciding import why_stopped
from mlops_nb.metadata import AlreadyEnded

if TYPE_CHECKING:
    from mlops_nb.metadata import MetadataStore, RunRecord

_LAST = "last"


class CannotResume(UsageError):  # noqa: N818 - the name of the fact
    """There is nothing to go on with: the run succeeded, or still runs, or its notebook is gone."""

    code = "cannot-resume"


def require_resumable(log: MetadataStore, name: str) -> RunRecord:
    """Return the record of a run that failed, was cancelled, paused or died.

    Parameters
    ----------
    log
        The record.
    name
        A run's id, or how it starts; `last` for the newest.

    Raises
    ------
    UnknownRecord
        When there is no such run.
    CannotResume
        When it succeeded, when a person stopped it, or when it, or a run that resumes it, still runs.
    """
    newest = log.runs(1) if name == _LAST else ()
    if name == _LAST and not newest:
        message = f"There is no run in {log.where}: nothing to resume."
        raise CannotResume(message, hint="Start one: mlops-nb run NOTEBOOK")
    record = log.run(newest[0].id if newest else name)
    run = record.run
    if run.status == "succeeded":
        message = f"Run {run.id} succeeded: there is nothing to resume."
        raise CannotResume(message, hint="To run its notebook again: mlops-nb run NOTEBOOK")
    if run.status == "running":
        message = f"Run {run.id} has not ended: {run.who} runs it."
        hint = f"Wait for it, or end it there. If that machine is gone: mlops-nb doctor --close {run.id}"
        raise CannotResume(message, hint=hint)
    step, stopped = why_stopped(log, record)
    if stopped:
        message = f"Run {run.id} was stopped at `{step}`: {stopped}"
        hint = f'To decide otherwise: mlops-nb decide {run.id} continue --overrule --why "…"'
        raise CannotResume(message, hint=hint)
    for other in log.runs(pipeline=run.pipeline, status="running"):
        if log.run(other.id).resumes == run.id:
            message = f"Run {run.id} is being resumed already, by run {other.id} of {other.who}."
            raise CannotResume(message, hint="Wait for it, or end it there.")
    return record


def close_died(log: MetadataStore, record: RunRecord, folder: Path) -> None:
    """Close a run that died, which its process could not do any more.

    Parameters
    ----------
    log
        The record.
    record
        The run; one that has an end keeps it.
    folder
        The run's folder, which tells when it last did something.
    """
    from mlops_nb.execution.upkeep.doctor import last_seen

    run = record.run
    if run.status == "died" and run.finished is None:
        with suppress(AlreadyEnded):
            log.close_died(run.id, last_seen(run, folder, datetime.now(UTC)), f"its process {run.who} is gone")


def notebook_of(record: RunRecord, root: Path, given: Path | None = None) -> Path:
    """Return where the notebook of a past run is now; the project's folder may have been moved as a whole.

    Raises
    ------
    CannotResume
        When it is not there.
    """
    if given is not None:
        return given
    then = Path(record.run.notebook)
    if then.is_absolute() and then.is_relative_to(root) and then.is_file():
        return then
    parts = then.parts[1:] if then.is_absolute() else then.parts
    tails = (root.joinpath(*parts[number:]) for number in range(len(parts)))
    found = next((place for place in tails if place.is_file()), None)
    if found is not None:
        return found
    message = f"The notebook of run {record.run.id}, {then}, is not there any more."
    same = sorted(place for place in root.rglob(then.name) if not any(part.startswith(".") for part in place.parts[1:]))
    hint = f"Was it moved to {same[0]}? " if same else ""
    raise CannotResume(message, hint=f"{hint}Say where it is: mlops-nb resume {record.run.id} --notebook PATH")


def execution_of(record: RunRecord) -> dict[str, Any]:
    """Return how a past run was executed: `isolation`, `threads`, `to`, `workers`, as far as it is recorded."""
    told = record.environment.get("execution", {})
    return {name: told[name] for name in ("isolation", "threads", "to", "workers") if name in told}
