"""Which steps must keep their order because of files.

Two steps may change places unless one of them writes what the other reads or writes. A path that ends with `/` is a
folder that a step makes unless it is there: steps that do so for one folder are in nobody's way. Any other folder that
is written was made, emptied, moved or removed with all that lies in it, and one that is read was listed. Of a path that
is asked for only counts whether it is there.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlops_nb.handover import LINK

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True)
class FileUse:
    """The files and folders that a step reads and writes.

    `made` are the folders that it makes unless they are there, `asked` what it looks for without opening it. Paths are
    normalised.
    """

    reads: frozenset[str] = frozenset()
    writes: frozenset[str] = frozenset()
    made: frozenset[str] = frozenset()
    asked: frozenset[str] = frozenset()

    @staticmethod
    def of(reads: Iterable[str], writes: Iterable[str], asks: Iterable[str] = ()) -> FileUse:
        """Return the use that these paths are."""
        written = [path.removesuffix(LINK) for path in writes]
        read = list(reads)
        # Where a link leads is told by who makes the link.
        links = [path.removesuffix(LINK) for path in read if path.endswith(LINK)]
        return FileUse(
            frozenset(map(posixpath.normpath, (*read, *links))),
            frozenset(posixpath.normpath(path) for path in written if not path.endswith("/")),
            frozenset(posixpath.normpath(path) for path in written if path.endswith("/")),
            frozenset(map(posixpath.normpath, asks)),
        )

    def joined(self, other: FileUse) -> FileUse:
        """Return what either of two uses."""
        return FileUse(
            self.reads | other.reads, self.writes | other.writes, self.made | other.made, self.asked | other.asked
        )

    def disturbs(self, other: FileUse) -> bool:
        """Say whether something that this step writes is part of what the other one reads or writes."""
        if not (self.writes or self.made) or not (other.reads or other.writes or other.made or other.asked):
            return False
        touched = other.reads | other.writes | other.asked
        above = {folder for path in touched | other.made for folder in _above(path)}
        made = self.made - other.made
        return (
            # The same file, or a folder and what lies in it.
            not self.writes.isdisjoint(touched | other.made | above)
            or not made.isdisjoint(touched | above)
            # An entry more in a folder that the other one lists.
            or not other.reads.isdisjoint(posixpath.dirname(path) or "." for path in self.writes | self.made)
        )


def _above(path: str) -> Iterator[str]:
    while (folder := posixpath.dirname(path)) not in {path, ""}:
        yield folder
        path = folder
