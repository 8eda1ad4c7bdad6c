"""Sessions in forked shells: what a step needs of a kernel, in a fiftieth of a kernel's time."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from mlops_nb.execution import Ending, Limits
from mlops_nb.steps import as_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mlops_nb.execution import Watch

SERVER = Path(__file__).with_name("shell_server.py")
# Where the random streams of shells start that are asked to start alike; a run is told the same seed.
SHELL_SEED = 0


@dataclass
class ForkedSessions:
    """One template process and the shells it forked; `open` is an `OpenSession`."""

    heavy: bool = False
    seed: bool = False
    _process: Any = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _numbers: Any = field(default_factory=itertools.count)

    def __enter__(self) -> Self:
        """Start the template."""
        command = [sys.executable, str(SERVER), *(["heavy"] if self.heavy else [])]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_: object) -> None:
        """End the template; its shells are gone by then."""
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and return the answer."""
        with self._lock:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    @contextmanager
    def open(self, kernel_name: str, cwd: Path, watch: Watch | None = None) -> Iterator[_Forked]:
        """Open a session in a new shell."""
        del kernel_name, watch
        number = next(self._numbers)
        self.ask(open=number, cwd=str(cwd), seed=self.seed)
        try:
            yield _Forked(self, number)
        finally:
            self.ask(close=number)


@dataclass(frozen=True)
class _Forked:
    sessions: ForkedSessions
    number: int

    def run(
        self, place: Path, parameters: Mapping[str, Any], limits: Limits, on_cell: Callable[[str, str], None]
    ) -> Ending:
        """Run a notebook in this shell."""
        del limits, on_cell
        given = "\n".join(f"{name} = {as_source(value)}" for name, value in parameters.items())
        answer = self.sessions.ask(run=self.number, place=str(place), given=given)
        return Ending("" if answer["done"] else "its shell died")
