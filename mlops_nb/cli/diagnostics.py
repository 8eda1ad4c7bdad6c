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
    from rich.text import Text

    for item in found:
        line = Text()
        line.append(f"{item.code} {item.severity.value}", style=_STYLE[item.severity.value])
        if item.cell_number is not None:
            place = f" cell {item.cell_number}" + (f", line {item.line}" if item.line else "")
            line.append(f"{place}", style="dim")
        out.print(line)
        out.print(f"  {item.message}", markup=False, highlight=False)
        if item.fix:
            out.print(Text(f"  → {item.fix}", style="green"))
