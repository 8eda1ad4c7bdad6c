"""Which side of an exported cell was edited, and the modules' edits carried into the notebook."""

from __future__ import annotations

import re
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import UsageError
from mlops_nb.notebook.file import code_cell
from mlops_nb.notebook.tags import LEFT_OUT, PRELUDE, Role, read_tags
from mlops_nb.pipeline.module_cells import MarkedCell, marked_cells, tags_of
from mlops_nb.pipeline.module_text import HEADER, digest, frame_digest

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Sequence
    from pathlib import Path

    from mlops_nb.notebook.cells import Cell, Notebook

_CELL_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class ModuleError(UsageError):
    """The modules cannot be read, or their edits cannot be carried into the notebook."""

    code = "module"


@dataclass(frozen=True)
class Change:
    """An edit since the export.

    `kind` is one of `edited`, `tags`, `added`, `removed`, `moved`, and `frame` for lines of a module that belong to no
    cell. `side` is `notebook`, `module`, or `both` when the two disagree. `cell` is the cell's id.
    """

    kind: str
    side: str
    file: str
    message: str
    cell: str | None = None


@dataclass(frozen=True)
class ExportedModule:
    """A module as it lies in the folder: its cells, and what its header says was exported."""

    path: Path
    notebook: str
    cells: tuple[MarkedCell, ...]
    exported: dict[str, tuple[str, tuple[str, ...]]]
    is_framed: bool


def read_modules(folder: Path) -> tuple[ExportedModule, ...]:
    """Read the exported modules of a folder; other Python files are left alone.

    Raises
    ------
    ModuleError
        When a module is no longer Python that can be cut into cells, or holds one cell twice.
    """
    found: list[ExportedModule] = []
    for path in sorted(folder.glob("*.py")):
        # Line ends stay as they are written: a carriage return may be part of a string.
        with path.open(encoding="utf-8", newline="") as file:
            text = file.read()
        if f"\n{HEADER}notebook: " in text:
            found.append(_read(path, text))
    seen: dict[str, str] = {}
    for module in found:
        for cell in module.cells:
            if cell.id in seen:
                message = f"The cell `{cell.id}` stands twice: in {seen[cell.id]} and in {module.path.name}."
                raise ModuleError(message, hint="Give the copy a marker of its own: `# %% [new-id]`.")
            seen[cell.id] = module.path.name
    return tuple(found)


def _read(path: Path, text: str) -> ExportedModule:
    if "\r\n" in text and not re.search(r"(?<!\r)\n", text):
        # An editor turned every line end around.
        text = text.replace("\r\n", "\n")
    try:
        cells, around = marked_cells(text)
    except SyntaxError as error:
        message = f"{path}, line {error.lineno}: this is not Python ({error.msg}), so its cells cannot be told apart."
        raise ModuleError(message, hint="Mend the module.") from error
    header = [line.removeprefix(HEADER).partition(": ") for line in around if line.startswith(HEADER)]
    exported = {}
    for key, _, value in header:
        if key == "cell":
            cell_id, sha, *words = value.split(" ", 2)
            exported[cell_id] = (sha, tags_of(words[0] if words else ""))
    recorded = {key: value for key, _, value in header if key != "cell"}
    return ExportedModule(
        path, recorded.get("notebook", ""), tuple(cells), exported, recorded.get("frame") == frame_digest(around)
    )


def compare(notebook: Notebook, folder: Path) -> list[Change]:
    """Return what was edited since the export, on either side, in the modules' order.

    Raises
    ------
    ModuleError
        When the modules cannot be read.
    """
    modules = read_modules(folder)
    exported = {key for module in modules for key in module.exported}
    marked = {cell.id for module in modules for cell in module.cells}
    changes: list[Change] = []
    for module in modules:
        changes += compare_cells(notebook, module, marked)
        if not module.is_framed:
            message = f"{module.path.name}: lines outside the cells were edited; an export writes them anew."
            changes.append(Change("frame", "module", module.path.name, message))
    if modules:
        for ours in notebook.code_cells:
            if ours.id not in exported | marked and _is_exported(ours):
                message = f"{ours.label} is new in the notebook."
                changes.append(Change("added", "notebook", "", message, ours.id))
    return changes


