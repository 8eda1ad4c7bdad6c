"""The `mlops-nb` command as a person or a CI job runs it: a process of its own, in a project's folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MLOPS_NB = str(shutil.which("mlops-nb", path=str(Path(sys.executable).parent)))
MARKER = "A_COMMAND_OF_THE_TESTS"
SESSION = "TEST_SESSION_OF_MLOPS_NB"  # as conftest.py marks all that this session starts


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What the last line of standard output says."""
        return json.loads(self.out.splitlines()[-1])


def environment(**more: str) -> dict[str, str]:
    """Return the tests' environment without what would change how a command behaves or looks."""
    left_out = {"CI", "COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "TERM"}
    kept = {name: value for name, value in os.environ.items() if name not in left_out}
    return {**kept, "TERM": "xterm-256color", **more}


def call(folder: Path, *arguments: str, env: Mapping[str, str] | None = None, timeout: float = 600) -> Ended:
    """Run the command to its end."""
    done = subprocess.run(
        [MLOPS_NB, *arguments],
        cwd=folder,
        env=environment(**(env or {})),
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


class Started:
    """A command in the background, in a session of its own as in a terminal, whose every descendant can be found."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.marker = uuid.uuid4().hex
        self.process = subprocess.Popen(
            [MLOPS_NB, *arguments],
            cwd=folder,
            env=environment(**{MARKER: self.marker}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def signal(self, number: int) -> None:
        """Send a signal to the command's process group, as a terminal does."""
        os.killpg(self.process.pid, number)

    def wait(self, timeout: float = 240) -> Ended:
        """Wait for its end."""
        out, err = self.process.communicate(timeout=timeout)
        return Ended(self.process.returncode, out, err)

    def descendants(self) -> list[str]:
        """Return the living processes that it started, orphans included, but for the template, which stays warm.

        A forked kernel shows the environment of its template, so those of all commands of this session count.
        """
        found = []
        for process in psutil.process_iter():
            try:
                shown, name = process.environ(), process.name()
                ours = shown.get(MARKER) == self.marker and name != "mlnb-template"
                forked = shown.get(SESSION) == os.environ[SESSION] and name == "mlnb-kernel"
                if (ours or forked) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(f"{process.pid}: {' '.join(process.cmdline())}")
            except psutil.Error:
                continue
        return found


def wait_until(true: Callable[[], object], timeout: float = 240) -> None:
    """Wait until something becomes true."""
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def scraps(ended: Ended) -> dict[str, Any]:
    """Return the scraps of a `run --json`, which must have succeeded."""
    assert ended.code == 0, ended.err
    found: dict[str, Any] = ended.json["scraps"]
    return found


def statuses(ended: Ended) -> dict[str, str]:
    """Return how each step of a `run --json` ended."""
    return {step["name"]: step["status"] for step in ended.json["steps"]}
