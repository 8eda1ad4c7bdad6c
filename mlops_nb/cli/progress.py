"""A run as it goes: the DAG with live rows in a terminal, a line an event anywhere else."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from mlops_nb.cli.console import STATUS_SIGN, counted, drawn, duration, say

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from rich.console import Console, RenderableType
    from rich.live import Live
    from rich.table import Table

    from mlops_nb.cli.picture import Row
    from mlops_nb.execution import RunEvent
    from mlops_nb.pipeline import Plan

# The empty line and the footer under the table, and the line of the cursor.
_BELOW = 3


@dataclass
class _Step:
    status: str = "pending"
    cell: int = 0
    cells: int = 0
    started: float | None = None
    seconds: float | None = None
    expected_s: float | None = None
    text: str = ""


class ProgressView:
    """Shows the events of a run; used as a context manager around it."""

    def __init__(self, out: Console) -> None:
        self._out = out
        self._steps: dict[str, _Step] = {}
        self._rails: Mapping[str, Row] = {}
        self._told: frozenset[str] = frozenset()
        self._lock = threading.Lock()
        self._live: Live | None = None
        self._began = time.monotonic()
        self._over = False

    def __enter__(self) -> Self:
        """Begin; nothing is shown before there is a plan."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last state standing."""
        if self._live is not None:
            self._over = True
            self._live.stop()

    def start(self, plan: Plan) -> None:
        """Show the DAG, and the steps that wait."""
        from mlops_nb.cli.picture import is_readable, picture, rails

        names = [step.name for step in plan.steps]
        edges = [(need, step.name) for step in plan.steps for need in step.needs]
        rows = rails(names, edges)
        self._rails = rows if is_readable(rows) else {}
        for step in plan.steps:
            self._steps[step.name] = _Step(cells=len(step.step.cells), expected_s=step.expected_s)
        if self._out.is_terminal:
            from rich.live import Live

            self._live = Live(
                get_renderable=self._visible, console=self._out, refresh_per_second=8, vertical_overflow="visible"
            )
            self._live.start()
            return
        say(self._out, picture(names, edges) + "\n")
        cached = [step.name for step in plan.steps if step.hit is not None]
        self._told = frozenset(cached)
        if cached:
            which = f"all {counted(len(cached), 'step')}" if len(cached) == len(names) else ", ".join(cached)
            say(self._out, f"{STATUS_SIGN['cached']} cached: {which}")

    def listen(self, event: RunEvent) -> None:
        """Take an event in; called from several threads."""
        with self._lock:
            step = self._steps.setdefault(event.step, _Step()) if event.step else _Step()
            if event.kind == "step-started":
                step.status, step.started, step.text = "running", time.monotonic(), ""
            elif event.kind == "cell-started":
                step.cell = event.cell - 1
            elif event.kind == "cell-done":
                step.cell = event.cell
            elif event.kind == "step-done":
                step.status, step.seconds = event.status, event.seconds
                step.text = "" if event.status in {"succeeded", "cached"} else event.text
            elif event.kind == "notice":
                step.text = event.text
            of_the_run = event.kind == "notice" and not event.step
            if of_the_run or (self._live is None and event.kind in {"step-done", "notice"}):
                self._tell(event)

    def _tell(self, event: RunEvent) -> None:
        """Print an event as a line; what was cached from the start has been told."""
        if event.kind == "notice":
            say(self._out, f"! {event.step}: {event.text}" if event.step else f"! {event.text}")
        elif event.status == "cached":
            if event.step not in self._told:
                say(self._out, f"{STATUS_SIGN['cached']} {event.step} cached: {event.text}")
        else:
            told = f"{STATUS_SIGN[event.status]} {event.step} {event.status} {duration(event.seconds)}".rstrip()
            say(self._out, told if event.status == "succeeded" else f"{told}: {event.text}")

    def _visible(self) -> RenderableType:
        """Return what fits the terminal, around the first step that has not ended; in the end all of it."""
        from rich.console import Group
        from rich.text import Text

        if self._over:
            return self._table()
        with self._lock:
            open_ = [at for at, step in enumerate(self._steps.values()) if step.status in {"pending", "running"}]
        all_ = len(self._steps)
        room = max(self._out.height - _BELOW, 1)
        first = max(0, min(open_[0] - room // 2, all_ - room)) if open_ else 0
        elapsed = duration(time.monotonic() - self._began)
        footer = Text(f"{all_ - len(open_)} of {counted(all_, 'step')}, {elapsed}", "dim")
        return Group(self._table(first, first + room), Text(), footer)

    def _table(self, first: int = 0, end: int | None = None) -> Table:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, show_header=False)
        for _ in range(4):
            table.add_column(no_wrap=True)
        # What is said of a step gives way when the terminal is narrow; the columns before it stay whole.
        table.add_column()
        with self._lock:
            for name, step in list(self._steps.items())[first:end]:
                took = step.seconds
                if step.status == "running" and step.started is not None:
                    took = time.monotonic() - step.started
                running = step.status == "running"
                cells = f"{step.cell}/{step.cells}" if step.cells and (running or step.status == "failed") else ""
                time_ = "cached" if step.status == "cached" else duration(took)
                expected = f"of {duration(step.expected_s)}" if running and step.expected_s else ""
                quiet = "dim" if step.status in {"cached", "pending", "skipped"} else ""
                table.add_row(
                    drawn(self._rails.get(name), step.status),
                    Text(name, quiet),
                    Text(cells),
                    Text(f"{time_} {expected}".strip(), quiet),
                    Text(step.text, "dim", no_wrap=True, overflow="ellipsis"),
                )
        return table
