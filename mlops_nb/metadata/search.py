"""Searching runs: by metric, parameter and field, in a page, ordered by a metric or the newest first.

A condition on a metric or parameter becomes `run IN (…)` over an index of its table, so its cost grows with the runs
that have the metric and not with all that was ever recorded.

What is not there meets no comparison; `not` turns that round: `not rmse < 2` finds the runs without an `rmse` too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Select, func, select

from mlops_nb.errors import did_you_mean
from mlops_nb.metadata import tables as t
from mlops_nb.metadata.database import Database
from mlops_nb.metadata.errors import UnknownRecord
from mlops_nb.metadata.found import FoundRun
from mlops_nb.metadata.rows import liveness, run_of, standing, who_of
from mlops_nb.metadata.search_terms import Terms, measured
from mlops_nb.metadata.where import Name, metric_name, names_of, parse, refuse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Connection, Subquery, Table

    from mlops_nb.metadata.records import Run, RunStatus, Who

TheBest = Literal["max", "min"]
_BETTER_LOW = frozenset({
    *("rmse", "mse", "mae", "mape", "smape", "rmsle", "msle", "medae", "error", "errors", "err", "loss", "logloss"),
    *("brier", "deviance", "perplexity", "wer", "cer", "fpr", "fnr", "ece", "latency", "seconds", "gap", "regret"),
})  # fmt: skip


class Search(Database):
    """The part of a store that finds runs by what they measured and were given."""

    def find_runs(  # noqa: PLR0913 - what a search can ask for
        self,
        where: str = "",
        *,
        pipeline: str | None = None,
        status: RunStatus | None = None,
        by: str | None = None,
        direction: TheBest | None = None,
        limit: int = 20,
        offset: int = 0,
    ) -> tuple[FoundRun, ...]:
        """Return a page of the runs that meet a condition, newest first, or the best first by a metric.

        Parameters
        ----------
        where
            As `rmse < 2.1 and params.model = 'hgb'`; see the module `where`. Empty for all.
        pipeline, status
            Only runs of it, only runs that ended so.
        by
            A metric: only runs that have it, ordered by it; of a run that has several of the name, the best counts.
        direction
            Which value of `by` is best; `better(by)` unless told.

        Raises
        ------
        WhereError
            When the condition cannot be understood, or names what no run has; pointing at the place, with a near miss.
        UnknownRecord
            When no run has the metric `by`, with the nearest.
        """
        condition = parse(where) if where.strip() else None
        names = names_of(condition) if condition is not None else ()
        gone = liveness()
        with self._read() as connection:
            if connection.execute(select(t.run.c.id).limit(1)).first() is None:
                return ()
            _require_known(connection, where, names)
            died = _Died(connection, gone)
            terms = Terms(where, connection.dialect.name, died.ids)
            query: Select[Any] = select(t.run)
            if pipeline is not None:
                query = query.where(t.run.c.pipeline == pipeline)
            if status is not None:
                query = query.where(terms.has_status(status))
            if condition is not None:
                query = query.where(terms.of(condition))
            if by is not None:
                by = metric_name(by)
                names = (*(name for name in names if (name.kind, name.name) != ("metric", by)), _metric(by))
                direction = direction or better(by)
                ranked = _ranked(connection, by, direction)
                best = ranked.c.best.desc() if direction == "max" else ranked.c.best.asc()
                query = query.add_columns(ranked.c.best).join(ranked, ranked.c.run == t.run.c.id).order_by(best)
            query = query.order_by(t.run.c.started.desc(), t.run.c.id.desc()).limit(limit).offset(offset)
            rows = connection.execute(query).all()
            runs = [run_of(row, gone) for row in rows]
            values = _values(connection, runs, names)
        if by is not None:
            for row in rows:
                values[row.id][by] = row.best
        return tuple(FoundRun(run, values[run.id]) for run in runs)


def better(metric: str) -> TheBest:
    """Say whether less of a metric is better, as its name tells it (`rmse`, `log_loss`, `test.error`), or more."""
    return "min" if _BETTER_LOW & set(re.split(r"[^a-z]+", metric.lower())) else "max"


@dataclass
class _Died:
    """The runs that died, found when they are first asked for; few runs are ever left so."""

    connection: Connection
    gone: Callable[[Who], bool]

    def ids(self) -> list[str]:
        """Return their ids."""
        left = self.connection.execute(select(t.run).where(t.run.c.status == "running"))
        return [row.id for row in left if self.gone(who_of(row))]


def _metric(name: str) -> Name:
    return Name("metric", name, 0, name)


def _require_known(connection: Connection, where: str, names: Iterable[Name]) -> None:
    for name in names:
        if name.kind == "run":
            continue
        table, other = (t.metric, t.parameter) if name.kind == "metric" else (t.parameter, t.metric)
        if _has(connection, table, name.name):
            continue
        parameters = [f"params.{known}" for known in _known(connection, t.parameter)]
        if name.kind == "metric":
            near = did_you_mean(name.name, [*_known(connection, t.metric), *parameters])
        else:
            near = did_you_mean(f"params.{name.name}", parameters)
        if _has(connection, other, name.name):
            there = f"params.{name.name}" if other is t.parameter else f"metrics.{name.name}"
            near = f" Did you mean `{there}`?"
        kind = "metric" if name.kind == "metric" else "parameter"
        refuse(where, name.at, f"No run has a {kind} `{name.name}`.{near}")


def _has(connection: Connection, table: Table, name: str) -> bool:
    return connection.execute(select(table.c.id).where(table.c.name == name).limit(1)).first() is not None


def _known(connection: Connection, table: Table) -> list[str]:
    """Return the distinct names of a table, jumping from one to the next over its index instead of walking it."""
    found: list[str] = []
    following = func.min(table.c.name)
    name = connection.scalar(select(following))
    while name is not None and len(found) < 1000:  # noqa: PLR2004 - among so many a near miss is near enough
        found.append(name)
        name = connection.scalar(select(following).where(table.c.name > name))
    return found


def _ranked(connection: Connection, metric: str, direction: TheBest) -> Subquery:
    if not _has(connection, t.metric, metric):
        message = f"No run has a metric `{metric}`.{did_you_mean(metric, _known(connection, t.metric))}"
        raise UnknownRecord(message)
    best = func.max(t.metric.c.value) if direction == "max" else func.min(t.metric.c.value)
    return (
        select(t.metric.c.run, best.label("best"))
        .where(t.metric.c.name == metric, measured())
        .group_by(t.metric.c.run)
        .subquery("ranked")
    )


def _values(connection: Connection, runs: list[Run], names: tuple[Name, ...]) -> dict[str, dict[str, Any]]:
    """Return for each run what it has of the metrics and parameters that were named."""
    found: dict[str, dict[str, Any]] = {run.id: {} for run in runs}
    metrics = {name.name for name in names if name.kind == "metric"}
    parameters = {name.name for name in names if name.kind == "param"}
    if metrics and runs:
        # The steps of the page first: in one query SQLite would begin with all that ever had the metric.
        s = t.step_run.c
        steps = {
            row.id: row
            for row in connection.execute(select(s.id, s.run, s.position).where(s.run.in_(found), standing()))
        }
        m = t.metric.c
        query = select(m.step_run, m.name, m.value, m.id).where(m.step_run.in_(steps), m.name.in_(metrics))
        for row in sorted(connection.execute(query), key=lambda row: (steps[row.step_run].position, row.id)):
            found[steps[row.step_run].run][row.name] = row.value
    if parameters and runs:
        p = t.parameter.c
        given = select(p.run, p.name, p.value).where(p.run.in_(found), p.name.in_(parameters))
        for run, name, value in connection.execute(given.where(p.step.is_(None)).order_by(p.id)):
            found[run][f"params.{name}"] = value
    # In the order in which they were named, whatever the order of recording.
    order = [name.name if name.kind == "metric" else f"params.{name.name}" for name in names if name.kind != "run"]
    return {run: {name: of_run[name] for name in order if name in of_run} for run, of_run in found.items()}