def compare_cells(notebook: Notebook, module: ExportedModule, elsewhere: Container[str] = ()) -> list[Change]:
    """Return what was edited in one module's cells since the export, on either side, in the module's order.

    Parameters
    ----------
    notebook
        The notebook as it is now.
    module
        The module.
    elsewhere
        Ids of cells that other modules hold now: one that moved there was not removed.
    """
    known = {cell.id: cell for cell in notebook.code_cells}
    there = {cell.id for cell in module.cells}
    changes = [change for cell in module.cells for change in _compare_cell(module, cell, known.get(cell.id))]
    for key, (sha, _) in module.exported.items():
        if key in known and key not in there and key not in elsewhere:
            removed = _change("removed", "module", module, key, known[key], "was removed")
            if digest(known[key].source) != sha:
                removed = replace(removed, side="both", message=f"{removed.message[:-1]} and edited in the notebook.")
            changes.append(removed)
    return [*changes, *_moved(module, known)]


def _is_exported(cell: Cell) -> bool:
    tags = read_tags(cell)[0]
    return tags.role not in LEFT_OUT and bool(cell.tags) and tags.role in {*PRELUDE, Role.PARAMETERS, Role.STEP}


def _compare_cell(module: ExportedModule, cell: MarkedCell, ours: Cell | None) -> Iterator[Change]:
    if cell.id not in module.exported:
        if ours is None:
            yield Change(
                "added", "module", module.path.name, f"{module.path.name}: `{cell.id}` is a new cell.", cell.id
            )
        elif ours.source != cell.source:
            yield _change("added", "both", module, cell.id, ours, "was added, differently,")
        return
    sha, tags = module.exported[cell.id]
    edited = not _same(cell.source, sha)
    if ours is None:
        side = "both" if edited else "notebook"
        message = f"{module.path.name}: the notebook no longer has the cell `{cell.id}`."
        yield Change("removed", side, module.path.name, message, cell.id)
        return
    sides = [("module", edited), ("notebook", digest(ours.source) != sha)]
    if (side := _side(sides)) and _trimmed(cell.source) != _trimmed(ours.source):
        yield _change("edited", side, module, cell.id, ours, "was edited")
    sides = [("module", cell.tags != tags), ("notebook", ours.tags != tags)]
    if (side := _side(sides)) and cell.tags != ours.tags:
        yield _change("tags", side, module, cell.id, ours, "has other tags")


def _side(sides: list[tuple[str, bool]]) -> str:
    edited = [side for side, is_edited in sides if is_edited]
    return "both" if len(edited) > 1 else edited[0] if edited else ""


def _same(source: str, sha: str) -> bool:
    # A formatter may put empty lines in front of the next marker.
    return sha in {digest(source), digest(_trimmed(source)), digest(_trimmed(source) + "\n")}


def _trimmed(source: str) -> str:
    return source.rstrip("\n")


def _change(  # noqa: PLR0913, PLR0917 - the parts of a change
    kind: str, side: str, module: ExportedModule, cell_id: str, cell: Cell, words: str
) -> Change:
    where = {"module": f"in {module.path.name}", "notebook": "in the notebook", "both": "on both sides"}[side]
    message = f"{cell.label} (`{cell_id}`) {words} {where}."
    return Change(kind, side, module.path.name, message, cell_id)


def _moved(module: ExportedModule, known: dict[str, Cell]) -> Iterator[Change]:
    there = [cell.id for cell in module.cells if cell.id in module.exported and cell.id in known]
    exported = [key for key in module.exported if key in there]
    ours = sorted(there, key=lambda key: known[key].index)
    sides = [("module", there != exported), ("notebook", ours != exported)]
    if (side := _side(sides)) and there != ours:
        moved = next(key for key, other in zip(there, ours, strict=True) if key != other)
        yield _change("moved", side, module, moved, known[moved], "stands in another order")


