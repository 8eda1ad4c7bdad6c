"""A person decides about a step that a run waits at, and the run goes on, or is over."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import UsageError
from mlops_nb.lifecycle.resuming import find_resumption, resume
from mlops_nb.project import Project, find_project

if TYPE_CHECKING:
    from mlops_nb.execution.deciding import Decided, Word
    from mlops_nb.lifecycle.running import Finished


@dataclass(frozen=True, repr=False)
class Decision:
    """What was decided, as the record has it, and the run that goes on because of it, if one does."""

    decided: Decided
    finished: Finished | None = None

    def __repr__(self) -> str:
        it = self.decided
        word = "may go on" if it.decision == "continue" else "was stopped"
        told = f"Run {it.run} {word} at `{it.step}`: {it.why} ({it.by})"
        if self.finished is None:
            return told
        result = self.finished.result
        return f"{told}. Run {result.run} went on, and {result.status}{f': {result.reason}' if result.reason else ''}."


def record_decision(run: str, decision: Word, project: Project | None = None, **told: Any) -> Decided:
    """Record what a person decided, and run nothing; the parameters are those of `execution.deciding.decide`."""
    from mlops_nb.execution.deciding import decide as decide_in

    place = project or find_project(Path())
    if not place.has_log:
        message = f"The project {place.root} has no runs yet."
        raise UsageError(message, hint="Start one: mlops-nb run NOTEBOOK")
    with place.log() as log:
        return decide_in(log, run, decision, **told)


def decide(  # noqa: PLR0913 - what a decision consists of
    run: str,
    decision: Word,
    *,
    why: str,
    step: str | None = None,
    by: str = "",
    overrule: bool = False,
    go_on: bool = True,
    project: Path | str = "",
    **options: Any,
) -> Decision:
    """Decide about a step that a run waits at: `continue` goes on as `resume` does, `stop` ends the run.

    Parameters
    ----------
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
    go_on
        Whether to go on at once; otherwise the decision is recorded for whoever resumes the run.
    project
        A file or folder of the project; the current folder by default.
    options
        As for `resume`.

    Raises
    ------
    NotWaiting
        When the run, or that step of it, does not wait for a person.
    AlreadyDecided
        When it is decided already, or somebody else was faster.
    UsageError
        When there is no such run, step or decision, or no reason is given.
    """
    place = find_project(Path(project))
    decided = record_decision(run, decision, place, why=why, step=step, by=by, overrule=overrule)
    if decision != "continue" or not go_on:
        return Decision(decided)
    return Decision(decided, resume(find_resumption(decided.run, place), **options))
