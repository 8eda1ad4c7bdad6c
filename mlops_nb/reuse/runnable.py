"""A cell as Python that runs outside of a notebook's shell.

IPython's transformer says what a line means. What only changes a display is left out; what `%time`, `%%time`,
`%%capture` and `%prun` run is kept and run plainly. Anything else (`!`, `%run`, `%%bash`) would run in the namespace of
whoever calls the step, and not in the step's: it is refused.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from mlops_nb.steps.source import to_python

if TYPE_CHECKING:
    from mlops_nb.notebook import Cell

_IDLE = frozenset(
    "autoreload config history load_ext lsmagic matplotlib pdoc pfile pinfo pinfo2 pip precision psource reload_ext"  # noqa: SIM905 - a list of words reads as words
    " who who_ls whos xmode".split()
)
_PLAINLY = frozenset({"capture", "prun", "time"})
_CELL_MAGIC = re.compile(r"(?:\s*\n)*%%(?P<name>\w+)[^\n]*\n")


class NeedsShell(Exception):  # noqa: N818 - the name of the fact
    """A line means nothing without a notebook's shell; the message is its place and its words."""


def runnable(cell: Cell) -> str:
    """Return a cell's Python text.

    Raises
    ------
    NeedsShell
        When a line needs a notebook's shell.
    """
    magic = _CELL_MAGIC.match(cell.source)
    if magic and magic["name"] in _PLAINLY:
        # Its line stays, empty, so that the others keep their numbers.
        lines = cell.source.splitlines()
        above = cell.source[: magic.end()].count("\n")
        return runnable(
            type(cell)(cell.id, cell.index, cell.kind, "\n".join(["pass", *[""] * (above - 1), *lines[above:]]))
        )
    source = to_python(cell.source)
    if "get_ipython" not in source.text and "await" not in source.text:
        return source.text
    lines = source.text.splitlines()
    for statement in source.tree.body:
        if any(isinstance(node, ast.Name) and node.id == "get_ipython" for node in ast.walk(statement)):
            lines[statement.lineno - 1] = _plainly(statement, cell, source.line(statement.lineno))
            for number in range(statement.lineno, statement.end_lineno or statement.lineno):
                lines[number] = ""
        elif _awaits(statement):
            line = source.line(statement.lineno)
            message = f"{cell.label}, line {line} awaits at the top: `{_words(cell, line)}`"
            raise NeedsShell(message)
    return "\n".join(lines)


def _plainly(statement: ast.stmt, cell: Cell, line: int) -> str:
    match statement:
        case ast.Expr(
            value=ast.Call(
                func=ast.Attribute(attr="run_line_magic"),
                args=[ast.Constant(value=str(name)), ast.Constant(value=str(rest))],
            )
        ):
            if name in _IDLE:
                return "pass"
            inner = to_python(rest)
            if name in _PLAINLY and inner.fault is None and "get_ipython" not in inner.text:
                return inner.text.strip()
    message = f"{cell.label}, line {line}: `{_words(cell, line)}`"
    raise NeedsShell(message)


def _words(cell: Cell, line: int) -> str:
    lines = cell.source.splitlines()
    return lines[line - 1].strip() if 0 < line <= len(lines) else ""


def _awaits(node: ast.AST) -> bool:
    """Say whether code awaits outside of a function."""
    if isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith):
        return True
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        return False
    return any(_awaits(child) for child in ast.iter_child_nodes(node))
