"""Runs that go on are looked at, and what happens in them is passed on as events of the Jupyter server.

What happened is in the run's folder, whoever runs it; here is only how far it was told. A front end that comes later,
or comes back, asks for the run and for the events after those that it has.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from mlops_nb.execution.events import read_events
from mlops_nb.metadata import UnknownRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops_nb.jupyter.jobs import Jobs
    from mlops_nb.jupyter.paths import Root
    from mlops_nb.project import Project

RUN_EVENT, JOB_EVENT = "urn:mlops-nb:run-event", "urn:mlops-nb:job-event"
_SCHEMAS = ("run_event.json", "job_event.json")
_LOOK_S = 0.25
# Whether a process still lives is asked this seldom.
_LOOKS_A_CHECK = 6
_ENDS = frozenset({"run-done", "run-refused"})


def event_schemas() -> tuple[dict[str, Any], ...]:
    """Return the schemas of the events."""
    here = files(__package__)
    return tuple(json.loads(here.joinpath(name).read_text(encoding="utf-8")) for name in _SCHEMAS)


def events_of(project: Project, jobs: Jobs, run: str, after: int = 0) -> tuple[list[dict[str, Any]], str]:
    """Return what happened in a run behind the event of that number, and the run's status.

    A run whose process died, or that was refused before it began, says so in a last event that nobody wrote down.

    Raises
    ------
    UnknownRecord
        When there is no such run.
    """
    job = jobs.find(project, run)
    status = _recorded(project, run)
    # The record first: what ends between the two looks has then its event, and not only its end.
    told = list(read_events(project.runs / run))
    if status is None and job is None:
        message = f"There is no run {run}."
        raise UnknownRecord(message)
    if status is None and job is not None:
        status = "starting" if job.status == "running" else "refused"
    ended = bool(told) and told[-1]["kind"] == "run-done"
    if status in {"died", "refused"} and not ended:
        error = job.error() if job is not None else None
        told.append(
            {
                "run": run,
                "seq": len(told) + 1,
                "kind": "run-done" if status == "died" else "run-refused",
                "status": str(status),
                "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "text": error["message"] if error is not None else "its process is gone",
            }
        )
    return [event for event in told if event["seq"] > after], str(status)


def _recorded(project: Project, run: str) -> str | None:
    if not project.has_log:
        return None
    with project.log() as log:
        try:
            record = log.run(run).run
        except UnknownRecord:
            return None
        return record.status if record.id == run else None


@dataclass
class _Followed:
    project: Project
    path: str | None
    seq: int = 0
    phase: str = ""
    over: bool = False


@dataclass
class Follower:
    """Looks at the runs and jobs of this server's projects for as long as they go on.

    Parameters
    ----------
    root, jobs
        The server's root, and its processes.
    emit
        Passes an event on: its schema's id, and its data.
    complain
        Told what went wrong while looking, which ends no run.
    """

    root: Root
    jobs: Jobs
    emit: Callable[[str, dict[str, Any]], None]
    complain: Callable[[str], None]
    _runs: dict[str, _Followed] = field(default_factory=dict)
    _verifying: dict[str, _Followed] = field(default_factory=dict)
    _task: asyncio.Task[None] | None = None

    def follow(self, project: Project, run: str, notebook: str, *, after: int = 0) -> None:
        """Pass on what happens in a run behind the event of that number; called on the server's loop."""
        self._runs.setdefault(run, _Followed(project, self.root.path_of(notebook), after))
        self._go_on()

    def follow_job(self, project: Project, job: str, notebook: str) -> None:
        """Pass on how a verification goes; called on the server's loop."""
        self._verifying.setdefault(job, _Followed(project, self.root.path_of(notebook)))
        self._go_on()

    def stop(self) -> None:
        """Look no further; what runs goes on."""
        if self._task is not None:
            self._task.cancel()

    def _go_on(self) -> None:
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._look())

    async def _look(self) -> None:
        loop, looks = asyncio.get_running_loop(), 0
        while self._runs or self._verifying:
            looks += 1
            try:
                found = await loop.run_in_executor(None, self._news, looks % _LOOKS_A_CHECK == 0)
                for schema, data in found:
                    self.emit(schema, data)
            except Exception as error:  # noqa: BLE001 - whatever it is, it ends no run, and the next look may succeed
                self.complain(f"What runs cannot be looked at: {type(error).__name__}: {error}")
            self._runs = {run: item for run, item in self._runs.items() if not item.over}
            self._verifying = {job: item for job, item in self._verifying.items() if not item.over}
            await asyncio.sleep(_LOOK_S)

    def _news(self, check: bool) -> list[tuple[str, dict[str, Any]]]:  # noqa: FBT001 - called in one place
        self.jobs.reap()
        found = [
            item for run, followed in list(self._runs.items()) for item in self._of_run(run, followed, check=check)
        ]
        return found + [item for job, followed in list(self._verifying.items()) for item in self._of_job(job, followed)]

    def _of_run(self, run: str, followed: _Followed, *, check: bool) -> list[tuple[str, dict[str, Any]]]:
        told = list(read_events(followed.project.runs / run, followed.seq))
        if not told and check:
            try:
                told, _ = events_of(followed.project, self.jobs, run, followed.seq)
            except UnknownRecord:
                followed.over = True
        place = {"path": followed.path} if followed.path is not None else {}
        for event in told:
            followed.seq = event["seq"]
            followed.over = followed.over or event["kind"] in _ENDS
        return [(RUN_EVENT, {**event, **place}) for event in told]

    def _of_job(self, job: str, followed: _Followed) -> list[tuple[str, dict[str, Any]]]:
        found = self.jobs.find(followed.project, job)
        if found is None:
            followed.over = True
            return []
        status, told = found.status, found.events()
        phase = told[-1]["phase"] if told else ""
        followed.over = status != "running"
        if phase == followed.phase and not followed.over:
            return []
        followed.phase = phase
        place = {"path": followed.path} if followed.path is not None else {}
        said = {"phase": phase} if phase else {}
        return [(JOB_EVENT, {"job": job, "kind": found.asked["kind"], "status": status, **said, **place})]
