"""A run's record as JSON, and back: how a run leaves one store and comes into another.

Format 1. How it may change: a reader refuses a format it does not know, and keeps reading the old ones.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError
from mlops_nb.metadata.records import (
    Artifact,
    GitState,
    Link,
    Origin,
    Parameter,
    PipelineVersion,
    RecordedScrap,
    Run,
    RunRecord,
    StatusChange,
    StepError,
    StepRun,
    Who,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMAT = 1


class NotARecord(MlopsNbError):  # noqa: N818 - the name of the fact
    """What was given is no run's record that this version can read."""

    code = "not-a-record"


def record_to_json(record: RunRecord) -> str:
    """Return a record as JSON; equal records give equal text."""
    return json.dumps({"format": FORMAT, **asdict(record)}, default=_plain, sort_keys=True, indent=1) + "\n"


def record_from_json(text: str | bytes) -> RunRecord:
    """Return the record that `record_to_json` wrote.

    Raises
    ------
    NotARecord
        When it is none, or in a format of a newer version.
    """
    try:
        given: dict[str, Any] = json.loads(text)
        if given["format"] != FORMAT:
            message = f"The record is in format {given['format']}, and this version of mlops_nb reads {FORMAT}."
            raise NotARecord(message, hint="Install the mlops_nb that wrote it.")
        return _record(given)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        message = f"This is no record of a run ({type(error).__name__}: {error})."
        raise NotARecord(message, hint="Take a file that `mlops-nb pack` wrote.") from error


def _record(given: Mapping[str, Any]) -> RunRecord:
    run = given["run"]
    return RunRecord(
        run=Run(
            **{
                **_timed(run, "started", "finished"),
                "who": Who(**run["who"]),
                "origin": Origin(**run["origin"]),
                "git": GitState(**run["git"]) if run["git"] else None,
            }
        ),
        version=PipelineVersion(**given["version"]),
        environment=given["environment"],
        steps=tuple(_step(item) for item in given["steps"]),
        parameters=tuple(Parameter(**item) for item in given["parameters"]),
        scraps=tuple(RecordedScrap(**item) for item in given["scraps"]),
        artifacts=tuple(
            Link(**{**_timed(item, "at"), "artifact": Artifact(**_timed(item["artifact"], "created"))})
            for item in given["artifacts"]
        ),
        history=tuple(StatusChange(**_timed(item, "at")) for item in given["history"]),
    )


def _step(given: Mapping[str, Any]) -> StepRun:
    error = StepError(**given["error"]) if given["error"] else None
    return StepRun(**{**_timed(given, "started", "finished"), "error": error})


def _timed(given: Mapping[str, Any], *names: str) -> dict[str, Any]:
    times = {name: datetime.fromisoformat(given[name]) for name in names if given[name] is not None}
    return {**given, **times}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    message = f"{type(value).__name__} is no JSON"
    raise TypeError(message)
