"""What a person mended in the notebook of a reopened step, and how it comes back into the source notebook.

A reopened notebook is to its source what an exported module is: cells with ids, and a note of what they were. So the
comparison, and the edits carried over, are those of `module_sync`. The note lies beside the opened notebooks in the
project's home: an editor that has the notebook open cannot overwrite it.
"""

from __future__ import annotations

import difflib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.notebook import Role, read_notebook, read_tags, rewrite_notebook
from mlops_nb.pipeline.module_cells import MarkedCell
from mlops_nb.pipeline.module_plan import checked, require_ids
from mlops_nb.pipeline.module_sync import Change, ExportedModule, ModuleError, carry, compare_cells
from mlops_nb.pipeline.module_text import digest
from mlops_nb.pipeline.reopened import is_added

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mlops_nb.notebook import Cell, Notebook
    from mlops_nb.steps import StepGraph

FORMAT = 1
# As `Change` calls the two sides of an export.
_SIDES = {"module": "opened", "notebook": "source", "both": "both"}


@dataclass(frozen=True)
class Opened:
    """Which notebook was made for a reopened step, and what its cells were.

    `cells` has for each cell's id the digest of its source and its tags, in order.
    """

    run: str
    step: str
    notebook: str
    source: str
    cells: Mapping[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict, hash=False)

    def to_json(self) -> str:
        """Return the stored form."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n"

    @staticmethod
    def from_json(text: str) -> Opened:
        """Return the note that `to_json` wrote.

        Raises
        ------
        ModuleError
            When it is in a format of a newer version.
        """
        given: dict[str, Any] = json.loads(text)
        if given.pop("format", None) != FORMAT:
            message = "The note beside the opened notebook is in a format that this version of mlops_nb does not read."
            raise ModuleError(message, hint="Open the step again: `mlops-nb open RUN STEP --anew`.")
        cells = {key: (str(sha), tuple(tags)) for key, (sha, tags) in given["cells"].items()}
        return Opened(**{**given, "cells": cells})


@dataclass(frozen=True)
class Mend:
    """A cell that differs: `kind` and `cell` as in `Change`, `side` one of `opened`, `source`, `both`.

    `diff` is unified, from the source notebook's cell as it is now to the opened notebook's.
    """

    kind: str
    side: str
    cell: str
    message: str
    diff: str


def noted(cells: Iterable[Mapping[str, Any]]) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return what is noted of cells: the digest of their source, and their tags, by id."""
    found = {}
    for cell in cells:
        source = cell["source"]
        tags = cell.get("metadata", {}).get("tags", ())
        found[str(cell["id"])] = (digest("".join(source)), tuple(map(str, tags)))
    return found


def mends(source: Notebook, opened: Opened) -> tuple[Mend, ...]:
    """Return what differs between a reopened notebook and its source, since the run.

    Raises
    ------
    NotebookError
        When the opened notebook cannot be read.
    """
    held = _as_module(opened)
    ours = {cell.id: cell for cell in source.code_cells}
    theirs = {cell.id: cell for cell in held.cells}
    return tuple(
        Mend(
            change.kind,
            _SIDES[change.side],
            str(change.cell),
            change.message,
            _diff(ours.get(str(change.cell)), theirs.get(str(change.cell)), source.path, Path(opened.notebook)),
        )
        for change in compare_cells(source, held)
    )


def is_mended(opened: Opened) -> bool:
    """Say whether a person changed or added anything in the opened notebook since it was written or taken back."""
    notebook = read_notebook(opened.notebook)
    for cell, raw in zip(notebook.cells, notebook.document["cells"], strict=True):
        if cell.id not in opened.cells and cell.source.strip() and not is_added(raw):
            return True
    held = _as_module(opened)
    return list(opened.cells.items()) != [(cell.id, (digest(cell.source), cell.tags)) for cell in held.cells]


def take_mends(graph: StepGraph, opened: Opened, *, theirs: bool = False) -> tuple[tuple[Mend, ...], Opened]:
    """Write the mends into the source notebook; return those, and the note of what is now in both.

    Parameters
    ----------
    graph
        The source notebook's steps as they are now.
    opened
        The note of the opened notebook.
    theirs
        Where both were edited, take the opened notebook's cell.

    Raises
    ------
    ModuleError
        When both were edited, or cells were moved, or the notebook's format has no cell ids; nothing is written.
    EditsHaveErrors
        When the notebook would have errors; nothing is written.
    """
    source = graph.notebook
    require_ids(source)
    held = _as_module(opened)
    found = mends(source, opened)
    changes = compare_cells(source, held)
    if theirs:
        there = {cell.id for cell in held.cells}
        changes = [_resolved(change, there) for change in changes]
    for change in changes:
        if change.side == "both":
            hint = "Undo one of the two edits, or add `--theirs` to take the opened notebook's."
            message = f"{source.path} was edited since the run too. {change.message}"
            raise ModuleError(message, hint=hint)
    document = carry(source, [held], changes)
    if document != source.document:
        checked(graph, document)
        rewrite_notebook(document, source.path)
    cells = {cell.id: (digest(cell.source), cell.tags) for cell in held.cells}
    taken = {str(change.cell) for change in changes if change.side == "module"}
    return tuple(mend for mend in found if mend.cell in taken), replace(opened, cells=cells)


def _resolved(change: Change, there: set[str]) -> Change:
    if change.side != "both":
        return change
    # What the source removed and the person went on mending comes in again, behind the cell before it.
    kind = "added" if change.kind == "removed" and change.cell in there else change.kind
    return replace(change, side="module", kind="edited" if change.kind == "added" else kind)


def _as_module(opened: Opened) -> ExportedModule:
    """Return the opened notebook's cells as if a module held them; without ours, and without notes of the person's."""
    path = Path(opened.notebook)
    notebook = read_notebook(path)
    raw: Sequence[Mapping[str, Any]] = notebook.document["cells"]
    held = tuple(
        MarkedCell(cell.id, cell.tags, cell.source, cell.index + 1)
        for cell in notebook.code_cells
        if not is_added(raw[cell.index]) and (cell.id in opened.cells or _is_new(cell))
    )
    return ExportedModule(path, opened.source, held, dict(opened.cells), is_framed=True)


def _is_new(cell: Cell) -> bool:
    # JupyterLab adds an empty cell below the last one when that is run.
    return bool(cell.source.strip()) and read_tags(cell)[0].role is not Role.SKIP


def _diff(ours: Cell | None, theirs: MarkedCell | None, source: Path, opened: Path) -> str:
    lines = [
        *difflib.unified_diff(
            _lines(ours),
            _lines(theirs),
            f"{source.name} {ours.label}" if ours else source.name,
            f"{opened.name} {opened.parent.name}" if theirs else "removed",
            lineterm="",
        )
    ]
    return "\n".join(lines)


def _lines(cell: Cell | MarkedCell | None) -> list[str]:
    if cell is None:
        return []
    tags = [f"# tags: {', '.join(cell.tags)}"] if cell.tags else []
    return [*tags, *cell.source.splitlines()]
