"""Many runs at a glance: what each was given, measured, published and registered, in a handful of queries for all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, union_all

from mlops_nb.metadata import tables as t
from mlops_nb.metadata.database import Database
from mlops_nb.metadata.rows import liveness, run_of, standing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlops_nb.metadata.records import Run

# Neither database takes a list of any length.
_AT_ONCE = 500
_TABLE = "dataset"
# Numbers inside their scraps, as bytes and rows, tell of an artifact and measure nothing.
_PUBLISHED = (_TABLE, "model", "figure")


@dataclass(frozen=True)
class PublishedTable:
    """A dataset that a step published: its name there, its artifact, and the names of its columns."""

    name: str
    step: str
    artifact: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class RunFacts:
    """A run with what tells it from others.

    `parameters` are those of the whole run, and no secrets; `metrics` by their dotted names, of several of one name the
    last; `models` the versions as `(model, version)` that it made, or made again.
    """

    run: Run
    parameters: Mapping[str, Any] = field(hash=False)
    metrics: Mapping[str, float] = field(hash=False)
    tables: tuple[PublishedTable, ...] = ()
    models: tuple[tuple[str, int], ...] = ()


class Overview(Database):
    """The part of a store that reads many runs side by side."""

    def facts_of(self, runs: Iterable[str]) -> dict[str, RunFacts]:
        """Return what tells runs from each other, by their exact ids; an id that no run has is left out."""
        wanted = list(dict.fromkeys(runs))
        gone = liveness()
        found: dict[str, RunFacts] = {}
        with self._read() as connection:
            for part in _parts(wanted):
                parameters: dict[str, dict[str, Any]] = {run: {} for run in part}
                metrics: dict[str, dict[str, float]] = {run: {} for run in part}
                tables: dict[str, dict[tuple[str, str], PublishedTable]] = {run: {} for run in part}
                published: dict[str, set[str]] = {run: set() for run in part}
                models: dict[str, list[tuple[str, int]]] = {run: [] for run in part}
                p, s, m, c = t.parameter.c, t.step_run.c, t.metric.c, t.scrap.c
                given = select(p.run, p.name, p.value).where(p.run.in_(part), p.step.is_(None), ~p.secret)
                for run, name, value in connection.execute(given.order_by(p.id)):
                    parameters[run][name] = value
                of_part = (s.run.in_(part), standing())
                measured = select(s.run, m.name, m.value).join_from(t.step_run, t.metric, m.step_run == s.id)
                for run, name, value in connection.execute(measured.where(*of_part).order_by(s.position, m.id)):
                    metrics[run][name] = value
                glued = select(s.run, s.step, c.name, c.value, c.kind).join_from(
                    t.step_run, t.scrap, c.step_run == s.id
                )
                glued = glued.where(*of_part, c.kind.in_(_PUBLISHED)).order_by(s.position, c.id)
                for run, step, name, value, kind in connection.execute(glued):
                    published[run].add(name)
                    if kind == _TABLE and isinstance(value, dict) and "artifact" in value:
                        columns = tuple(str(column["name"]) for column in value.get("columns") or ())
                        tables[run][step, name] = PublishedTable(name, step, value["artifact"], columns)
                v, r = t.model_version.c, t.model_reproduction.c
                made = union_all(
                    select(v.run, v.model, v.version).where(v.run.in_(part)),
                    select(r.run, r.model, r.version).where(r.run.in_(part)),
                )
                for run, model, version in connection.execute(made):
                    models[run].append((model, version))
                for row in connection.execute(select(t.run).where(t.run.c.id.in_(part))):
                    of_run = tuple(tables[row.id].values())
                    made_by_run = tuple(dict.fromkeys(models[row.id]))
                    own = {
                        name: value
                        for name, value in metrics[row.id].items()
                        if name.partition(".")[0] not in published[row.id]
                    }
                    found[row.id] = RunFacts(run_of(row, gone), parameters[row.id], own, of_run, made_by_run)
        return {run: found[run] for run in wanted if run in found}


def _parts(items: list[str]) -> Iterator[list[str]]:
    return (items[at : at + _AT_ONCE] for at in range(0, len(items), _AT_ONCE))
