"""What happens during a run, told as it happens: the terminal and JupyterLab show the same events.

They are kept too, a line of JSON each, in `events.jsonl` of the run's folder, so that somebody who comes later, or
comes back, can follow a run that another process does. The record stays the truth about what became of it.
"""

from __future__ import annotations

import json
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FILE = "events.jsonl"


@dataclass(frozen=True)
class RunEvent:
    """One event of a run.

    `kind` is one of `run-started`, `step-started`, `cell-started`, `cell-done`, `step-done`, `run-done`, `notice`.
    `cell` and `cells` count the user's own cells of the step, from 1.
    """

    kind: str
    run: str
    step: str = ""
    status: str = ""
    text: str = ""
    cell: int = 0
    cells: int = 0
    seconds: float | None = None
    expected_s: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form, without what is empty."""
        return {name: value for name, value in asdict(self).items() if value not in {"", 0, None}}


class EventLog:
    """Keeps the events of a run in its folder, and passes them on; events come from several threads.

    Parameters
    ----------
    folder
        The run's folder.
    listen
        Whom to pass them on to.
    """

    def __init__(self, folder: Path, listen: Callable[[RunEvent], None]) -> None:
        self._file = folder / FILE
        self._listen = listen
        self._lock = threading.Lock()
        self._seq = 0

    def __call__(self, event: RunEvent) -> None:
        """Take an event in."""
        with self._lock:
            self._seq += 1
            told = {**event.as_dict(), "seq": self._seq, "at": datetime.now(UTC).isoformat(timespec="milliseconds")}
            # Opened for each line: a run has few, and may go on for days. That nobody can look on is no reason to fail.
            with suppress(OSError), self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(told, ensure_ascii=False) + "\n")
        self._listen(event)


def read_events(folder: Path, after: int = 0) -> tuple[dict[str, Any], ...]:
    """Return the events of a run that were kept behind the one with the number `after`, oldest first.

    A line that is still being written is left for the next time.
    """
    try:
        text = (folder / FILE).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ()
    found = []
    for line in text.splitlines(keepends=True):
        with suppress(ValueError):
            event = json.loads(line) if line.endswith("\n") else None
            if isinstance(event, dict) and event.get("seq", 0) > after:
                found.append(event)
    return tuple(found)


def silent(event: RunEvent) -> None:
    """Listen to nothing."""
    del event
