"""The small project that the fault tests run, and the server that runs it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psutil

from mlops_nb.project import find_project
from tests.cli.command import SESSION
from tests.notebook_factory import write

if TYPE_CHECKING:
    from mlops_nb.metadata import RunRecord

HERE = Path(__file__).parent
# Unseeded numbers, a file, published outputs, a variable in a file of its own (`big`), one that is changed in place.
CELLS = [
    ("imports", "import faults\nimport random"),
    ("parameters", "n = 4"),
    ("step:load", "numbers = [random.random() for _ in range(n)]\nbig = bytearray(range(250)) * 400"),
    (
        "step:write",
        "import pathlib\npathlib.Path('lines.txt').write_text('\\n'.join(map(repr, numbers)))\nbig.append(1)",
    ),
    (
        "step:publish",
        "best = max(numbers)\nlisted = sorted(numbers)",
        {"outputs": {"listed": {"type": "value"}, "best": {"type": "metrics"}}},
    ),
    ("step:end", "total = sum(numbers) + len(big)"),
    ("pipeline-metrics", "print(total)"),
]


@dataclass(frozen=True)
class Small:
    """One copy of the project."""

    folder: Path

    @classmethod
    def new(cls, folder: Path) -> Self:
        """Write it."""
        write(folder / "four.ipynb", CELLS)
        shutil.copyfile(HERE / "hook.py", folder / "faults.py")
        return cls(folder)

    @property
    def notebook(self) -> Path:
        """Its notebook."""
        return self.folder / "four.ipynb"

    @property
    def artifacts(self) -> Path:
        """Its artifact store."""
        return self.folder / ".mlops_nb" / "artifacts"

    def last(self) -> RunRecord | None:
        """Return the record of its newest run, from a store that opens and is whole."""
        place = self.folder / ".mlops_nb" / "metadata.db"
        if not place.exists():
            return None
        with find_project(self.notebook).log() as log:
            newest = log.runs(1)
            record = log.run(newest[0].id) if newest else None
        connection = sqlite3.connect(place)
        assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert connection.execute("pragma foreign_key_check").fetchall() == []
        connection.close()
        return record

    def require_whole_files(self, record: RunRecord | None) -> None:
        """Check that what has a name is whole: artifacts, the lock, the executed notebooks."""
        for place in self.artifacts.glob("[0-9a-f][0-9a-f]/*"):
            assert hashlib.sha256(place.read_bytes()).hexdigest() == place.parent.name + place.name
        for lock in self.folder.glob("pipelines/*/*.json"):
            json.loads(lock.read_text(encoding="utf-8"))
        if record is not None:
            for place in (self.folder / ".mlops_nb" / "runs" / record.run.id).rglob("*.ipynb"):
                assert place.name.startswith(".") or json.loads(place.read_text(encoding="utf-8"))["cells"]

    def results(self, record: RunRecord) -> dict[str, Any]:
        """Return all that a run gave: scraps, published content, files, and what each variable holds."""
        store = find_project(self.notebook).artifact_store()
        state = {}
        for step in record.steps:
            delta = json.loads(store.get(step.outcome["delta"]))
            state[step.step] = {"+".join(item["names"]): item["fingerprint"] for item in delta["changed"]}
        return {
            "scraps": {scrap.name: scrap.value for scrap in record.scraps},
            "published": {step.step: step.outcome["published"] for step in record.steps},
            "lines": (self.folder / "lines.txt").read_bytes(),
            "state": state,
        }


class Server:
    """Runs projects in processes that are forked from one that has imported everything."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._jobs = 0
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        )

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def do(self, act: str, project: Small, **more: Any) -> tuple[int, dict[str, Any]]:
        """Run or resume a project; return the exit code of its process, negative for a signal, and its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._jobs += 1
        answer = self._place / f"answer-{self._jobs}.json"
        log = self._place / "log.txt"
        job = {"act": act, "notebook": str(project.notebook), "folder": str(project.folder)}
        job |= {"answer": str(answer), "log": str(log), **more}
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        code = json.loads(self._process.stdout.readline())["code"]
        assert code <= 0, log.read_text(encoding="utf-8")[-3000:]
        return code, json.loads(answer.read_text(encoding="utf-8")) if answer.exists() else {}

    def do_and_die(self, act: str, project: Small, at: int) -> tuple[int, list[str]]:
        """Run a project and kill it at a write; return the exit code and the writes that were begun."""
        counter = self._place / f"writes-{self._jobs}"
        env = {"FAULT_ROOT": str(project.folder), "FAULT_COUNTER": str(counter), "FAULT_AT": str(at)}
        code, _ = self.do(act, project, env=env)
        return code, counter.read_text(encoding="utf-8").splitlines()


def kernels(folder: Path) -> list[int]:
    """Return the forked kernels of this session that live and work in a folder."""
    found = []
    for process in psutil.process_iter():
        try:
            ours = process.name() == "mlnb-kernel" and process.environ().get(SESSION) == os.environ[SESSION]
            if ours and process.status() != psutil.STATUS_ZOMBIE and Path(process.cwd()) == folder:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found
