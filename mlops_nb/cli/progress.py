"""A run as it goes: a live table in a terminal, a line an event anywhere else."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from mlops_nb.cli.console import STATUS_SIGN, STATUS_STYLE, duration

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console
    from rich.live import Live
    from rich.table import Table

    from mlops_nb.execution import RunEvent
    from mlops_nb.pipeline import Plan


@dataclass
class _Row:
    status: str = "pending"
    cell: int = 0
    cells: int = 0
    started: float | None = None
    seconds: float | None = None
    expected_s: float | None = None
    text: str = ""


class ProgressView:
    """Shows the events of a run; used as a context manager around it."""

    def __init__(self, out: Console, name: str) -> None:
        self._out = out
        self._name = name
        self._rows: dict[str, _Row] = {}
        self._lock = threading.Lock()
        self._live: Live | None = None

    def __enter__(self) -> Self:
        """Begin; nothing is shown before there is a plan."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the last state standing."""
        if self._live is not None:
            self._live.update(self._table(), refresh=True)
            self._live.stop()

    def start(self, plan: Plan) -> None:
        """Show the DAG, and the steps that wait."""
        from mlops_nb.cli.picture import picture

        edges = [(need, step.name) for step in plan.steps for need in step.needs]
        self._out.print(
            picture([step.name for step in plan.steps], edges, self._out.width), highlight=False, markup=False
        )
        self._out.print()
        for step in plan.steps:
            self._rows[step.name] = _Row(cells=len(step.step.cells), expected_s=step.expected_s)
        if self._out.is_terminal:
            from rich.live import Live

            self._live = Live(get_renderable=self._table, console=self._out, refresh_per_second=8, transient=False)
            self._live.start()

    def listen(self, event: RunEvent) -> None:
        """Take an event in; called from several threads."""
        with self._lock:
            row = self._rows.setdefault(event.step, _Row()) if event.step else _Row()
            if event.kind == "step-started":
                row.status, row.started, row.text = "running", time.monotonic(), ""
            elif event.kind == "cell-started":
                row.cell = event.cell - 1
            elif event.kind == "cell-done":
                row.cell = event.cell
            elif event.kind == "step-done":
                row.status, row.seconds = event.status, event.seconds
                row.text = event.text if event.status != "succeeded" else ""
                row.cell = row.cells if event.status in {"succeeded", "cached"} else row.cell
            elif event.kind == "notice":
                row.text = event.text
        if self._live is None and event.kind in {"step-done", "notice"}:
            sign = STATUS_SIGN.get(event.status, "!")
            took = duration(event.seconds)
            text = f"{sign} {event.step} {event.status} {took} {event.text if event.status != 'succeeded' else ''}"
            self._out.print(" ".join(text.split()), highlight=False, markup=False)

    def _table(self) -> Table:
        from rich.table import Table

        table = Table(box=None, pad_edge=False, show_header=False)
        for _ in range(5):
            table.add_column(no_wrap=True)
        with self._lock:
            for name, row in self._rows.items():
                style = STATUS_STYLE[row.status]
                took = row.seconds
                if row.status == "running" and row.started is not None:
                    took = time.monotonic() - row.started
                expected = f"of {duration(row.expected_s)}" if row.expected_s and row.status == "running" else ""
                cells = f"{row.cell}/{row.cells}" if row.cells and row.status in {"running", "failed"} else ""
                told = f"{duration(took)} {expected}".strip() if row.status != "cached" else "cached"
                table.add_row(
                    f"[{style}]{STATUS_SIGN[row.status]}[/]", name, cells, told, f"[dim]{_plain(row.text)}[/]"
                )
        return table


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
