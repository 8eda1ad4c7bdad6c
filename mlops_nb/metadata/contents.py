"""The rows that hang on a run: parameters, scraps and their metrics, artifacts and their events, environments."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert

from mlops_nb.errors import UsageError
from mlops_nb.metadata import tables as t
from mlops_nb.metadata.database import insert_new
from mlops_nb.metadata.json_values import numbers, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from sqlalchemy import Connection

    from mlops_nb.metadata.records import Artifact, Direction, Parameter, Scrap

_REFERENCE = re.compile(r"(env|file):.+", re.DOTALL)


def parameter_row(run_id: str, parameter: Parameter) -> dict[str, Any]:
    """Return a parameter's row; the value of a secret must be a reference.

    Raises
    ------
    UsageError
        When the value is no JSON, or a secret's value is not a reference. The message does not show the value.
    """
    is_reference = isinstance(parameter.value, str) and _REFERENCE.fullmatch(parameter.value)
    if parameter.secret and not is_reference:
        message = f"Parameter `{parameter.name}` is a secret, and its value is not a reference."
        raise UsageError(
            message,
            hint="Give the place of the secret, `env:NAME` or `file:PATH`, not the secret.",
        )
    return {
        "run": run_id,
        "step": parameter.step,
        "name": parameter.name,
        "type": parameter.type,
        "value": plain(parameter.value, f"parameter `{parameter.name}`"),
        "source": parameter.source,
        "secret": parameter.secret,
    }


def write_scraps(connection: Connection, run_id: str, step_run_id: int, pipeline: str, scraps: Iterable[Scrap]) -> None:
    """Write scraps, and every finite number in them as a metric; NaN cannot be ranked and stays in the scrap."""
    rows = [
        {
            "step_run": step_run_id,
            "name": scrap.name,
            "value": plain(scrap.value, f"scrap `{scrap.name}`"),
            "kind": scrap.kind,
        }
        for scrap in scraps
    ]
    if not rows:
        return
    connection.execute(insert(t.scrap), rows)
    metrics = [
        {"step_run": step_run_id, "run": run_id, "pipeline": pipeline, "name": name, "value": value}
        for row in rows
        for name, value in numbers(row["name"], row["value"])
    ]
    if metrics:
        connection.execute(insert(t.metric), metrics)


def record_artifact_rows(connection: Connection, artifacts: Iterable[Artifact], at: datetime) -> None:
    """Write artifacts that are not there yet."""
    rows = [{**vars(artifact), "created": artifact.created or at} for artifact in artifacts]
    if rows:
        # In one order everywhere, so that two writers in PostgreSQL never wait for each other.
        connection.execute(insert_new(connection, t.artifact), sorted(rows, key=lambda row: str(row["hash"])))


def link_artifacts(  # noqa: PLR0913, PLR0917 - the columns of an event
    connection: Connection,
    run_id: str,
    step_run_id: int | None,
    direction: Direction,
    artifacts: Mapping[str, Artifact],
    at: datetime,
) -> None:
    """Write artifacts and the events that take them in or out."""
    if not artifacts:
        return
    record_artifact_rows(connection, artifacts.values(), at)
    events = [
        {
            "run": run_id,
            "step_run": step_run_id,
            "artifact": artifact.hash,
            "direction": direction,
            "name": name,
            "at": at,
        }
        for name, artifact in artifacts.items()
    ]
    connection.execute(insert(t.event), events)


def environment_hash(connection: Connection, environment: Mapping[str, Any]) -> str:
    """Write an environment, if it is new, and return its hash: most runs share one."""
    content = plain(environment, "the environment")
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode("ascii")).hexdigest()
    connection.execute(insert_new(connection, t.environment), {"hash": digest, "content": content})
    return digest
