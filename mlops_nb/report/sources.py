"""The source that a run ran: its notebook cell by cell, its modules and settings; and how two of them differ."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_nb.errors import MlopsNbError
from mlops_nb.notebook import Notebook, NotebookError, parse_notebook
from mlops_nb.snapshot import snapshot_of
from mlops_nb.steps import read_steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.metadata import RunRecord
    from mlops_nb.notebook import Cell
    from mlops_nb.snapshot import Snapshot


@dataclass(frozen=True)
class Source:
    """What a run ran: its notebook, and other files of the project by path; None where nothing kept them."""

    notebook: Notebook | None
    files: Mapping[str, str] | None = field(default=None, hash=False)

    def cells_of(self, step: str) -> frozenset[str]:
        """Return the ids of a step's cells."""
        if self.notebook is None:
            return frozenset()
        found = [planned for planned in read_steps(self.notebook).steps if planned.name == step]
        return frozenset(cell.id for planned in found for cell in planned.cells)


@dataclass(frozen=True)
class SourceChange:
    """A cell or file that differs. `kind` is `changed`, `added` or `removed`; `lines` is a unified diff of its text."""

    name: str
    kind: str
    lines: tuple[str, ...]
    step: str = ""


def source_of(record: RunRecord, store: ArtifactStore, runs: Path) -> Source:
    """Return what a run ran: from its snapshot, or from its folder for a run that has none."""
    try:
        return _from_snapshot(snapshot_of(record, store), store)
    except MlopsNbError:
        place = runs / record.run.id / "notebook.ipynb"
    try:
        return Source(parse_notebook(place.read_text(encoding="utf-8"), place))
    except (OSError, NotebookError, UnicodeDecodeError):
        return Source(None)


def _from_snapshot(snapshot: Snapshot, store: ArtifactStore) -> Source:
    texts = {}
    for path, kept in snapshot.files.items():
        if kept.kept:
            texts[path] = store.get(kept.digest).decode("utf-8", "replace")
    text = texts.pop(snapshot.notebook, None)
    notebook = None if text is None else parse_notebook(text, Path(snapshot.notebook))
    # The lock is made by runs, and no source of anybody's.
    return Source(notebook, {path: text for path, text in texts.items() if not path.endswith(".lock.json")})


def cell_changes(before: Source, after: Source, step: str = "") -> tuple[SourceChange, ...]:
    """Return the cells that differ, by id, in the order of the later notebook; those that went stand at the end.

    Parameters
    ----------
    step
        Only its cells; all when empty.
    """
    return tuple(_cell_changes(before, after, step))


def _cell_changes(before: Source, after: Source, step: str) -> Iterator[SourceChange]:
    if before.notebook is None or after.notebook is None:
        return
    wanted = before.cells_of(step) | after.cells_of(step) if step else None
    ones = {cell.id: cell for cell in before.notebook.cells}
    others = {cell.id: cell for cell in after.notebook.cells}
    for name in dict.fromkeys((*others, *ones)):
        if wanted is not None and name not in wanted:
            continue
        one, other = ones.get(name), others.get(name)
        lines = _diff(_text(one), _text(other))
        if lines:
            kind = "added" if one is None else "removed" if other is None else "changed"
            there = other or one
            label = there.label if there is not None else ""
            yield SourceChange(f"{label} ({name})", kind, lines)


def file_changes(before: Source, after: Source) -> tuple[SourceChange, ...]:
    """Return the modules and settings that differ, by path."""
    found: list[SourceChange] = []
    if before.files is None or after.files is None:
        return ()
    for path in sorted({*before.files, *after.files}):
        one, other = before.files.get(path), after.files.get(path)
        if one != other:
            kind = "added" if one is None else "removed" if other is None else "changed"
            found.append(SourceChange(path, kind, _diff(one or "", other or "")))
    return tuple(found)


def _text(cell: Cell | None) -> str:
    if cell is None:
        return ""
    # As the editor shows it, with its tags: another tag may be another step.
    tags = f"# tags: {', '.join(cell.tags)}\n" if cell.tags else ""
    return f"{tags}{cell.source}"


def _diff(one: str, other: str) -> tuple[str, ...]:
    # The first two lines would name files; the change has its own name.
    return tuple(unified_diff(one.splitlines(), other.splitlines(), lineterm="", n=3))[2:]