def import_modules(notebook: Notebook, folder: Path) -> dict[str, Any]:
    """Return the notebook's document with the modules' edits in it.

    Edited cells lose their outputs, which no longer are theirs; every other cell stays as it is. Export again
    afterwards, so that the modules record the new state.

    Raises
    ------
    ModuleError
        When a cell was edited on both sides, when lines outside the cells were edited or cells were moved (a notebook
        has no place for that), or when the modules cannot be read.
    """
    return carry(notebook, read_modules(folder), compare(notebook, folder))


def carry(notebook: Notebook, modules: Sequence[ExportedModule], changes: Iterable[Change]) -> dict[str, Any]:
    """Return the notebook's document with those of the changes in it that were made in modules.

    Raises
    ------
    ModuleError
        As `import_modules`.
    """
    changes = tuple(changes)
    for change in changes:
        if change.side == "both":
            hint = "Undo one of the two edits, or copy it over by hand, and try again."
            message = f"The two sides disagree. {change.message}"
            raise ModuleError(message, hint=hint)
        if change.side == "module" and change.kind in {"frame", "moved"}:
            hint = "Move the edit into a cell, or make it in the notebook, and export again."
            message = f"This cannot be carried into the notebook. {change.message}"
            raise ModuleError(message, hint=hint)
    document: dict[str, Any] = deepcopy(dict(notebook.document))
    places = {cell.id: cell.index for cell in notebook.cells}
    written = {cell.id: cell for module in modules for cell in module.cells}
    ours = [change for change in changes if change.side == "module" and change.cell is not None]
    for change in ours:
        if change.kind in {"edited", "tags"} and change.cell:
            _rewrite(document["cells"][places[change.cell]], written[change.cell], change.kind)
    inserted = [written[str(change.cell)] for change in ours if change.kind == "added"]
    removed = {places[str(change.cell)] for change in ours if change.kind == "removed"}
    document["cells"] = list(_merged(document["cells"], places, modules, inserted, removed))
    return document


def _rewrite(raw: dict[str, Any], cell: MarkedCell, kind: str) -> None:
    if kind == "tags":
        raw.setdefault("metadata", {})["tags"] = list(cell.tags)
        return
    source = _trimmed(cell.source)
    raw["source"] = source.splitlines(keepends=True) if isinstance(raw.get("source"), list) else source
    raw["outputs"], raw["execution_count"] = [], None


def _merged(
    cells: list[dict[str, Any]],
    places: dict[str, int],
    modules: Iterable[ExportedModule],
    inserted: list[MarkedCell],
    removed: set[int],
) -> Iterator[dict[str, Any]]:
    """Yield the cells, each new one behind the cell that stands before it in its module."""
    new = {cell.id for cell in inserted}
    behind: dict[int, list[MarkedCell]] = {}
    for module in modules:
        known = [places[cell.id] for cell in module.cells if cell.id in places]
        # A new cell above all others of its module goes in front of the first of them.
        place = min(known) - 1 if known else len(cells) - 1
        for cell in module.cells:
            if cell.id in new:
                _check_id(cell, module)
                behind.setdefault(place, []).append(cell)
            elif cell.id in places:
                place = places[cell.id]
    in_lines = any(isinstance(cell.get("source"), list) for cell in cells)
    for place in range(-1, len(cells)):
        if place >= 0 and place not in removed:
            yield cells[place]
        for cell in behind.get(place, ()):
            made = code_cell(_trimmed(cell.source), cell.id, tags=cell.tags)
            yield {**made, "source": made["source"].splitlines(keepends=True)} if in_lines else made


def _check_id(cell: MarkedCell, module: ExportedModule) -> None:
    if not _CELL_ID.fullmatch(cell.id):
        message = f"{module.path.name}, line {cell.line}: `{cell.id}` cannot be the id of a cell."
        raise ModuleError(message, hint="An id is up to 64 letters, digits, `_` and `-`.")
