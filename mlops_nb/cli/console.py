"""How verbs print: the consoles, sentences, tables, JSON, durations."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from rich.console import Console
    from rich.text import Text

    from mlops_nb.cli.columns import Columns
    from mlops_nb.cli.picture import Row

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

# What shells report for a program that an interrupt ended.
INTERRUPTED = 130
# Neither done nor failed: whoever started the run, a CI job perhaps, is to know that a person is asked.
PAUSED = 3
# Without a terminal nobody reads columns by eye, and what is cut off is lost to whoever searches the output.
_WIDTH_OF_A_FILE = 200
STATUS_STYLE = {
    "succeeded": "green",
    "cached": "cyan",
    "running": "yellow",
    "failed": "bold red",
    "cancelled": "magenta",
    "paused": "bold yellow",
    "skipped": "dim",
    "pending": "dim",
    "died": "bold red",
    "run": "yellow",
    "maybe": "yellow",
    "left-out": "dim",
}
STATUS_SIGN = {
    "succeeded": "✔",
    "cached": "≡",
    "running": "▶",
    "failed": "✘",
    "cancelled": "■",
    "paused": "‖",
    "skipped": "○",
    "pending": "·",
    "died": "✘",
    "run": "▶",
    "maybe": "?",
    "left-out": "○",
}


def console(*, error: bool = False) -> Console:
    """Return the console of standard output, or of standard error."""
    from rich.console import Console

    class LastingConsole(Console):
        """Goes on in silence when its reader has gone: a run does not end because nobody looks any more."""

        def on_broken_pipe(self) -> None:
            """Write to nowhere from now on; rich would end the thread that happened to print."""
            self.quiet = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())

    out = LastingConsole(stderr=error)
    if not out.is_terminal and "COLUMNS" not in os.environ:
        out.width = _WIDTH_OF_A_FILE
    return out


def say(out: Console, text: str, style: str = "") -> None:
    """Print a sentence as it is: wrapped at words in a terminal, one line anywhere else."""
    out.print(text, style=style or None, markup=False, highlight=False, soft_wrap=not out.is_terminal)


def heading(out: Console, text: str) -> None:
    """Print the heading of a block, after an empty line."""
    out.print()
    say(out, text, "bold")


def table(*titles: str, wide: str | int = "", right: tuple[str, ...] = ()) -> Columns:
    """Return an empty table without lines.

    Parameters
    ----------
    titles
        The columns; no header is shown when all are empty.
    wide
        The title, or the position, of the column that wraps when the terminal is narrow; the others stay whole.
    right
        The titles of the columns that are flush right.
    """
    from mlops_nb.cli.columns import Columns

    at = titles.index(wide) if isinstance(wide, str) and wide else wide
    return Columns(titles, at if isinstance(at, int) else None, right)


def show_table(out: Console, made: Columns, indent: int = 0) -> None:
    """Print a table without the blanks that fill its rows up."""
    from rich.text import Text

    lines = made.drawn(out, out.width - indent)
    if lines:
        out.print(Text("\n").join(Text(" " * indent).append_text(line) for line in lines), soft_wrap=True)


def show_pairs(out: Console, rows: Sequence[tuple[str, ...]]) -> None:
    """Print names, values and a remark, in columns."""
    from rich.text import Text

    made = table("", "", "", wide=1)
    for name, value, *remark in rows:
        made.add_row(Text(name), Text(value), Text("".join(remark), "dim"))
    show_table(out, made, indent=2)


def signed(status: str) -> Text:
    """Return the sign of a status, in its colour."""
    from rich.text import Text

    return Text(STATUS_SIGN[status], STATUS_STYLE[status])


def drawn(row: Row | None, status: str) -> Text:
    """Return a step's row of the DAG, with the sign of its status as the node."""
    from rich.text import Text

    if row is None:
        return signed(status)
    return Text.assemble((row.left, "dim"), signed(status), (row.right, "dim"))


def print_json(value: Any) -> None:
    """Print one JSON line on standard output."""
    sys.stdout.write(json.dumps(value, default=str) + "\n")


def duration(seconds: float | None) -> str:
    """Return seconds as a person reads them."""
    if seconds is None:
        return ""
    if seconds < 10:  # noqa: PLR2004 - one decimal matters below ten seconds
        return f"{seconds:.1f} s"
    if seconds < 90:  # noqa: PLR2004
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 90:  # noqa: PLR2004
        return f"{minutes}:{rest:02d} min"
    return f"{minutes // 60}:{minutes % 60:02d} h"


def local_time(at: datetime | None, *, brief: bool = False) -> str:
    """Return a time in the reader's zone, to the second or, when brief, to the minute."""
    return "" if at is None else at.astimezone().strftime("%Y-%m-%d %H:%M" if brief else "%Y-%m-%d %H:%M:%S")


def size(count: int) -> str:
    """Return bytes as a person reads them."""
    amount = float(count)
    for unit in ("B", "kB", "MB"):
        if amount < 1000:  # noqa: PLR2004 - SI
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 10 else f"{amount:.1f} {unit}"  # noqa: PLR2004
        amount /= 1000
    return f"{amount:.1f} GB"


def counted(number: int, noun: str) -> str:
    """Return a number and its noun: `1 step`, `3 steps`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def shown(value: Any) -> str:
    """Return a value of the record in a few characters."""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 80 else f"{text[:77]}…"  # noqa: PLR2004 - a line of a table
