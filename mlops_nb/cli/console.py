"""How verbs print: the consoles, JSON, durations."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from datetime import datetime

    from rich.console import Console

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

# What shells report for a program that an interrupt ended.
INTERRUPTED = 130
STATUS_STYLE = {
    "succeeded": "green",
    "cached": "cyan",
    "running": "yellow",
    "failed": "bold red",
    "cancelled": "magenta",
    "skipped": "dim",
    "pending": "dim",
    "died": "bold red",
    "run": "yellow",
    "maybe": "yellow",
}
STATUS_SIGN = {
    "succeeded": "✔",
    "cached": "≡",
    "running": "▶",
    "failed": "✘",
    "cancelled": "■",
    "skipped": "–",
    "pending": "·",
    "died": "✘",
    "run": "▶",
    "maybe": "?",
}


def console(*, error: bool = False) -> Console:
    """Return the console of standard output, or of standard error."""
    from rich.console import Console

    return Console(stderr=error, soft_wrap=False)


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


def local_time(at: datetime | None) -> str:
    """Return a time in the reader's zone."""
    return "" if at is None else at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def shown(value: Any) -> str:
    """Return a value of the record in a few characters."""
    if isinstance(value, float):
        return f"{value:.6g}"
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 80 else f"{text[:77]}…"  # noqa: PLR2004 - a line of a table
