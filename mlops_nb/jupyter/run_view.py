"""A run as the front end shows it: its record, and what its events say of a step that goes on."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from mlops_nb.report.tables import PARQUET

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from mlops_nb.execution.deciding import Waiting
    from mlops_nb.jupyter.jobs import Job
    from mlops_nb.jupyter.paths import Root
    from mlops_nb.metadata import Link, RecordedVerdict, Run, RunRecord, StepRun

PICTURES = frozenset({"image/png", "image/svg+xml", "image/jpeg"})
_RESUMABLE = frozenset({"failed", "cancelled", "paused", "died"})


def run_summary(run: Run, root: Root, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a run as a list shows it."""
    return {
        "id": run.id,
        "pipeline": run.pipeline,
        "notebook": root.path_of(run.notebook),
        "status": run.status,
        "started": run.started.isoformat(),
        "finished": _time(run.finished),
        "seconds": run.seconds,
        "user": run.who.user,
        "origin": asdict(run.origin),
        "why": run.why,
        "reason": run.reason,
        "resumable": run.status in _RESUMABLE,
        "values": dict(values or {}),
    }


def job_summary(job: Job, root: Root, pipeline: str) -> dict[str, Any]:
    """Return a run that is not recorded: it has not begun, or was refused."""
    error = job.error()
    return {
        "id": job.id,
        "pipeline": pipeline,
        "notebook": root.path_of(job.asked["notebook"]),
        "status": "starting" if job.status == "running" else "refused",
        "started": job.asked["at"],
        "finished": None,
        "seconds": None,
        "user": "" if job.who is None else job.who.user,
        "origin": {"kind": "jupyter", "detail": job.asked.get("origin", "")},
        "why": job.asked.get("why") or "",
        "reason": "" if error is None else f"{error['message']} {error['hint']}".strip(),
        "resumable": False,
        "values": {},
    }


def unrecorded(job: Job, root: Root, pipeline: str, events: int) -> dict[str, Any]:
    """Return the detail of a run that is not recorded."""
    return {
        "run": job_summary(job, root, pipeline),
        "steps": [],
        "edges": [],
        "parameters": [],
        "scraps": [],
        "models": [],
        "verdicts": [],
        "history": [],
        "git": None,
        "environment": {},
        "report": "",
        "resumes": job.asked.get("of", ""),
        "waits": [],
        "events": events,
    }


def run_detail(  # noqa: PLR0913 - what is known of a run
    record: RunRecord,
    root: Root,
    project: str,
    *,
    events: Sequence[Mapping[str, Any]],
    verdicts: Iterable[RecordedVerdict],
    waits: Iterable[Waiting],
    models: Iterable[str],
) -> dict[str, Any]:
    """Return all that is known of a run.

    Parameters
    ----------
    record
        The run.
    root
        The server's root.
    project
        The path that tells the run's project to this API.
    events
        What happened in it.
    verdicts
        What judges said in it.
    waits
        The steps at which it was held up for a person.
    models
        The model versions that it made, as `name@3`.
    """
    here = f"runs/{record.run.id}"
    project_query = f"?{urlencode({'path': project})}"
    done = _cells(events)
    return {
        "run": run_summary(record.run, root),
        "steps": [_step(step, record, here, project_query, done) for step in record.steps],
        "edges": [[str(one), str(other)] for one, other in record.version.dag.get("edges", ())],
        "parameters": [asdict(item) for item in record.parameters],
        "scraps": [asdict(scrap) for scrap in record.scraps if not _is_reference(scrap.value)],
        "models": [{"model": name.rpartition("@")[0], "version": int(name.rpartition("@")[2])} for name in models],
        "verdicts": [verdict_view(item) for item in verdicts],
        "history": [{**asdict(line), "at": line.at.isoformat()} for line in record.history],
        "git": None if record.run.git is None else asdict(record.run.git),
        "environment": dict(record.environment),
        "report": f"{here}/report{project_query}",
        "resumes": record.resumes,
        "waits": [item.as_dict() for item in waits],
        "events": events[-1]["seq"] if events else 0,
    }


def verdict_view(verdict: RecordedVerdict) -> dict[str, Any]:
    """Return a recorded verdict."""
    return {**asdict(verdict), "at": verdict.at.isoformat()}


def shown_artifacts(record: RunRecord) -> list[Link]:
    """Return the figures and tables that a run published, the only content of it that this API gives out."""
    return [
        link
        for link in record.artifacts
        if link.direction == "output" and link.step is not None
        if (link.artifact.kind == "figure" and link.artifact.media_type in PICTURES)
        or (link.artifact.kind == "dataset" and link.artifact.media_type == PARQUET)
    ]


def _step(
    step: StepRun, record: RunRecord, here: str, project: str, done: Mapping[str, Mapping[str, int]]
) -> dict[str, Any]:
    own = [link for link in shown_artifacts(record) if link.step == step.step]
    names = {link.name for link in own}
    links = {
        kind: [
            {
                "name": link.name,
                "hash": link.artifact.hash,
                "media_type": link.artifact.media_type,
                "bytes": link.artifact.bytes,
                "rows": link.artifact.rows,
                "href": f"{here}/artifacts/{link.artifact.hash}{project}",
            }
            for link in own
            if link.artifact.kind == kind
            # The second form of a figure is the same figure.
            if not (link.name.endswith(".svg") and link.name.removesuffix(".svg") in names)
        ]
        for kind in ("figure", "dataset")
    }
    error = step.error
    told = {
        "name": step.step,
        "status": step.status,
        "seconds": step.seconds,
        "started": _time(step.started),
        "finished": _time(step.finished),
        "reason": step.reason,
        "attempt": step.attempt,
        "cached": step.status == "cached",
        "notebook": f"{here}/steps/{quote(step.step, safe='')}/notebook{project}" if step.notebook else None,
        "error": None
        if error is None
        else {
            "cell": error.cell_id,
            "cell_number": error.cell_number,
            "ename": error.ename,
            "evalue": error.evalue,
            "traceback": error.traceback,
        },
        "metrics": {
            scrap.name: scrap.value
            for scrap in record.scraps
            if scrap.step == step.step and isinstance(scrap.value, int | float) and not isinstance(scrap.value, bool)
        },
        "figures": links["figure"],
        "tables": links["dataset"],
    }
    return told | {"cells": done.get(step.step, {"done": 0, "of": 0})}


def _cells(events: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, int]]:
    """Return for each step how many of its cells are done, by the events so far."""
    found: dict[str, dict[str, int]] = {}
    for event in events:
        step = event.get("step", "")
        if event["kind"] == "step-started":
            found[step] = {"done": 0, "of": event.get("cells", 0)}
        elif event["kind"] == "cell-done" and step in found:
            found[step]["done"] = event["cell"]
    return found


def _is_reference(value: Any) -> bool:
    return isinstance(value, dict) and "artifact" in value


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()
