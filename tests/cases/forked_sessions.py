"""Sessions in forked shells: what a step needs of a kernel, in a fiftieth of a kernel's time.

Steps that may run at the same time can be made to run one after the other, the notebook's last one first: an edge that
is missing shows then in every run, and not only when the steps happen to be that quick.
"""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from mlops_nb.execution import Ending, Limits
from mlops_nb.lifecycle import run
from mlops_nb.steps import as_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from mlops_nb.execution import RunEvent, Watch
    from mlops_nb.lifecycle import Finished
    from mlops_nb.pipeline import Plan

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

    def let_end(self) -> None:
        """Let it end as it does; what is written only then, tests with kernels tell."""


# So long it is waited for a step that could run and does not come: it shares another one's kernel.
PATIENCE_S = 1.0
_AS_MANY_AS_CAN = 16


@dataclass
class Backwards:
    """Sessions of a run whose steps that may run at the same time do so from the notebook's last to its first.

    They are made for one run, which `run_backwards` does.
    """

    sessions: ForkedSessions
    _waits_for: dict[str, set[str]] = field(default_factory=dict)
    _done: set[str] = field(default_factory=set)
    _here: set[str] = field(default_factory=set)
    _runs: str = ""
    _turn: threading.Condition = field(default_factory=threading.Condition)

    def follow(self, plan: Plan) -> None:
        """Take in which steps wait for which."""
        self._waits_for = {step.name: {*step.needs, *step.after} for step in plan.steps}

    def hear(self, event: RunEvent) -> None:
        """Take in that a step is done."""
        if event.kind == "step-done":
            with self._turn:
                self._done.add(event.step)
                self._turn.notify_all()

    @contextmanager
    def open(self, kernel_name: str, cwd: Path, watch: Watch | None = None) -> Iterator[_InTurn]:
        """Open a session in which a notebook is run when its turn has come."""
        with self.sessions.open(kernel_name, cwd, watch) as session:
            yield _InTurn(self, session)

    @contextmanager
    def turn(self, step: str) -> Iterator[None]:
        """Wait until nothing runs, every step that could run is here, and this is the notebook's last of them."""
        order = list(self._waits_for)
        with self._turn:
            self._here.add(step)
            self._turn.notify_all()
            deadline = time.monotonic() + PATIENCE_S
            while self._runs or step != max(self._here, key=order.index) or not self._all_here():
                if time.monotonic() > deadline and not self._runs and step == max(self._here, key=order.index):
                    break
                self._turn.wait(0.05)
            self._here.discard(step)
            self._runs = step
        try:
            yield
        finally:
            with self._turn:
                self._runs = ""
                self._turn.notify_all()

    def _all_here(self) -> bool:
        return all(
            name in self._here or name in self._done or not waits <= self._done
            for name, waits in self._waits_for.items()
        )


@dataclass(frozen=True)
class _InTurn:
    backwards: Backwards
    session: _Forked

    def run(
        self, place: Path, parameters: Mapping[str, Any], limits: Limits, on_cell: Callable[[str, str], None]
    ) -> Ending:
        """Run a notebook in this shell when its turn has come."""
        with self.backwards.turn(place.stem):
            return self.session.run(place, parameters, limits, on_cell)

    def let_end(self) -> None:
        """Let it end as it does."""
        self.session.let_end()


def run_backwards(
    notebook: Path,
    sessions: ForkedSessions,
    layers: Sequence[tuple[str, Mapping[str, Any]]] = (),
    *,
    seed: int | None = None,
) -> Finished:
    """Run a pipeline so that of steps that may run at the same time the notebook's last one runs first."""
    backwards = Backwards(sessions)
    return run(
        notebook,
        layers,
        open_session=backwards.open,
        on_plan=backwards.follow,
        listen=backwards.hear,
        workers=_AS_MANY_AS_CAN,
        seed=seed,
    )
