"""A step that need not run: it stands on an earlier step run, whose results become its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, insert, literal, select, update

from mlops_nb.metadata import tables as t
from mlops_nb.metadata.errors import AlreadyEnded, UnknownRecord
from mlops_nb.metadata.finding import require_step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Connection


def reuse(connection: Connection, run_id: str, sources: Mapping[str, int], reason: str, at: datetime) -> None:
    """Turn pending steps into cached ones, in a handful of statements however many they are.

    Raises
    ------
    UnknownRecord
        When the run, one of the steps or one of the sources is unknown.
    AlreadyEnded
        When one of the steps is not pending.
    """
    work = _originals(connection, sources)
    for step in _not_pending(connection, run_id, sources):
        found = require_step(connection, run_id, step)
        message = f"Step `{step}` of run `{run_id}` cannot be reused: it is {found.status}."
        raise AlreadyEnded(message)
    connection.execute(
        update(t.step_run)
        .where(
            t.step_run.c.run == run_id,
            t.step_run.c.step == bindparam("of_step"),
            t.step_run.c.status == "pending",
        )
        .values(status="cached", started=at, finished=at, seconds=0.0, reason=reason),
        [
            {
                "of_step": step,
                "cached_from": work[source].id,
                "key": work[source].key,
                "key_components": work[source].key_components,
                "outcome": work[source].outcome,
                "notebook": work[source].notebook,
            }
            for step, source in sources.items()
        ],
    )
    _copy_results(connection, run_id, list(sources), at)


def _not_pending(connection: Connection, run_id: str, steps: Mapping[str, int]) -> list[str]:
    query = select(t.step_run.c.step).where(t.step_run.c.run == run_id, t.step_run.c.status == "pending")
    pending = set(connection.scalars(query.with_for_update()))
    return [step for step in steps if step not in pending]


def _originals(connection: Connection, sources: Mapping[str, int]) -> dict[int, Any]:
    """Return, for the id of each source, the step run that did the work."""
    source, original = t.step_run.alias("source"), t.step_run.alias("original")
    did_the_work = original.c.id == source.c.id
    if_cached = original.c.id == source.c.cached_from
    query = select(
        source.c.id.label("source"),
        original.c.id,
        original.c.key,
        original.c.key_components,
        original.c.outcome,
        original.c.notebook,
    ).where(
        source.c.id.in_(set(sources.values())),
        (source.c.cached_from.is_(None) & did_the_work) | if_cached,
    )
    found = {row.source: row for row in connection.execute(query)}
    for step, wanted in sources.items():
        if wanted not in found:
            message = f"Step `{step}` cannot be reused: the metadata store has no step run {wanted}."
            raise UnknownRecord(message)
    return found


def _copy_results(connection: Connection, run_id: str, steps: list[str], at: datetime) -> None:
    new, these = (
        t.step_run,
        and_(t.step_run.c.run == run_id, t.step_run.c.step.in_(steps), t.step_run.c.status == "cached"),
    )
    for table, columns, given in (
        (t.scrap, ["name", "value", "kind"], {}),
        (t.metric, ["pipeline", "name", "value"], {"run": literal(run_id)}),
        (t.event, ["artifact", "direction", "name"], {"run": literal(run_id), "at": literal(at, t.event.c.at.type)}),
    ):
        taken = select(new.c.id, *(table.c[column] for column in columns), *given.values())
        taken = taken.where(these, table.c.step_run == new.c.cached_from).order_by(table.c.id)
        connection.execute(insert(table).from_select(["step_run", *columns, *given], taken))
