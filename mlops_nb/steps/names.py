"""Reading a cell: what it does with the notebook's names, files and process state.

The reader is one walk over the syntax tree in Python's order of evaluation, in layers that each build on the one
before: `reading` (the state, names), `calls`, `expressions`, `definitions`, `statements`, `branches`.
"""

from __future__ import annotations

import ast
import sys
from functools import lru_cache
from typing import TYPE_CHECKING

from mlops_nb.notebook.diagnostics import Diagnostic, at
from mlops_nb.steps.branches import Branches
from mlops_nb.steps.effects import effects
from mlops_nb.steps.flow import Flow, Place
from mlops_nb.steps.scopes import bindings
from mlops_nb.steps.source import to_python

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlops_nb.notebook.cells import Cell

_WORDS = 80


def read_flow(
    cell: Cell,
    rebound: frozenset[str] = frozenset(),
    *,
    aliases: Mapping[str, str] | None = None,
    postponed_annotations: bool = False,
) -> tuple[Flow, list[Diagnostic]]:
    """Read what a code cell does.

    Parameters
    ----------
    cell
        The cell.
    rebound
        Names that other cells of the notebook bind: a builtin among them counts as the notebook's own, and so does a
        name that would otherwise be a magic (`ls`) or IPython's history (`_`).
    aliases
        `Flow.aliases` of the cells before, so that `choice(xs)` is known to be `random.choice`.
    postponed_annotations
        Whether a cell before has `from __future__ import annotations`, which IPython keeps for the cells after it.

    Returns
    -------
    The flow, and a diagnostic `MN005` for each text in the cell that is not Python; the flow is empty when that is the
    cell itself.
    """
    flow, wrong = _read(cell, rebound, tuple((aliases or {}).items()), postponed_annotations)
    return flow, list(wrong)


# JupyterLab shows the plan at every pause in typing: of a notebook's cells, one is another than it was.
@lru_cache(maxsize=2048)
def _read(
    cell: Cell,
    rebound: frozenset[str],
    aliases: tuple[tuple[str, str], ...],
    postponed_annotations: bool,  # noqa: FBT001 - called in one place
) -> tuple[Flow, tuple[Diagnostic, ...]]:
    source = to_python(cell.source, bound=rebound)
    # A cell that is to raise may do so by not being Python.
    may_raise = "raises-exception" in cell.tags
    if source.fault is not None:
        return Flow(), () if may_raise else (_not_python(cell, source.fault.line, source.fault.message),)
    nodes = ast.walk(source.tree) if "global" in source.text else ()
    declared = {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
    reader = Branches(
        cell.id,
        own=bindings(source.tree.body).names | declared,
        rebound=rebound,
        aliases=dict(aliases),
        line_of=source.line,
    )
    reader.postponed = postponed_annotations
    reader.block(source.tree.body)
    shown = cell.source.splitlines()
    for statement in effects(source.tree.body):
        line = source.line(statement.lineno)
        words = shown[line - 1].strip()[:_WORDS] if line <= len(shown) else ""
        reader.top.effects[Place(cell.id, line, words)] = None
    # A cell that is to raise may have bound none of its names: what it binds may still come from before.
    surely = frozenset() if may_raise else frozenset(name for name in reader.state if "." not in name)
    faults = [] if may_raise else reader.faults
    return reader.top.finished(surely), tuple(_not_python(cell, line, message) for line, message in faults)


def _not_python(cell: Cell, line: int, message: str) -> Diagnostic:
    shown = cell.source.splitlines()
    words = shown[line - 1].strip()[:_WORDS] if 0 < line <= len(shown) else ""
    version = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    return at(
        cell,
        "MN005",
        f"{cell.label}, line {line} is not valid {version}: {message}" + (f" in `{words}`" if words else ""),
        fix=f"Correct line {line}, or tag the cell `skip` if the pipeline does not need it.",
        line=line,
    )
