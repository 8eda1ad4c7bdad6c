"""What people decided about what a step made: a verdict like any other, of which the newest counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select, update

from mlops_nb.metadata import tables as t
from mlops_nb.metadata.errors import AlreadyDecided
from mlops_nb.metadata.finding import require_run, require_step
from mlops_nb.metadata.records import DECIDED
from mlops_nb.metadata.run_log import RunLog
from mlops_nb.metadata.verdict_log import VerdictLog

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_nb.metadata.verdict_records import RecordedVerdict


class DecisionLog(RunLog, VerdictLog):
    """The part of a store that keeps decisions. `evidence.content` of one is the digest of what it is about."""

    def decision_about(self, digest: str, *, judge: str, subject: str) -> RecordedVerdict | None:
        """Return the newest decision about the content of that digest, or None."""
        found = self.verdicts(judge=judge, subject=subject)
        return next((one for one in reversed(found) if one.content["evidence"].get("content") == digest), None)

    def decide(self, content: Mapping[str, Any], *, run: str, step: str, seen: int | None, status: str) -> int:
        """Record a decision, and what becomes of the run if it is still paused; return the decision's id.

        Parameters
        ----------
        content
            The verdict as JSON; its evidence has the digest `content`.
        run, step
            The run that waits, and the step that it waits at.
        seen
            The id of the newest decision about this content that whoever decides knows of; None for none.
        status
            The run's from now on, where it is paused; its reason is then the first finding.

        Raises
        ------
        AlreadyDecided
            When there is another newest one by now: somebody was faster. Nothing is recorded then.
        UnknownRecord
            When the run, or the step in it, is unknown.
        """
        digest, told = content["evidence"]["content"], content["findings"][0]["message"]
        with self._write() as connection:
            paused = require_run(connection, run).status == "paused"
            # Other runs that stand on the same work wait for the same decision: whoever writes first locks its row.
            found = t.step_run.c
            own = require_step(connection, run, step).id
            work = connection.execute(select(found.cached_from).where(found.id == own)).scalar_one() or own
            connection.execute(select(found.id).where(found.id == work).with_for_update(key_share=True))
            newest = self.decision_about(digest, judge=content["judge"], subject=content["subject"])
            if newest is not None and newest.id != seen:
                raise AlreadyDecided(newest)
            made = self.add_verdict(content, run=run, step=step)
            self.note(run, step, DECIDED, told)
            if paused:
                reason = f"at `{step}` {told}"
                connection.execute(update(t.run).where(t.run.c.id == run), {"status": status, "reason": reason})
                if status != "paused":
                    self.note(run, None, status, reason)
        return made
