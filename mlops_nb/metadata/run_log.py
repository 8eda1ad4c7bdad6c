"""Writing the log: a run starts, its steps start and end, the run ends. Each call is one transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, insert, select, update

from mlops_nb.errors import UsageError
from mlops_nb.metadata import tables as t
from mlops_nb.metadata.contents import (
    environment_hash,
    link_artifacts,
    parameter_row,
    record_artifact_rows,
    write_scraps,
)
from mlops_nb.metadata.database import Database, insert_new, now
from mlops_nb.metadata.errors import AlreadyEnded
from mlops_nb.metadata.finding import require_run, require_step
from mlops_nb.metadata.json_values import plain
from mlops_nb.metadata.records import Run, StepStart
from mlops_nb.metadata.reuse import reuse
from mlops_nb.metadata.rows import run_row

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from sqlalchemy import Connection

    from mlops_nb.metadata.records import (
        Artifact,
        Direction,
        Parameter,
        RunEnd,
        RunStart,
        Scrap,
        StepEnd,
    )

_OPEN = ("pending", "running")
_START_STEP = StepStart()
_UPDATE_STEP = update(t.step_run).where(t.step_run.c.id == bindparam("of"))
_NOTE = insert(t.execution_event)


class RunLog(Database):
    """The part of a store that records runs."""

    def start_run(self, start: RunStart) -> str:
        """Record that a run starts, with its plan (every step `pending`) and its parameters; return its id.

        Raises
        ------
        UsageError
            When a run of that id exists, or a value is no JSON, or a secret is not a reference.
        """
        who, started = start.who or self.who, start.started or now()
        version = start.version
        dag = plain(version.dag, f"the plan of pipeline `{version.name}`")
        parameters = [parameter_row(start.id, parameter) for parameter in start.parameters]
        run = Run(
            id=start.id,
            pipeline=version.name,
            version=version.hash,
            notebook=start.notebook,
            status="running",
            started=started,
            finished=None,
            who=who,
            origin=start.origin,
            executor=start.executor,
            git=start.git,
            why=start.why,
            reason="",
        )
        steps = [
            _pending(start.id, version.name, step.name, position=position, version=step.version)
            for position, step in enumerate(start.steps)
        ]
        with self._write() as connection:
            if connection.execute(select(t.run.c.id).where(t.run.c.id == start.id)).first() is not None:
                message = f"A run `{start.id}` is already in the metadata store {self.where}."
                raise UsageError(message)
            connection.execute(
                insert_new(connection, t.pipeline_version),
                {"name": version.name, "hash": version.hash, "dag": dag, "created": started},
            )
            row = run_row(run, environment_hash(connection, start.environment))
            connection.execute(insert(t.run), row)
            if steps:
                connection.execute(insert(t.step_run), steps)
            if parameters:
                connection.execute(insert(t.parameter), parameters)
            self._note(connection, [_event(start.id, None, "running", started, start.why)])
        return start.id

    def start_step(self, run_id: str, step: str, start: StepStart = _START_STEP) -> int:
        """Record that a pending step starts; return the id of its step run.

        Raises
        ------
        UnknownRecord
            When the run, or the step in it, is unknown.
        AlreadyEnded
            When the step is not pending.
        """
        at = start.at or now()
        changes = {
            "status": "running",
            "started": at,
            "key": start.key,
            "key_components": plain(start.key_components, f"the cache key of step `{step}`"),
            "reason": start.reason,
        }
        with self._write() as connection:
            found = require_step(connection, run_id, step)
            if found.status != "pending":
                message = f"Step `{step}` of run `{run_id}` cannot start: it is {found.status}."
                raise AlreadyEnded(message)
            connection.execute(_UPDATE_STEP, {"of": found.id, **changes})
            link_artifacts(connection, run_id, found.id, "input", start.inputs, at)
            self._note(connection, [_event(run_id, step, "running", at, start.reason)])
        return int(found.id)

    def finish_step(self, run_id: str, step: str, end: StepEnd) -> None:
        """Record how a step ended, with all that it left: scraps, metrics, artifacts in and out, error, notebook.

        Raises
        ------
        UnknownRecord
            When the run, or the step in it, is unknown.
        AlreadyEnded
            When the step has ended before; the first end stands.
        UsageError
            When a scrap is no JSON.
        """
        at = end.at or now()
        with self._write() as connection:
            found = require_step(connection, run_id, step)
            if found.status not in _OPEN:
                message = f"Step `{step}` of run `{run_id}` has already ended: it is {found.status}."
                raise AlreadyEnded(message)
            seconds = end.seconds
            if seconds is None and found.started is not None:
                # The clock may have been set back since.
                seconds = max(0.0, (at - found.started).total_seconds())
            changes: dict[str, Any] = {
                "status": end.status,
                "finished": at,
                "seconds": seconds,
                "notebook": end.notebook,
                "error": end.error and vars(end.error),
                "outcome": plain(end.outcome, f"the outcome of step `{step}`"),
            }
            if end.reason:
                changes["reason"] = end.reason
            if end.key:
                changes["key"] = end.key
                changes["key_components"] = plain(end.key_components, f"the cache key of step `{step}`")
            connection.execute(_UPDATE_STEP, {"of": found.id, **changes})
            write_scraps(connection, run_id, found.id, found.pipeline, end.scraps)
            record_artifact_rows(connection, [*end.inputs.values(), *end.outputs.values()], at)
            link_artifacts(connection, run_id, found.id, "input", end.inputs, at)
            link_artifacts(connection, run_id, found.id, "output", end.outputs, at)
            self._note(connection, [_event(run_id, step, end.status, at, end.reason)])

    def reopen_step(self, run_id: str, step: str, why: str) -> None:
        """Record that a step that had ended is to run again in the same run: its result did not stand a check.

        The attempt is withdrawn, with all that it left: it stays in the store, but neither the run's record nor any
        later plan takes it for a result. A new attempt is pending in its place.

        Raises
        ------
        UnknownRecord
            When the run, or the step in it, is unknown.
        AlreadyEnded
            When the run has ended.
        UsageError
            When the step has not ended.
        """
        at = now()
        with self._write() as connection:
            found = require_step(connection, run_id, step)
            if found.status in _OPEN:
                message = f"Step `{step}` of run `{run_id}` cannot be reopened: it is {found.status}."
                raise UsageError(message)
            if (run_status := require_run(connection, run_id).status) != "running":
                message = f"Step `{step}` cannot be reopened: run `{run_id}` has ended, it is {run_status}."
                raise AlreadyEnded(message)
            same = (t.step_run.c.attempt, t.step_run.c.position, t.step_run.c.version)
            old = connection.execute(select(*same).where(t.step_run.c.id == found.id)).one()
            connection.execute(_UPDATE_STEP, {"of": found.id, "status": "withdrawn"})
            again = _pending(run_id, found.pipeline, step, position=old.position, version=old.version)
            connection.execute(insert(t.step_run), {**again, "attempt": old.attempt + 1, "reason": why})
            events = [_event(run_id, step, "withdrawn", at, why), _event(run_id, step, "pending", at, why)]
            self._note(connection, events)

    def reuse_steps(self, run_id: str, sources: Mapping[str, int], reason: str = "") -> None:
        """Record that steps are cached: each stands on an earlier step run, whose results become this run's too.

        Key, notebook, scraps, metrics and artifacts are taken over, so that the run's record is whole by itself.

        Parameters
        ----------
        sources
            For each step the id of the step run that did the work (or of one that was itself cached).

        Raises
        ------
        UnknownRecord
            When the run, one of the steps or one of the sources is unknown.
        AlreadyEnded
            When one of the steps is not pending.
        """
        if not sources:
            return
        at = now()
        with self._write() as connection:
            reuse(connection, run_id, sources, reason, at)
            self._note(connection, [_event(run_id, step, "cached", at, reason) for step in sources])

    def skip_steps(self, run_id: str, steps: Iterable[str], reason: str) -> None:
        """Record that pending steps will not run, because something they need failed.

        Raises
        ------
        UnknownRecord
            When the run, or one of the steps in it, is unknown.
        AlreadyEnded
            When one of the steps is not pending.
        """
        at = now()
        with self._write() as connection:
            events = []
            for step in steps:
                found = require_step(connection, run_id, step)
                if found.status != "pending":
                    message = f"Step `{step}` of run `{run_id}` cannot be skipped: it is {found.status}."
                    raise AlreadyEnded(message)
                changes = {"status": "skipped", "finished": at, "reason": reason}
                connection.execute(_UPDATE_STEP, {"of": found.id, **changes})
                events.append(_event(run_id, step, "skipped", at, reason))
            self._note(connection, events)

    def finish_run(self, run_id: str, status: RunEnd, reason: str = "", at: datetime | None = None) -> None:
        """Record how a run ended. Steps that had not ended are cancelled with it.

        Raises
        ------
        UnknownRecord
            When there is no such run.
        AlreadyEnded
            When it has ended before; the first end stands.
        """
        at = at or now()
        with self._write() as connection:
            found = require_run(connection, run_id)
            if found.status != "running":
                message = f"Run `{run_id}` has already ended: it is {found.status}."
                raise AlreadyEnded(message)
            changes = {"status": status, "finished": at, "reason": reason}
            connection.execute(update(t.run).where(t.run.c.id == run_id), changes)
            left_open = (t.step_run.c.run == run_id) & t.step_run.c.status.in_(_OPEN)
            in_order = select(t.step_run.c.step).where(left_open).order_by(t.step_run.c.position)
            why = f"the run {status}" if status != "cancelled" else "the run was cancelled"
            events = [_event(run_id, step, "cancelled", at, why) for step in connection.scalars(in_order)]
            connection.execute(update(t.step_run).where(left_open), {"status": "cancelled", "finished": at})
            self._note(connection, [*events, _event(run_id, None, status, at, reason)])

    def note(self, run_id: str, step: str | None, what: str, why: str = "") -> None:
        """Record in a run's history something that changed no status, of a step of it or of the run itself.

        Parameters
        ----------
        what
            What it is, where a change of status has the status: `resumes`, `try-failed`, `notified`, ….

        Raises
        ------
        UnknownRecord
            When the run, or the step in it, is unknown.
        """
        with self._write() as connection:
            require_run(connection, run_id)
            if step is not None:
                require_step(connection, run_id, step)
            self._note(connection, [_event(run_id, step, what, now(), why)])

    def record_parameters(self, run_id: str, parameters: Iterable[Parameter]) -> None:
        """Record further parameters of a run.

        Raises
        ------
        UsageError
            When the run is unknown, a value is no JSON, or a secret is not a reference.
        """
        rows = [parameter_row(run_id, parameter) for parameter in parameters]
        with self._write() as connection:
            require_run(connection, run_id)
            if rows:
                connection.execute(insert(t.parameter), rows)

    def record_scraps(self, run_id: str, step: str, scraps: Iterable[Scrap]) -> None:
        """Record what a step glued, as it does; of two scraps with one name the later one counts.

        Raises
        ------
        UsageError
            When the run or step is unknown, or a scrap is no JSON.
        """
        with self._write() as connection:
            found = require_step(connection, run_id, step)
            write_scraps(connection, run_id, found.id, found.pipeline, scraps)

    def record_artifact(self, artifact: Artifact) -> None:
        """Record an artifact. One that is known by its hash stays as it was recorded first."""
        with self._write() as connection:
            record_artifact_rows(connection, [artifact], now())

    def link(self, run_id: str, step: str | None, direction: Direction, artifacts: Mapping[str, Artifact]) -> None:
        """Record artifacts, by name, as what a step (or, without one, the whole run) took in or gave out.

        Raises
        ------
        UnknownRecord
            When the run or step is unknown.
        """
        with self._write() as connection:
            of = None if step is None else require_step(connection, run_id, step).id
            if of is None:
                require_run(connection, run_id)
            link_artifacts(connection, run_id, of, direction, artifacts, now())

    def _note(self, connection: Connection, events: list[dict[str, Any]]) -> None:
        if events:
            who = str(self.who)
            connection.execute(_NOTE, [{**event, "who": who} for event in events])


def _event(run_id: str, step: str | None, status: str, at: datetime, why: str) -> dict[str, Any]:
    return {"run": run_id, "step": step, "status": status, "at": at, "why": why}


def _pending(run_id: str, pipeline: str, step: str, *, position: int, version: str) -> dict[str, Any]:
    return {
        "run": run_id,
        "pipeline": pipeline,
        "step": step,
        "attempt": 1,
        "position": position,
        "version": version,
        "status": "pending",
        "key": "",
        "key_components": {},
        "notebook": "",
        "reason": "",
        "outcome": {},
    }
