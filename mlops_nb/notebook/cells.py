"""A notebook as a value: its cells with their tags and settings, exactly as the file holds them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Cell:
    """One cell.

    `id` is nbformat's cell id (made from the position for files older than nbformat 4.5), `index` its place in the
    file counted from 0, `kind` one of `code`, `markdown`, `raw`. `settings` is the cell's `metadata.mlops_nb` as
    written, unvalidated.
    """

    id: str
    index: int
    kind: str
    source: str
    tags: tuple[str, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)

    @property
    def label(self) -> str:
        """How messages name the cell: its number, counted from 1 as JupyterLab's users count."""
        return f"cell {self.index + 1}"


@dataclass(frozen=True)
class Notebook:
    """A notebook file that was read: `document` is its JSON (nbformat 4) and is never changed in place."""

    path: Path
    cells: tuple[Cell, ...]
    language: str
    kernel_name: str
    nbformat: tuple[int, int]
    document: Mapping[str, Any] = field(default_factory=dict, hash=False, repr=False)

    @property
    def name(self) -> str:
        """The pipeline's name: the file's, without its ending."""
        return self.path.stem

    @property
    def code_cells(self) -> tuple[Cell, ...]:
        """The cells that hold code, in the notebook's order."""
        return tuple(cell for cell in self.cells if cell.kind == "code")
