"""Finding a run or a step by name, or saying which one was probably meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, select

from mlops_nb.errors import did_you_mean
from mlops_nb.metadata.errors import UnknownRecord
from mlops_nb.metadata.tables import run, step_run

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Row

_NEAR_AMONG = 1000
_SHOWN = 5

# Built once: every write asks for one of them, and building costs more than executing. `key_share`, because rows that
# refer to a locked one may still be written: two writers who each hold what the other refers to would wait for ever.
_RUN = (
    select(run.c.id, run.c.pipeline, run.c.status).where(run.c.id == bindparam("run")).with_for_update(key_share=True)
)
_STEP = (
    select(step_run.c.id, step_run.c.pipeline, step_run.c.status, step_run.c.started)
    .where(
        step_run.c.run == bindparam("run"),
        step_run.c.step == bindparam("step"),
        step_run.c.status != "withdrawn",
    )
    .with_for_update(key_share=True)
)


def require_run(connection: Connection, run_id: str) -> Row[str, str, str]:
    """Return id, pipeline and stored status of a run, kept from changing until a write transaction ends.

    Raises
    ------
    UnknownRecord
        When there is no such run; with the nearest recent one.
    """
    found = connection.execute(_RUN, {"run": run_id}).one_or_none()
    if found is None:
        raise _unknown_run(connection, run_id)
    return found


def find_run(connection: Connection, name: str) -> str:
    """Return the id of the run that has this id, or the only one whose id starts so.

    Raises
    ------
    UnknownRecord
        When there is none, with the nearest recent one; or when several start so, with some of them.
    """
    if connection.execute(select(run.c.id).where(run.c.id == name)).one_or_none() is not None:
        return name
    # Not LIKE, which in SQLite takes `a` for `A`.
    starts_so = func.substr(run.c.id, 1, len(name)) == name
    newest_first = (run.c.started.desc(), run.c.id.desc())
    found = connection.scalars(select(run.c.id).where(starts_so).order_by(*newest_first).limit(_SHOWN + 1)).all()
    if len(found) == 1:
        return str(found[0])
    if not found or not name:
        raise _unknown_run(connection, name)
    shown = ", ".join(f"`{run_id}`" for run_id in found[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
    message = f"Several runs start with `{name}`: {shown}."
    raise UnknownRecord(message, hint="Give more of the id.")


def require_step(connection: Connection, run_id: str, step: str) -> Row[int, str, str, datetime | None]:
    """Return id, pipeline, stored status and start of a step run, kept from changing until a write transaction ends.

    Raises
    ------
    UnknownRecord
        When there is no such run, or no such step in it; with the nearest.
    """
    found = connection.execute(_STEP, {"run": run_id, "step": step}).one_or_none()
    if found is None:
        require_run(connection, run_id)
        steps = connection.scalars(select(step_run.c.step).where(step_run.c.run == run_id))
        message = f"Run `{run_id}` has no step `{step}`.{did_you_mean(step, steps)}"
        raise UnknownRecord(message)
    return found


def _unknown_run(connection: Connection, run_id: str) -> UnknownRecord:
    recent = connection.scalars(select(run.c.id).order_by(run.c.started.desc()).limit(_NEAR_AMONG))
    return UnknownRecord(
        f"The metadata store has no run `{run_id}`.{did_you_mean(run_id, recent)}",
        hint="`mlops-nb runs` lists the runs.",
    )
