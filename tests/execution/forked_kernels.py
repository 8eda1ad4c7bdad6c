"""Cells in a kernel: what the tests of forked kernels run, and what they ask of processes."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil

from mlops_nb.execution import Kernels, Limits, Watch
from tests.notebook_factory import document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from mlops_nb.execution import Ending


@dataclass
class Shell:
    """An open kernel and the folder it runs in."""

    session: Any
    folder: Path
    ending: Ending | None = None

    @property
    def live(self) -> Any:
        return self.session.live

    def run(self, *sources: str, on_cell: Callable[[str, str], None] = lambda *_: None) -> list[dict[str, Any]]:
        """Run cells and return all their outputs."""
        place = self.folder / f"cells-{self.live.pid}.ipynb"
        place.write_text(json.dumps(document([("", source) for source in sources])), encoding="utf-8")
        self.ending = self.session.run(place, {}, Limits(), on_cell)
        executed = json.loads(place.read_text(encoding="utf-8"))
        return [output for cell in executed["cells"] for output in cell.get("outputs", ())]

    def text(self, *sources: str) -> str:
        """Run cells and return what they print, and their exceptions."""
        return "".join(
            "".join(output["text"]) if "text" in output else f"{output.get('ename')}: {output.get('evalue')}"
            for output in self.run(*sources)
        ).strip()

    def told(self, *sources: str) -> Any:
        """Run cells that print JSON, and return it."""
        return json.loads(self.text(*sources))


@contextmanager
def shell(folder: Path, *packages: str, isolation: str = "fork", name: str = "python3") -> Iterator[Shell]:
    folder.mkdir(exist_ok=True)
    with Kernels(isolation, packages)(name, folder, Watch()) as session:
        yield Shell(session, folder)


def soon(condition: Callable[[], bool], seconds: float = 10) -> bool:
    """Say whether a condition comes true in time."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def gone(pid: int) -> bool:
    """Say whether a process has ended; one that nobody has asked for its exit code has."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
