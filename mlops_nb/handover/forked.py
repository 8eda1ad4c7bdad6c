"""What the processes that a step forks tell the step's own process: what they opened and asked for.

A forked process hears its own files, by the audit hook that it inherits, and would forget them with its end. It appends
them, one JSON line each, to a file in memory of the process that forked it. That file is opened anew for each line, by
the number that it has *there*, and looked at before a byte is written: code that closes what it does not know may have
given the number to a file of the user's.
"""

from __future__ import annotations

import json
import os

# A notebook may put something else in their place, to test code with.
from os import close, fstat, write
from os import open as open_file
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LOST = "forks processes, and what they opened can no longer be told"


class Forked:
    """The file in memory of one process, and the way to it from those that it forks."""

    def __init__(self) -> None:
        self.is_child = False
        self.lost = ""
        self._number = -1
        self._identity = (0, 0)
        self._process = 0
        self._read = 0
        self._told: set[tuple[str, str]] = set()
        self._begin: Callable[[], None] = lambda: None

    def follow(self, begin: Callable[[], None]) -> None:
        """Follow the processes that are forked from now on; in each of them `begin` is called first."""
        _FOLLOWED.clear()
        _FOLLOWED.append(self)
        self._begin = begin

    def before(self) -> None:
        """Make the file, if there is none."""
        if self.is_child or self._is_there():
            return
        if self._number >= 0:
            self.lost = LOST
        try:
            self._number = os.memfd_create("forked")
        except (AttributeError, OSError):
            # No Linux, or no room: nobody will see what is done there.
            self.lost = LOST
            return
        found = fstat(self._number)
        self._identity, self._process, self._read = (found.st_dev, found.st_ino), os.getpid(), 0

    def in_child(self) -> None:
        """Become the side that tells."""
        self.is_child = True
        self._told.clear()
        self._begin()

    def tell(self, news: Iterable[tuple[str, str]]) -> None:
        """Tell the process that was forked, once, what this one did: kinds and texts."""
        new = [each for each in news if each not in self._told]
        if not new or self._number < 0:
            return
        self._told.update(new)
        lines = "".join(json.dumps(each) + "\n" for each in new)
        try:
            number = open_file(f"/proc/{self._process}/fd/{self._number}", os.O_WRONLY | os.O_APPEND)
        except OSError:
            # It has ended, and takes no interest any more.
            return
        try:
            found = fstat(number)
            if (found.st_dev, found.st_ino) == self._identity:
                write(number, lines.encode())
        finally:
            close(number)

    def heard(self) -> list[tuple[str, str]]:
        """Return what was told since it was asked last."""
        if self._number < 0 or self.is_child:
            return []
        if not self._is_there():
            self.lost = LOST
            return []
        told = os.pread(self._number, fstat(self._number).st_size - self._read, self._read)
        # A line that is being written is there next time.
        whole = told[: told.rfind(b"\n") + 1]
        self._read += len(whole)
        lines: list[Any] = [json.loads(line) for line in whole.splitlines()]
        return [(str(kind), str(text)) for kind, text in lines]

    def _is_there(self) -> bool:
        if self._number < 0:
            return False
        try:
            found = fstat(self._number)
        except OSError:
            return False
        return (found.st_dev, found.st_ino) == self._identity


# The one that is followed now; what is registered for forks cannot be taken back.
_FOLLOWED: list[Forked] = []


def _before() -> None:
    for followed in _FOLLOWED:
        followed.before()


def _in_child() -> None:
    for followed in _FOLLOWED:
        followed.in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_child=_in_child)
