"""From a row of a table to the value that callers see; a run whose process is gone shows as `died`."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from mlops_nb.metadata import tables as t
from mlops_nb.metadata.liveness import is_gone
from mlops_nb.metadata.records import Artifact, GitState, Link, Origin, Parameter, Run, StepError, StepRun, Who

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import ColumnElement, Row, Select


def liveness() -> Callable[[Who], bool]:
    """Return a check whether a process is gone that looks at each process once."""
    return cache(is_gone)


def who_of(row: Row[*tuple[Any, ...]]) -> Who:
    """Return the process that a run belongs to."""
    return Who(row.who_user, row.who_host, row.who_pid, row.who_process)


def run_of(row: Row[*tuple[Any, ...]], gone: Callable[[Who], bool]) -> Run:
    """Return a run, `died` if its record says running and its process is gone."""
    who = who_of(row)
    died = row.status == "running" and gone(who)
    return Run(
        id=row.id,
        pipeline=row.pipeline,
        version=row.version,
        notebook=row.notebook,
        status="died" if died else row.status,
        started=row.started,
        finished=row.finished,
        who=who,
        origin=Origin(row.origin_kind, row.origin_detail),
        executor=row.executor,
        git=None if row.git_commit is None else GitState(row.git_commit, row.git_dirty, row.git_diff_hash),
        why=row.why,
        reason=row.reason,
    )


def run_row(run: Run, environment: str) -> dict[str, Any]:
    """Return the row of a run, whose environment has that hash; `run_of` gives the run back."""
    return {
        "id": run.id,
        "pipeline": run.pipeline,
        "version": run.version,
        "notebook": run.notebook,
        "status": run.status,
        "started": run.started,
        "finished": run.finished,
        "who_user": run.who.user,
        "who_host": run.who.host,
        "who_pid": run.who.pid,
        "who_process": run.who.process,
        "origin_kind": run.origin.kind,
        "origin_detail": run.origin.detail,
        "executor": run.executor,
        "git_commit": run.git and run.git.commit,
        "git_dirty": run.git and run.git.dirty,
        "git_diff_hash": run.git and run.git.diff_hash,
        "environment": environment,
        "why": run.why,
        "reason": run.reason,
    }


def step_run_of(row: Row[*tuple[Any, ...]], *, run_died: bool = False) -> StepRun:
    """Return a step run; the step that was running when its run's process died has died with it."""
    values = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name for it
    if run_died and row.status == "running":
        values["status"] = "died"
    values["error"] = None if row.error is None else StepError(**row.error)
    return StepRun(**values)


def parameter_of(row: Row[*tuple[Any, ...]]) -> Parameter:
    """Return a parameter as it was recorded."""
    return Parameter(name=row.name, type=row.type, value=row.value, source=row.source, step=row.step, secret=row.secret)


def link_of(row: Row[*tuple[Any, ...]]) -> Link:
    """Return an event with its artifact, from a row of `links()`."""
    run, step, _, direction, name, at, *artifact = row
    return Link(run, step, direction, name, Artifact(*artifact), at)


def standing() -> ColumnElement[bool]:
    """Return the condition that a step run, where there is one, was not withdrawn."""
    return func.coalesce(t.step_run.c.status, "") != "withdrawn"


def links() -> Select[Any]:
    """Return the query for events with their artifacts, to be narrowed and ordered."""
    return (
        select(
            t.event.c.run,
            t.step_run.c.step,
            t.event.c.step_run,
            t.event.c.direction,
            t.event.c.name,
            t.event.c.at,
            *t.artifact.c,
        )
        .select_from(t.event)
        .join(t.artifact, t.event.c.artifact == t.artifact.c.hash)
        .outerjoin(t.step_run, t.event.c.step_run == t.step_run.c.id)
    )
