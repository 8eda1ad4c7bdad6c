"""Lineage: from a run to what it took and gave, and from an artifact to every run that touched it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from mlops_nb.metadata import tables as t
from mlops_nb.metadata.database import Database
from mlops_nb.metadata.errors import UnknownRecord
from mlops_nb.metadata.finding import find_run
from mlops_nb.metadata.records import Artifact
from mlops_nb.metadata.rows import link_of, links, standing

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Select

    from mlops_nb.metadata.records import Direction, Link


class Lineage(Database):
    """The part of a store that follows artifacts."""

    def artifacts_of(self, run: str, direction: Direction | None = None) -> tuple[Link, ...]:
        """Return what a run (id or unique start of it) took in and gave out, in the order of recording.

        Raises
        ------
        UnknownRecord
            When there is no such run.
        """
        with self._read() as connection:
            query = links().where(t.event.c.run == find_run(connection, run), standing()).order_by(t.event.c.id)
            return tuple(link_of(row) for row in connection.execute(_only(query, direction)))

    def uses_of(self, artifact: str, direction: Direction | None = None) -> tuple[Link, ...]:
        """Return every event of an artifact, newest first; `direction="output"` tells who made it."""
        query = links().where(t.event.c.artifact == artifact).order_by(t.event.c.id.desc())
        with self._read() as connection:
            return tuple(link_of(row) for row in connection.execute(_only(query, direction)))

    def outputs_of(self, step_runs: Iterable[int]) -> dict[int, dict[str, Artifact]]:
        """Return the outputs of step runs by name, for each id that was asked for. One query."""
        found: dict[int, dict[str, Artifact]] = {step_run: {} for step_run in step_runs}
        query = links().where(t.event.c.step_run.in_(found)).order_by(t.event.c.id)
        with self._read() as connection:
            for row in connection.execute(_only(query, "output")):
                link = link_of(row)
                found[row.step_run][link.name] = link.artifact
        return found

    def run_of_step(self, step_run: int) -> str:
        """Return the id of the run that a step run belongs to.

        Raises
        ------
        UnknownRecord
            When there is no such step run.
        """
        with self._read() as connection:
            found = connection.execute(select(t.step_run.c.run).where(t.step_run.c.id == step_run)).scalar_one_or_none()
        if found is None:
            message = f"The metadata store has no step run {step_run}."
            raise UnknownRecord(message)
        return str(found)

    def artifact(self, digest: str) -> Artifact | None:
        """Return the artifact with this hash, or None."""
        with self._read() as connection:
            row = connection.execute(select(t.artifact).where(t.artifact.c.hash == digest)).one_or_none()
            return None if row is None else Artifact(*row)


def _only(query: Select[Any], direction: Direction | None) -> Select[Any]:
    return query if direction is None else query.where(t.event.c.direction == direction)
