"""What earlier runs of a step can tell the next one: whether it must run, because of what, and for how long.

Each question is asked for all steps of a pipeline in one query, which seeks a few rows for each step and never walks
through the history.
"""

from __future__ import annotations

import json
from statistics import median
from typing import TYPE_CHECKING

from sqlalchemy import JSON, String, bindparam, cast, column, func, or_, select

from mlops_nb.metadata import tables as t
from mlops_nb.metadata.database import Database
from mlops_nb.metadata.rows import step_run_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Connection, ScalarSelect, TableValuedAlias

    from mlops_nb.metadata.records import StepRun

# Seconds of how many successes are a step's usual ones.
_TYPICAL_OF = 5
_WITH_A_KEY = ("succeeded", "failed", "cached")
_PAST = t.step_run.alias("past")


class Precedents(Database):
    """The part of a store that plans are made from."""

    def latest_success(self, pipeline: str, step: str, key: str) -> StepRun | None:
        """Return the newest step run that did this work with this cache key, or None."""
        return self.latest_successes(pipeline, {step: key}).get(step)

    def latest_successes(self, pipeline: str, keys: Mapping[str, str]) -> dict[str, StepRun]:
        """Return, for each step whose cache key is known, the newest step run that did the work. One query."""
        known = {key for key in keys.values() if key}
        if not known:
            return {}
        newest = (
            select(func.max(_PAST.c.id))
            .where(_PAST.c.key.in_(known), _PAST.c.pipeline == pipeline, _PAST.c.status == "succeeded")
            .group_by(_PAST.c.key, _PAST.c.step)
        )
        with self._read() as connection:
            found = connection.execute(select(t.step_run).where(t.step_run.c.id.in_(newest)))
            return {row.step: step_run_of(row) for row in found if keys.get(row.step) == row.key}

    def worked_in(self, run: str) -> dict[str, str]:
        """Return for each step of a run the id of the run that did its work: an earlier one where it was cached."""
        own, done = t.step_run.alias("own"), t.step_run.alias("done")
        query = (
            select(own.c.step, func.coalesce(done.c.run, own.c.run))
            .select_from(own.outerjoin(done, own.c.cached_from == done.c.id))
            .where(own.c.run == run, own.c.status != "withdrawn")
        )
        with self._read() as connection:
            return {row.step: row[1] for row in connection.execute(query)}

    def last_step_run(self, pipeline: str, step: str) -> StepRun | None:
        """Return the newest run of a step that succeeded, failed or was cached, or None: to say what has changed."""
        return self.last_step_runs(pipeline, [step]).get(step)

    def last_step_runs(self, pipeline: str, steps: Iterable[str]) -> dict[str, StepRun]:
        """Return the `last_step_run` of each step that has one. One query."""
        with self._read() as connection:
            wanted = _each_of(connection, steps)
            newest = [_newest(wanted, pipeline, status) for status in _WITH_A_KEY]
            query = (
                select(t.step_run)
                .select_from(wanted)
                .join(t.step_run, or_(*(t.step_run.c.id == each for each in newest)))
                .order_by(t.step_run.c.id)
            )
            return {row.step: step_run_of(row) for row in connection.execute(query)}

    def typical_seconds(self, pipeline: str, steps: Iterable[str]) -> dict[str, float]:
        """Return the median seconds of the last five successes of each step that has one. One query."""
        seconds: dict[str, list[float]] = {}
        with self._read() as connection:
            wanted = _each_of(connection, steps)
            recent = [_newest(wanted, pipeline, "succeeded", before_it) for before_it in range(_TYPICAL_OF)]
            query = (
                select(t.step_run.c.step, t.step_run.c.seconds)
                .select_from(wanted)
                .join(t.step_run, or_(*(t.step_run.c.id == each for each in recent)))
                .where(t.step_run.c.seconds.is_not(None))
            )
            for step, taken in connection.execute(query):
                seconds.setdefault(step, []).append(taken)
        return {step: median(taken) for step, taken in seconds.items()}


def _newest(wanted: TableValuedAlias, pipeline: str, status: str, before_it: int = 0) -> ScalarSelect[int]:
    """Return the id of a wanted step's newest run of that status, or of the one so many before it.

    Looking up one id after another is what keeps both databases from walking through the whole pipeline's history.
    """
    same = (_PAST.c.pipeline == pipeline, _PAST.c.step == wanted.c.value, _PAST.c.status == status)
    newest_first = select(_PAST.c.id).where(*same).order_by(_PAST.c.id.desc())
    return newest_first.limit(1).offset(before_it).correlate(wanted).scalar_subquery()


def _each_of(connection: Connection, names: Iterable[str]) -> TableValuedAlias:
    """Return a table of names with the column `value`, made from one bound value however many they are."""
    text = bindparam(None, json.dumps(list(names)), String)
    if connection.dialect.name == "sqlite":
        each = func.json_each(text)
    else:
        each = func.json_array_elements_text(cast(text, JSON))
    return each.table_valued(column("value", String), name="wanted")
