"""What whoever tidies up asks of the log, and the facts it leaves there: died runs are closed, nothing is removed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import Text, func, select, text, type_coerce, update

from mlops_nb.metadata import tables as t
from mlops_nb.metadata.database import Database, now
from mlops_nb.metadata.errors import AlreadyEnded
from mlops_nb.metadata.finding import require_run
from mlops_nb.metadata.rows import liveness, standing, who_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Connection

    from mlops_nb.metadata.records import RunStatus, Who

# Lines of a run's history: its files were removed by `gc`; content that it refers to is lost for good, named in `why`.
SWEPT = "swept"
LOST = "lost"
_OPEN = ("pending", "running")
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
# What a message shows of an integrity check; a damaged file has thousands of lines.
_SHOWN = 5


@dataclass(frozen=True)
class RunOutline:
    """What is asked of a run to say whether it is kept: `swept` when its files were removed, `lost` what is known gone.

    `models` are the versions that it made, as `NAME VERSION`.
    """

    id: str
    pipeline: str
    status: RunStatus
    started: datetime
    finished: datetime | None
    who: Who
    swept: bool = False
    lost: frozenset[str] = frozenset()
    models: tuple[str, ...] = ()


@dataclass(frozen=True)
class StepResult:
    """What a step run left: `outcome` as text, `artifacts` by direction and name, the executed notebook.

    `newest` when it is the newest of its step that a later run could take over.
    """

    run: str
    step: str
    status: str
    outcome: str
    notebook: str
    newest: bool
    artifacts: dict[str, tuple[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class KeptModel:
    """The content of a model version: `artifacts` by name, with the aliases that point to it."""

    model: str
    version: int
    run: str | None
    artifacts: dict[str, str]
    aliases: tuple[str, ...]


class Upkeep(Database):
    """The part of a store that tidying asks."""

    def outlines(self) -> tuple[RunOutline, ...]:
        """Return every run, newest first."""
        gone = liveness()
        r, m = t.run.c, t.model_version.c
        columns = (r.id, r.pipeline, r.status, r.started, r.finished, r.who_user, r.who_host, r.who_pid, r.who_process)
        models: dict[str, list[str]] = {}
        with self._read() as connection:
            swept, lost = _told(connection)
            for run, model, version in connection.execute(select(m.run, m.model, m.version).where(m.run.is_not(None))):
                models.setdefault(run, []).append(f"{model} {version}")
            found = connection.execute(select(*columns).order_by(r.started.desc(), r.id.desc()))
            return tuple(
                RunOutline(
                    row.id,
                    row.pipeline,
                    "died" if row.status == "running" and gone(who_of(row)) else row.status,
                    row.started,
                    row.finished,
                    who_of(row),
                    row.id in swept,
                    frozenset(lost.get(row.id, ())),
                    tuple(models.get(row.id, ())),
                )
                for row in found
            )

    def step_results(self) -> tuple[StepResult, ...]:
        """Return what every step run left that was not withdrawn."""
        s, e = t.step_run.c, t.event.c
        succeeded = s.status.in_(("succeeded", "cached"))
        newest = select(func.max(s.id)).where(succeeded).group_by(s.pipeline, s.step, s.status)
        query = select(s.id, s.run, s.step, s.status, type_coerce(s.outcome, Text).label("outcome"), s.notebook)
        links = select(e.step_run, e.direction, e.name, e.artifact, t.artifact.c.kind).join(t.artifact)
        with self._read() as connection:
            best = set(connection.scalars(newest))
            found = {
                row.id: StepResult(row.run, row.step, row.status, row.outcome, row.notebook, row.id in best)
                for row in connection.execute(query.where(standing()))
            }
            for step_run, direction, name, digest, kind in connection.execute(links.where(e.step_run.is_not(None))):
                if step_run in found:
                    found[step_run].artifacts[f"{direction} {name}"] = (kind, digest)
        return tuple(found.values())

    def run_artifacts(self) -> tuple[tuple[str, str, str, str], ...]:
        """Return what belongs to whole runs: run, name, kind and digest of each artifact."""
        e = t.event.c
        query = select(e.run, e.name, t.artifact.c.kind, e.artifact).join(t.artifact).where(e.step_run.is_(None))
        with self._read() as connection:
            return tuple((row.run, row.name, row.kind, row.artifact) for row in connection.execute(query))

    def kept_models(self) -> tuple[KeptModel, ...]:
        """Return the content of every model version, and the data it was judged on; a version is never removed."""
        m, a = t.model_version.c, t.alias_move.c
        latest = select(func.max(a.id)).group_by(a.model, a.alias)
        aliases: dict[tuple[str, int], list[str]] = {}
        with self._read() as connection:
            for model, alias, version in connection.execute(
                select(a.model, a.alias, a.version).where(a.id.in_(latest), a.version.is_not(None))
            ):
                aliases.setdefault((model, version), []).append(alias)
            judged = _judged_on(connection)
            query = select(m.model, m.version, m.run, m.artifact, m.sample_input).order_by(m.model, m.version)
            return tuple(
                KeptModel(
                    row.model,
                    row.version,
                    row.run,
                    {"model": row.artifact}
                    | ({"sample input": row.sample_input} if row.sample_input else {})
                    | judged.get((row.model, row.version), {}),
                    tuple(sorted(aliases.get((row.model, row.version), ()))),
                )
                for row in connection.execute(query)
            )

    def note_swept(self, runs: Iterable[str], why: str) -> None:
        """Record of runs that their files are removed: all at once, before the first is."""
        self._tell(runs, SWEPT, why)

    def note_lost(self, run: str, digests: Iterable[str], why: str) -> None:
        """Record of a run that content it refers to is lost."""
        self._tell([run], LOST, f"{why}: {', '.join(digests)}")

    def close_died(self, run_id: str, last_seen: datetime, why: str) -> None:
        """Record that a run has died, which its process could not do any more; the step that was running died with it.

        Parameters
        ----------
        last_seen
            The run's last sign of life: the best that is known of when it, and the step that was running, ended.

        Raises
        ------
        UnknownRecord
            When there is no such run.
        AlreadyEnded
            When it has ended meanwhile.
        """
        s = t.step_run.c
        at, who = now(), str(self.who)
        with self._write() as connection:
            found = require_run(connection, run_id)
            if found.status != "running":
                message = f"Run `{run_id}` has already ended: it is {found.status}."
                raise AlreadyEnded(message)
            connection.execute(
                update(t.run).where(t.run.c.id == run_id).values(status="died", finished=last_seen, reason=why)
            )
            left = connection.execute(
                select(s.id, s.step, s.status, s.started)
                .where(s.run == run_id, s.status.in_(_OPEN))
                .order_by(s.position)
            ).all()
            events = []
            for step in left:
                ended = {"status": "died" if step.status == "running" else "cancelled", "finished": last_seen}
                if step.started is not None:
                    ended["seconds"] = max(0.0, (last_seen - step.started).total_seconds())
                connection.execute(update(t.step_run).where(s.id == step.id).values(ended))
                events.append({"step": step.step, "status": ended["status"], "why": "the run died"})
            events.append({"step": None, "status": "died", "why": why})
            rows = [{"run": run_id, "at": at, "who": who, **event} for event in events]
            connection.execute(t.execution_event.insert(), rows)

    def damage(self) -> tuple[str, ...]:
        """Return what the database finds wrong with its own file; PostgreSQL looks after its files itself."""
        if self._served:
            return ()
        with self._read() as connection:
            said = [str(line) for line in connection.scalars(text("PRAGMA integrity_check"))]
            if said != ["ok"]:
                return tuple(said[:_SHOWN])
            broken = connection.execute(text("PRAGMA foreign_key_check")).all()
            return tuple(
                f"a row of `{row[0]}` refers to a row of `{row[2]}` that is not there" for row in broken[:_SHOWN]
            )

    def _tell(self, runs: Iterable[str], what: str, why: str) -> None:
        at, who = now(), str(self.who)
        rows = [{"run": run, "step": None, "status": what, "at": at, "who": who, "why": why} for run in runs]
        with self._write() as connection:
            if rows:
                connection.execute(t.execution_event.insert(), rows)


def _told(connection: Connection) -> tuple[set[str], dict[str, set[str]]]:
    """Return the runs that were swept, and what each run is known to have lost."""
    e = t.execution_event.c
    swept, lost = set(), dict[str, set[str]]()
    query = select(e.run, e.status, e.why).where(e.step.is_(None), e.status.in_((SWEPT, LOST)))
    for run, status, why in connection.execute(query):
        if status == SWEPT:
            swept.add(run)
        else:
            lost.setdefault(run, set()).update(_DIGEST.findall(why))
    return swept, lost


def _judged_on(connection: Connection) -> dict[tuple[str, int], dict[str, str]]:
    """Return for each model version the data that verdicts on it stand on: without it nothing is compared again."""
    v = t.verdict.c
    found: dict[tuple[str, int], dict[str, str]] = {}
    for model, version, content in connection.execute(
        select(v.model, v.version, v.content).where(v.version.is_not(None)).order_by(v.id)
    ):
        digest = content.get("evidence", {}).get("data")
        if isinstance(digest, str):
            held = found.setdefault((model, version), {})
            if digest not in held.values():
                held[f"evaluation data {len(held) + 1}" if held else "evaluation data"] = digest
    return found
