"""What is noted of a step's doings outside of its process: paths, by what was done to them, and words."""

from __future__ import annotations

import os
from _thread import get_ident
from typing import TYPE_CHECKING

from mlops_nb.handover.forked import Forked
from mlops_nb.handover.found_first import as_found, database_as_found
from mlops_nb.handover.links import LINK, through_links
from mlops_nb.handover.places import Places

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

# So many paths are told one by one; of more, the folders that they lie in.
_MOST_ASKED = 1000
_ASKS_MUCH = "asks for more paths outside of the project than can be told"
_KINDS = (
    *("read", "written", "asked", "imported", "emptied", "variables", "unpickled", "done"),
    *("new", "used", "looked_through", "by_hand", "timed", "dated", "found"),
)


class Heard:
    """Paths and words by kind; in a forked process they are told to the one that it was forked from."""

    def __init__(self) -> None:
        self._forked = Forked()
        self._sinks: dict[str, set[str]] = {kind: set() for kind in _KINDS}
        self.asked = self._sinks["asked"]
        self.variables = self._sinks["variables"]
        self.unpickled = self._sinks["unpickled"]
        self.read = self._sinks["read"]
        self.written = self._sinks["written"]
        self.emptied = self._sinks["emptied"]
        self.imported = self._sinks["imported"]
        self.done = self._sinks["done"]
        self._new = self._sinks["new"]
        self._used = self._sinks["used"]
        self._looked_through = self._sinks["looked_through"]
        self._by_hand = self._sinks["by_hand"]
        self.timed = self._sinks["timed"]
        self.dated = self._sinks["dated"]
        self.found = self._sinks["found"]
        self.looking = 0
        self.added: dict[str, str] = {}
        self._places = Places()

    def _forget(self) -> None:
        for sink in self._sinks.values():
            sink.clear()
        self.added.clear()

    def _note(self, kind: str, text: str) -> None:
        """Note something, and tell the process that this one was forked from."""
        sink = self._sinks[kind]
        if text not in sink:
            sink.add(text)
            if self._forked.is_child:
                self._forked.tell(kind, text)

    def _leads(self, path: str, *, last: bool = True) -> str:
        """Return where a path leads, and note the links on its way that the step has not made itself."""
        found, links = through_links(path, self._places.are_near, last=last)
        self._note_links(links)
        return found

    def _note_links(self, links: Iterable[str]) -> None:
        for link in links:
            if link.removesuffix(LINK) not in self.written:
                self._note("read", link)

    def _note_asked(self, path: str, *, near: bool) -> None:
        if len(self.asked) < _MOST_ASKED:
            self._note("asked", path)
        elif near:
            self._note("read", os.path.dirname(path))  # noqa: PTH120
        else:
            self._note("done", _ASKS_MUCH)

    def _uses(self, path: str, reads: bool, writes: bool) -> None:  # noqa: FBT001 - as the helpers above return them
        if reads:
            self._note("read", path)
        if writes:
            self.dated.discard(path)
            self._writes(path)

    def _writes(self, path: str, *, takes_away: bool = False, unless_there: bool = False) -> None:
        """Note that a path is written; a folder that is made unless it is there ends with a slash."""
        if path in self.written:
            return
        made = f"{path}{os.sep}"
        if made not in self.written and not takes_away and not os.path.lexists(path):
            self._note("new", path)
        if unless_there:
            self._note("written", made)
        else:
            self.written.discard(made)
            self._note("written", path)

    def _finds(self, path: str, mode: str = "") -> None:
        """Note what a file holds that the step has read, or asked for, and now begins to change.

        Of one that it adds to this counts when it reads the whole. Who makes a file anew (`x`) asks if it is there.
        """
        if path in self.written:
            return
        if path in self.read or path in self.asked or {"r", "+"} <= set(mode) or "x" in mode:
            self._note("found", self._as_found(path))
        elif "a" in mode:
            self.added[path] = self._as_found(path)

    def _finds_database(self, path: str) -> None:
        """Note what an SQLite database says that the step connects to: what it does there, nobody hears."""
        if path not in self.written:
            self._note("found", self._as_found(path, database_as_found))

    def _as_found(self, path: str, look: Callable[[str], str] = as_found) -> str:
        # What is opened for that is not the step's doing.
        self.looking = get_ident()
        try:
            return look(path)
        finally:
            self.looking = 0

    def _passed(self, path: str) -> bool:
        """Say whether the step made a path, or a folder above it, and left nothing there."""
        return not os.path.lexists(path) and self._is_of_its_own(path)

    def _is_of_its_own(self, path: str) -> bool:
        """Say whether the step made a path, or a folder above it."""
        path = path.rstrip(os.sep)
        while path not in self._new:
            above = os.path.dirname(path)  # noqa: PTH120 - a text, as all of them here
            if above == path:
                return False
            path = above
        return True

    def seen(self, sink: set[str], also_ignored: Iterable[str]) -> list[str]:
        """Return what was opened, without the files of Python, its packages and the machine.

        What the step itself made and took away again is nothing to the others either.
        """
        ignored, by_hand = tuple(also_ignored), self._by_hand
        return sorted(
            path
            for path in sink
            if path in self._used
            or (
                self._places.are_the_notebooks(path, ignored, by_hand)
                # Of what it asked for before it made it, it was not there.
                and (sink is self.asked or not self._passed(path))
            )
        )
