"""A run that another store recorded comes into this one, with all its facts and their times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert, select

from mlops_nb.metadata import tables as t
from mlops_nb.metadata.contents import environment_hash, parameter_row, record_artifact_rows, write_scraps
from mlops_nb.metadata.database import Database, insert_new
from mlops_nb.metadata.records import Scrap
from mlops_nb.metadata.rows import run_row

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mlops_nb.metadata.records import RunRecord


class Adoption(Database):
    """The part of a store that takes runs in."""

    def adopt(self, record: RunRecord) -> bool:
        """Record a run as another store has it, in one transaction; say whether it was not here yet.

        A step that was cached there stands by itself here: the run that did its work need not have come along.

        Raises
        ------
        UsageError
            When a value of it is no JSON.
        """
        run = record.run
        with self._write() as connection:
            if connection.execute(select(t.run.c.id).where(t.run.c.id == run.id)).first() is not None:
                return False
            version = {"name": run.pipeline, "hash": run.version, "dag": record.version.dag, "created": run.started}
            connection.execute(insert_new(connection, t.pipeline_version), version)
            connection.execute(insert(t.run), run_row(run, environment_hash(connection, record.environment)))
            steps = {item.step: _add_step(connection, record, item.step) for item in record.steps}
            rows = [parameter_row(run.id, parameter) for parameter in record.parameters]
            if rows:
                connection.execute(insert(t.parameter), rows)
            for step, number in steps.items():
                scraps = [Scrap(item.name, item.value, item.kind) for item in record.scraps if item.step == step]
                write_scraps(connection, run.id, number, run.pipeline, scraps)
            _add_links(connection, record, steps)
            notes = [{"run": run.id, **vars(item)} for item in record.history]
            if notes:
                connection.execute(insert(t.execution_event), notes)
        return True


def _add_step(connection: Connection, record: RunRecord, name: str) -> int:
    step = next(item for item in record.steps if item.step == name)
    row = {
        "run": record.run.id,
        "pipeline": record.run.pipeline,
        "step": step.step,
        "attempt": step.attempt,
        "position": step.position,
        "version": step.version,
        "status": step.status,
        "key": step.key,
        "key_components": step.key_components,
        "outcome": step.outcome,
        "started": step.started,
        "finished": step.finished,
        "seconds": step.seconds,
        "notebook": step.notebook,
        "error": step.error and vars(step.error),
        "reason": step.reason,
    }
    return int(connection.execute(insert(t.step_run).returning(t.step_run.c.id), row).scalar_one())


def _add_links(connection: Connection, record: RunRecord, steps: dict[str, int]) -> None:
    links = record.artifacts
    artifacts = {link.artifact.hash: link.artifact for link in links}
    record_artifact_rows(connection, artifacts.values(), record.run.started)
    rows = [
        {
            "run": record.run.id,
            "step_run": None if link.step is None else steps[link.step],
            "artifact": link.artifact.hash,
            "direction": link.direction,
            "name": link.name,
            "at": link.at,
        }
        for link in links
    ]
    if rows:
        connection.execute(insert(t.event), rows)
