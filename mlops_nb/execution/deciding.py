"""A person decides about a step at which a run was held up: recorded once, with who, when, why, and about what."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from mlops_nb.errors import UsageError, did_you_mean
from mlops_nb.execution.pausing import decision_text
from mlops_nb.metadata import AlreadyDecided, UnknownRecord
from mlops_nb.validation import PERSON, Finding, Verdict

if TYPE_CHECKING:
    from datetime import datetime

    from mlops_nb.metadata import MetadataStore, RecordedVerdict, RunRecord

Word = Literal["continue", "stop"]
WORDS: tuple[Word, ...] = ("continue", "stop")
_FINDING = "DECIDED"


class NotWaiting(UsageError):  # noqa: N818 - the name of the fact
    """There is nothing to decide: the run was never held up for a person."""

    code = "not-waiting"


@dataclass(frozen=True)
class Decided:
    """What somebody decided about a step of a run; `content` is the digest of what that step made."""

    run: str
    step: str
    decision: Word
    why: str
    by: str
    at: datetime
    content: str

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**vars(self), "at": self.at.isoformat()}


@dataclass(frozen=True)
class Waiting:
    """A step at which a run was held up, and the newest decision about what it made, if there is one."""

    step: str
    content: str
    decision: RecordedVerdict | None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        found = self.decision
        decided = None
        if found is not None:
            told = found.content["evidence"]
            word = "continue" if found.decision == "pass" else "stop"
            decided = {"decision": word, "why": told["why"], "by": told["by"], "at": found.at.isoformat()}
        return {"step": self.step, "content": self.content, "decided": decided}


def waiting_at(log: MetadataStore, record: RunRecord) -> tuple[Waiting, ...]:
    """Return the steps at which a run was held up, in the notebook's order."""
    pauses = record.pauses
    return tuple(
        Waiting(step.step, pauses[step.step], _about(log, step.step, pauses[step.step]))
        for step in record.steps
        if step.step in pauses
    )


def decide(  # noqa: PLR0913 - what a decision consists of
    log: MetadataStore,
    run: str,
    decision: Word,
    *,
    why: str,
    step: str | None = None,
    by: str = "",
    overrule: bool = False,
) -> Decided:
    """Record a person's decision about what a step made.

    Parameters
    ----------
    log
        The record.
    run
        The run's id, or how it starts; `last` for the newest.
    decision
        `continue` or `stop`.
    why
        The reason, for the record.
    step
        The step; the one that the run waits at when `None`.
    by
        The name of the person; the system's user name when empty.
    overrule
        Decide otherwise than was decided.

    Raises
    ------
    UsageError
        When it is neither `continue` nor `stop`, or has no reason.
    NotWaiting
        When the run, or that step of it, was not held up for a person.
    AlreadyDecided
        When it is decided already, unless `overrule`; also when somebody else was faster.
    """
    if decision not in WORDS:
        message = f"`{decision}` is no decision.{did_you_mean(decision, WORDS)}"
        raise UsageError(message, hint=f"Decide {' or '.join(WORDS)}.")
    # The dots of an example are none.
    if not why.strip(" .…"):
        message = "A decision needs a reason: it is what others will read."
        raise UsageError(message, hint='Say why: --why "…" (`why="…"`).')
    record = log.run_asked_for(run)
    waits = _the_one(record, waiting_at(log, record), step)
    if waits.decision is not None and not overrule:
        raise AlreadyDecided(waits.decision)
    by = by or getpass.getuser()
    words = "decided to continue" if decision == "continue" else "decided to stop"
    verdict = Verdict(
        PERSON,
        waits.step,
        "pass" if decision == "continue" else "stop",
        (Finding(_FINDING, waits.step, f"{by} {words}: {why.strip()}", "info" if decision == "continue" else "error"),),
        {"content": waits.content, "by": by, "why": why.strip()},
    )
    made = log.decide(
        verdict.to_json(),
        run=record.run.id,
        step=waits.step,
        seen=None if waits.decision is None else waits.decision.id,
        status="paused" if decision == "continue" else "cancelled",
    )
    at = next(item.at for item in log.verdicts(run=record.run.id) if item.id == made)
    return Decided(record.run.id, waits.step, decision, why.strip(), by, at, waits.content)


def why_stopped(log: MetadataStore, record: RunRecord) -> tuple[str, str]:
    """Return the step at which somebody decided that a run may not go on, and that decision; empty when nobody did."""
    for waits in waiting_at(log, record):
        if waits.decision is not None and waits.decision.decision == "stop":
            return waits.step, f"{decision_text(waits.decision)} ({waits.decision.at:%Y-%m-%d %H:%M} UTC)"
    return "", ""


def _about(log: MetadataStore, step: str, content: str) -> RecordedVerdict | None:
    return log.decision_about(content, judge=PERSON, subject=step)


def _the_one(record: RunRecord, found: tuple[Waiting, ...], step: str | None) -> Waiting:
    """Return the step to decide about."""
    run = record.run
    names = [waits.step for waits in found]
    known = [item.step for item in record.steps]
    if step is not None and step not in known:
        message = f"Run {run.id} has no step `{step}`.{did_you_mean(step, known)}"
        raise UnknownRecord(message, hint=f"It waits at {', '.join(names)}." if names else "")
    if not found:
        message = f"Run {run.id} does not wait for a decision: it {_ended(run.status)}."
        raise NotWaiting(message, hint="`mlops-nb runs --status paused` lists the runs that wait for one.")
    if step is not None and step not in names:
        message = f"Run {run.id} does not wait for a decision at `{step}`, but at {', '.join(names)}."
        raise NotWaiting(message)
    if step is not None:
        return next(waits for waits in found if waits.step == step)
    # A run waits at one step at a time; one that it was held up at earlier is decided.
    return next((waits for waits in found if waits.decision is None), found[-1])


def _ended(status: str) -> str:
    return {"running": "has not ended", "cancelled": "was cancelled"}.get(status, status)
