"""How diagnostics look in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from mlops_nb.notebook import Diagnostic

_STYLE = {"error": "bold red", "warning": "yellow", "notice": "cyan"}


def show(found: Sequence[Diagnostic], out: Console) -> None:
    """Print diagnostics, one paragraph each: code, place, message, fix."""
    from rich.padding import Padding
    from rich.text import Text

    for item in found:
        line = Text(f"{item.code} {item.severity.value}", _STYLE[item.severity.value])
        if item.cell_number is not None:
            line.append(f" cell {item.cell_number}" + (f", line {item.line}" if item.line else ""), "dim")
        out.print(line, soft_wrap=True)
        for text, style in ((item.message, ""), (item.fix and f"→ {item.fix}", "green")):
            if text:
                # Piped into a file a sentence is one line; in a terminal it is wrapped and stays indented.
                wrapped = Padding(Text(text, style), (0, 0, 0, 2), expand=False) if out.is_terminal else f"  {text}"
                out.print(wrapped, markup=False, highlight=False, soft_wrap=not out.is_terminal)
