"""Run in a mount namespace of its own: a small disk is filled while a pipeline runs on it, and turned read-only.

Prints a line of JSON for each try, and ends with 0 when all went on to the same results.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from mlops_nb.execution.kernels.templates import Templates
from tests.faults.runner import Server, Small

SIZE_KB = 12_000
# What is free when the run starts: from too little for an empty record to nearly enough for the run.
FREE_KB = (60, 250, 480, 800)


def fill(disk: Path, free_kb: int) -> Path:
    """Write a file that leaves so much of the disk free."""
    ballast = disk / "ballast"
    rest = os.statvfs(disk)
    with ballast.open("wb") as out:
        out.write(bytes(rest.f_bavail * rest.f_frsize - free_kb * 1024))
    return ballast


def go_on(server: Server, project: Small, expected: dict[str, Any]) -> None:
    """Go on with whatever there is, and require the same results."""
    record = project.last()
    project.require_whole_files(record)
    act = "resume" if record is not None and record.run.status in {"died", "failed"} else "run"
    _, answer = server.do(act, project)
    assert answer.get("status") == "succeeded", answer
    again = project.last()
    assert again is not None
    assert project.results(again) == expected


def main() -> None:
    """Do all of it."""
    disk = Path(sys.argv[1])
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_KB}k", "tmpfs", str(disk)], check=True)
    with tempfile.TemporaryDirectory() as place:
        server = Server(Path(place))
        project = Small.new(disk / "four")
        server.do("run", project)
        record = project.last()
        assert record is not None
        expected = project.results(record)
        for free_kb in FREE_KB:
            shutil.rmtree(disk / "four")
            project = Small.new(disk / "four")
            ballast = fill(disk, free_kb)
            _, answer = server.do("run", project)
            ballast.unlink()
            print(json.dumps({"free_kb": free_kb, **answer}), flush=True)  # noqa: T201 - for the test
            go_on(server, project, expected)
        shutil.rmtree(disk / "four")
        project = Small.new(disk / "four")
        server.do_and_die("run", project, at=120)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        _, answer = server.do("resume", project)
        print(json.dumps({"read_only": True, **answer}), flush=True)  # noqa: T201 - for the test
        subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        go_on(server, project, expected)
        server.close()
    Templates().end()


if __name__ == "__main__":
    main()
