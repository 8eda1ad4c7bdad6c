"""A table without lines: columns that are as wide as what stands in them, one of which may wrap.

Rich's own table measures and pads every cell several times: a plan of two hundred steps took it a quarter of a second.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console
    from rich.text import Text

_BETWEEN = 2
_NARROWEST = 10


class Columns:
    """A table that is filled row by row.

    Parameters
    ----------
    titles
        The columns; no header is shown when all are empty.
    wide
        The position of the column that wraps when the terminal is narrow; the others stay whole.
    right
        The titles of the columns that are flush right.
    """

    def __init__(self, titles: Sequence[str], wide: int | None, right: Sequence[str]) -> None:
        self._titles = titles
        self._wide = wide
        self._right = {at for at, title in enumerate(titles) if title and title in right}
        self._rows: list[tuple[Text | str, ...]] = []

    def add_row(self, *cells: Text | str) -> None:
        """Add a row; a cell that is plain text is shown as it is."""
        self._rows.append(cells)

    def drawn(self, out: Console, width: int) -> list[Text]:
        """Return the lines, no longer than the width where the wide column can help it."""
        from rich.text import Text

        rows = [[Text(cell) if isinstance(cell, str) else cell for cell in row] for row in self._rows]
        if any(self._titles):
            rows.insert(0, [Text(title, "dim") for title in self._titles])
        blocks = [[cell.split(allow_blank=True) for cell in row] for row in rows]
        widths = [
            max((line.cell_len for cell in column for line in cell), default=0) for column in zip(*blocks, strict=True)
        ]
        wide = self._wide
        if wide is not None and rows:
            room = width - sum(widths) + widths[wide] - _BETWEEN * (len(widths) - 1)
            if widths[wide] > room:
                widths[wide] = max(room, _NARROWEST)
                for row, block in zip(rows, blocks, strict=True):
                    block[wide] = row[wide].wrap(out, widths[wide])
        return [self._line(parts, widths) for block in blocks for parts in zip_longest(*block)]

    def _line(self, parts: Sequence[Text | None], widths: Sequence[int]) -> Text:
        from rich.text import Text

        line = Text()
        for at, (part, width) in enumerate(zip(parts, widths, strict=True)):
            blank = " " * (width - (part.cell_len if part else 0))
            if at in self._right:
                line.append(blank)
            if part:
                line.append_text(part)
            if at not in self._right:
                line.append(blank)
            line.append(" " * _BETWEEN)
        line.rstrip()
        return line
