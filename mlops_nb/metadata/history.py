"""Reading the log: pages of runs, one run in full, and the best one by a metric."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Literal

from sqlalchemy import String, and_, func, literal, or_, select, tuple_

from mlops_nb.errors import did_you_mean
from mlops_nb.metadata import tables as t
from mlops_nb.metadata.database import Database
from mlops_nb.metadata.errors import UnknownRecord
from mlops_nb.metadata.finding import find_run
from mlops_nb.metadata.records import BestRun, PipelineVersion, RecordedScrap, RunRecord, StatusChange
from mlops_nb.metadata.rows import link_of, links, liveness, parameter_of, run_of, standing, step_run_of

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection

    from mlops_nb.metadata.records import Link, Parameter, Run, RunStatus, StepRun

# The name of the newest run.
_LAST = "last"


class History(Database):
    """The part of a store that answers what happened."""

    def runs(
        self,
        limit: int = 20,
        offset: int = 0,
        *,
        pipeline: str | None = None,
        status: RunStatus | None = None,
        before: str | None = None,
    ) -> tuple[Run, ...]:
        """Return a page of runs, newest first.

        Parameters
        ----------
        before
            The id of a run: the page starts with the one that is next older. Turning pages so costs the same
            however far back they are, where `offset` has to count past what it leaves out.

        Raises
        ------
        UnknownRecord
            When `before` is unknown.
        """
        # A run that nobody has closed since its process went is still stored as running.
        looked_at = status in {"running", "died"}
        gone = liveness()
        with self._read() as connection:
            query = select(t.run).order_by(t.run.c.started.desc(), t.run.c.id.desc())
            if pipeline is not None:
                query = query.where(t.run.c.pipeline == pipeline)
            if status is not None:
                either = ("running", "died") if status == "died" else (status,)
                query = query.where(or_(*(t.run.c.status == stored for stored in either)))
            if before is not None:
                query = query.where(_older_than(connection, before))
            if not looked_at:
                return tuple(run_of(row, gone) for row in connection.execute(query.limit(limit).offset(offset)))
            # Which of the running ones died, no index knows; but few runs are ever left so.
            left = connection.execute(select(func.count()).where(t.run.c.status == "running")).scalar_one()
            query = query.limit(offset + limit + left)
            found = (run_of(row, gone) for row in connection.execute(query))
            return tuple(islice((run for run in found if run.status == status), offset, offset + limit))

    def pipelines(self) -> tuple[str, ...]:
        """Return the names of all pipelines that ever ran."""
        with self._read() as connection:
            names = select(t.pipeline_version.c.name).distinct().order_by(t.pipeline_version.c.name)
            return tuple(connection.scalars(names))

    def run_asked_for(self, name: str) -> RunRecord:
        """Return everything about the run that `run` finds by that name; `last` is the newest.

        Raises
        ------
        UnknownRecord
            As `run` does.
        """
        newest = self.runs(1) if name == _LAST else ()
        return self.run(newest[0].id if newest else name)

    def run(self, name: str) -> RunRecord:
        """Return everything about the run that has this id, or the only one whose id starts so.

        Raises
        ------
        UnknownRecord
            When there is none, naming the nearest, or several.
        """
        with self._read() as connection:
            run_id = find_run(connection, name)
            row = connection.execute(
                select(t.run, t.pipeline_version.c.dag, t.environment.c.content)
                .join(
                    t.pipeline_version,
                    and_(t.run.c.pipeline == t.pipeline_version.c.name, t.run.c.version == t.pipeline_version.c.hash),
                )
                .join(t.environment, t.run.c.environment == t.environment.c.hash)
                .where(t.run.c.id == run_id)
            ).one()
            run = run_of(row, liveness())
            return RunRecord(
                run=run,
                version=PipelineVersion(run.pipeline, run.version, row.dag),
                environment=row.content,
                steps=_steps(connection, run),
                parameters=_parameters(connection, run_id),
                scraps=_scraps(connection, run_id),
                artifacts=_links(connection, run_id),
                history=_history(connection, run_id),
            )

    def best_run(self, pipeline: str, metric: str, direction: Literal["max", "min"] = "max") -> BestRun:
        """Return the succeeded run of a pipeline with the best value of a metric; of equals, the first.

        Parameters
        ----------
        metric
            A scrap's name, or a dotted name within one: `metrics.accuracy`.

        Raises
        ------
        UnknownRecord
            When no succeeded run of the pipeline has that metric, with the nearest that one has.
        """
        value = t.metric.c.value
        query = (
            select(t.run, t.step_run.c.step, t.metric.c.value)
            .join(t.step_run, t.metric.c.step_run == t.step_run.c.id)
            .join(t.run, t.step_run.c.run == t.run.c.id)
            .where(t.metric.c.pipeline == pipeline, t.metric.c.name == metric, t.run.c.status == "succeeded")
            .where(standing())
            .order_by(value.desc() if direction == "max" else value.asc(), t.metric.c.id)
            .limit(1)
        )
        with self._read() as connection:
            best = connection.execute(query).one_or_none()
            if best is None:
                known = select(t.metric.c.name).where(t.metric.c.pipeline == pipeline).distinct()
                near = did_you_mean(metric, connection.scalars(known))
                message = f"No succeeded run of pipeline `{pipeline}` has a metric `{metric}`.{near}"
                raise UnknownRecord(message)
            return BestRun(run_of(best, liveness()), best.step, metric, best.value)


def _older_than(connection: Connection, run_id: str) -> ColumnElement[bool]:
    last = connection.execute(select(t.run.c.started, t.run.c.id).where(t.run.c.id == find_run(connection, run_id)))
    started, exact_id = last.one()
    this = tuple_(t.run.c.started, t.run.c.id)
    return this < tuple_(literal(started, t.run.c.started.type), literal(exact_id, String))


def _steps(connection: Connection, run: Run) -> tuple[StepRun, ...]:
    query = select(t.step_run).where(t.step_run.c.run == run.id, standing()).order_by(t.step_run.c.position)
    died = run.status == "died"
    return tuple(step_run_of(row, run_died=died) for row in connection.execute(query))


def _parameters(connection: Connection, run_id: str) -> tuple[Parameter, ...]:
    query = select(t.parameter).where(t.parameter.c.run == run_id).order_by(t.parameter.c.id)
    return tuple(parameter_of(row) for row in connection.execute(query))


def _scraps(connection: Connection, run_id: str) -> tuple[RecordedScrap, ...]:
    query = (
        select(t.step_run.c.step, t.scrap.c.name, t.scrap.c.value, t.scrap.c.kind)
        .join(t.step_run, t.scrap.c.step_run == t.step_run.c.id)
        .where(t.step_run.c.run == run_id, standing())
        .order_by(t.step_run.c.position, t.scrap.c.id)
    )
    latest = {(row.step, row.name): RecordedScrap(*row) for row in connection.execute(query)}
    return tuple(latest.values())


def _links(connection: Connection, run_id: str) -> tuple[Link, ...]:
    query = links().where(t.event.c.run == run_id, standing()).order_by(t.event.c.id)
    return tuple(link_of(row) for row in connection.execute(query))


def _history(connection: Connection, run_id: str) -> tuple[StatusChange, ...]:
    e = t.execution_event.c
    query = select(e.at, e.step, e.status, e.who, e.why).where(e.run == run_id).order_by(e.id)
    return tuple(StatusChange(*row) for row in connection.execute(query))
