"""What judges decided, of a run's step or of a model version: written once, read by run or by version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, insert, or_, select

from mlops_nb.metadata import tables as t
from mlops_nb.metadata.database import Database, now
from mlops_nb.metadata.errors import UnknownRecord
from mlops_nb.metadata.finding import require_run, require_step
from mlops_nb.metadata.json_values import plain
from mlops_nb.metadata.verdict_records import RecordedVerdict

if TYPE_CHECKING:
    from collections.abc import Mapping


class VerdictLog(Database):
    """The part of a store that keeps verdicts."""

    def add_verdict(
        self,
        content: Mapping[str, Any],
        *,
        run: str | None = None,
        step: str | None = None,
        model: str | None = None,
        version: int | None = None,
    ) -> int:
        """Record a verdict, and return its id.

        Parameters
        ----------
        content
            The verdict as JSON, with `judge`, `subject` and `decision`.
        run, step
            The run it was given in, and the step of it, if there was one.
        model, version
            The model version that it is about, if it is about one.

        Raises
        ------
        UnknownRecord
            When the run, the step or the model version is not in the store.
        UsageError
            When it is no JSON.
        """
        row = {
            "run": run,
            "model": model,
            "version": version,
            "judge": content["judge"],
            "subject": content["subject"],
            "decision": content["decision"],
            "content": plain(dict(content), f"the verdict of `{content['judge']}`"),
            "at": now(),
            "who": str(self.who),
        }
        with self._write() as connection:
            of_step = None
            if run is not None and step is not None:
                of_step = require_step(connection, run, step).id
            elif run is not None:
                require_run(connection, run)
            v = t.model_version.c
            known = select(v.version).where(v.model == model, v.version == version)
            if model is not None and connection.execute(known).one_or_none() is None:
                message = f"Model `{model}` has no version {version}."
                raise UnknownRecord(message, hint="`mlops-nb models` lists the models and their versions.")
            made = connection.execute(insert(t.verdict).returning(t.verdict.c.id), {**row, "step_run": of_step})
            return int(made.scalar_one())

    def verdicts(
        self,
        *,
        run: str | None = None,
        model: str | None = None,
        version: int | None = None,
        judge: str | None = None,
        subject: str | None = None,
    ) -> tuple[RecordedVerdict, ...]:
        """Return the verdicts of a run, of a model or of a version of it, of a judge, of a subject, oldest first.

        All without a filter.
        """
        v = t.verdict.c
        query = _verdicts()
        asked = ((v.run, run), (v.model, model), (v.version, version), (v.judge, judge), (v.subject, subject))
        for column, value in asked:
            if value is not None:
                query = query.where(column == value)
        with self._read() as connection:
            return tuple(RecordedVerdict(*row) for row in connection.execute(query.order_by(v.id)))

    def verdicts_shown(self, run: str) -> tuple[RecordedVerdict, ...]:
        """Return the verdicts that a run stands on, oldest first: its own, and of a cached step those of its work.

        A verdict that an earlier run was given has that run's id.
        """
        v, own = t.verdict.c, t.step_run.c
        taken_over = select(own.cached_from).where(own.run == run, own.status == "cached", own.cached_from.is_not(None))
        query = _verdicts().where(or_(v.run == run, v.step_run.in_(taken_over)))
        with self._read() as connection:
            return tuple(RecordedVerdict(*row) for row in connection.execute(query.order_by(v.id)))


def _verdicts() -> Select[Any]:
    v = t.verdict.c
    return select(
        v.id, v.run, t.step_run.c.step, v.model, v.version, v.judge, v.subject, v.decision, v.content, v.at, v.who
    ).select_from(t.verdict.outerjoin(t.step_run, v.step_run == t.step_run.c.id))
