"""Starting, finding and ending the processes that do the work; each has a folder below the project's `.mlops_nb/jobs`.

A process is in a session of its own, so that neither a signal to the server nor its end reaches it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import UsageError
from mlops_nb.execution import new_run_id
from mlops_nb.jupyter.job import EVENTS, JOB, LOG, PROCESS, RESULT
from mlops_nb.metadata import UnknownRecord, Who, this_process
from mlops_nb.metadata.liveness import is_gone, process_of
from mlops_nb.notebook import write_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from mlops_nb.project import Project

_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_KEPT_S = 14 * 24 * 3600.0
_STARTS_S = 60.0
_TAIL = 2000


class CannotStop(UsageError):  # noqa: N818 - the name of the fact
    """A run or a verification has ended, or is not this machine's to end."""

    code = "cannot-stop"


@dataclass(frozen=True)
class Job:
    """A process that was started: what it was to do, and what came of it; `gone` when it ended without a word."""

    id: str
    folder: Path
    asked: Mapping[str, Any] = field(hash=False)
    who: Who | None
    answer: Mapping[str, Any] | None = field(hash=False)

    @property
    def gone(self) -> bool:
        """Whether its process has ended, and left no answer."""
        if self.answer is not None:
            return False
        if self.who is None:
            # It is written right after the process started; only a server that was killed just then never wrote it.
            return time.time() - (self.folder / JOB).stat().st_mtime > _STARTS_S
        return is_gone(self.who)

    @property
    def status(self) -> str:
        """`running`, `done`, `failed`, `cancelled`, or `died`."""
        if self.answer is not None:
            return str(self.answer["status"])
        return "died" if self.gone else "running"

    def events(self, after: int = 0) -> list[dict[str, Any]]:
        """Return what it told of itself behind the event of that number."""
        with contextlib.suppress(OSError):
            lines = (self.folder / EVENTS).read_text(encoding="utf-8").splitlines(keepends=True)
            return [json.loads(line) for line in lines[after:] if line.endswith("\n")]
        return []

    def log(self) -> str:
        """Return what its process printed."""
        try:
            return (self.folder / LOG).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def error(self) -> dict[str, str] | None:
        """Return what it failed with, where it did not come to its end."""
        if self.answer is not None:
            found: dict[str, str] | None = self.answer.get("error")
            return found
        if not self.gone:
            return None
        said = self.log().strip()[-_TAIL:]
        message = "Its process ended without an answer."
        return {"code": "died", "message": message, "hint": f"It said: {said}" if said else "It said nothing."}


class Jobs:
    """The processes of one server, and those that earlier ones left."""

    def __init__(self) -> None:
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, project: Project, asked: Mapping[str, Any]) -> str:
        """Start a process and return its id, which for a run is the run's.

        Parameters
        ----------
        project
            The project it works in.
        asked
            `kind` (`run`, `resume`, `verify`), `notebook`, and the rest of the request.

        Raises
        ------
        UsageError
            When the project's folder cannot be written.
        """
        self.reap()
        kind = asked["kind"]
        job = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}-verify" if kind == "verify" else new_run_id()
        with project.log():
            # Makes the home, and tells when it cannot be made.
            folder = _jobs(project) / job
        _tidy(_jobs(project))
        try:
            folder.mkdir(parents=True)
            write_text(folder / JOB, json.dumps({**asked, "job": job, "project": str(project.root)}) + "\n")
            log = (folder / LOG).open("wb")
        except OSError as error:
            message = f"{folder} cannot be written: {error.strerror or error}."
            raise UsageError(message, hint="Check the rights of the folder, and the space on its disk.") from error
        with log:
            # -P: a file beside the notebook must not stand in for a library of ours.
            command = [sys.executable, "-P", "-m", "mlops_nb.jupyter.job", str(folder)]
            process = subprocess.Popen(  # noqa: S603 - our own program, without a shell
                command, cwd=project.root, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._started.append(process)
        write_text(folder / PROCESS, json.dumps(asdict(process_of(process.pid))) + "\n")
        return job

    def find(self, project: Project, job: str) -> Job | None:
        """Return the job of that id, if there is one; it may be another server's."""
        self.reap()
        folder = _jobs(project) / job
        if not _ID.fullmatch(job) or not (folder / JOB).is_file():
            return None
        asked = _read(folder / JOB) or {}
        who = _read(folder / PROCESS)
        return Job(job, folder, asked, None if who is None else Who(**who), _read(folder / RESULT))

    def get(self, project: Project, job: str) -> Job:
        """Return the job of that id.

        Raises
        ------
        UnknownRecord
            When there is none.
        """
        found = self.find(project, job)
        if found is None:
            message = f"There is no job {job}."
            raise UnknownRecord(message, hint="What ended two weeks ago is forgotten.")
        return found

    def starting(self, project: Project) -> list[Job]:
        """Return the jobs whose processes live, newest first."""
        folder = _jobs(project)
        names = sorted((path.name for path in folder.iterdir()), reverse=True) if folder.is_dir() else []
        found = (self.find(project, name) for name in names if not (folder / name / RESULT).exists())
        return [job for job in found if job is not None and job.status == "running"]

    def reap(self) -> None:
        """Take note of the processes that ended, which the system keeps until somebody asks."""
        self._started = [process for process in self._started if process.poll() is None]


def interrupt(who: Who | None, what: str) -> None:
    """Interrupt a process, which then ends its kernels and records that it was cancelled.

    Raises
    ------
    CannotStop
        When it runs on another machine, or is gone.
    """
    if who is None or is_gone(who):
        message = f"{what} does not run any more."
        raise CannotStop(message)
    if who.host != this_process().host:
        message = f"{what} runs on another machine: {who}."
        raise CannotStop(message, hint="End it there.")
    try:
        # Not SIGINT: a process that has just begun may have inherited from a shell that it ignores that.
        os.kill(who.pid, signal.SIGTERM)
    except PermissionError as error:
        message = f"{what} is another person's: {who}."
        raise CannotStop(message, hint="Ask them to end it.") from error
    except ProcessLookupError as error:
        message = f"{what} has just ended."
        raise CannotStop(message) from error


def _jobs(project: Project) -> Path:
    return project.home / "jobs"


def _read(file: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def _tidy(folder: Path) -> None:
    """Forget what ended long ago; the record has what matters of it."""
    for old in folder.iterdir() if folder.is_dir() else ():
        with contextlib.suppress(OSError):
            # A process that died left no answer.
            last = old / (RESULT if (old / RESULT).exists() else JOB)
            if time.time() - last.stat().st_mtime > _KEPT_S:
                shutil.rmtree(old, ignore_errors=True)
