"""What the processes that a step forks tell the step's own process: what they opened and asked for.

A forked process hears its own files, by the audit hook that it inherits, and would forget them with its end. It appends
them, one JSON line each, to a file in memory of the process that forked it. Before a byte is written it looks which
file that is: code that closes what it does not know may have given the number to a file of the user's, and then the
file in memory is opened anew by the number that it has *there*.
"""

from __future__ import annotations

import json
import mmap
import os
from contextlib import suppress

# A notebook may put something else in their place, to test code with.
from os import close, fstat, write
from os import open as open_file
from typing import Any

LOST = "forks processes, and what they opened can no longer be told"
_STEP_BYTES = 8


class Forked:
    """The file in memory of one process, and the way to it from those that it forks."""

    def __init__(self) -> None:
        self.is_child = False
        self.lost = ""
        self._number = -1
        self._identity = (0, 0)
        self._process = 0
        self._read = 0
        # The number of the step, in memory that the processes share.
        self._shared: mmap.mmap | None = None
        self._step = b""

    def follow(self) -> None:
        """Follow the processes that are forked from now on, for another step; those of earlier ones begin anew too."""
        _FOLLOWED.clear()
        _FOLLOWED.append(self)
        if self._shared is not None:
            step = int.from_bytes(self._shared[:_STEP_BYTES], "little") + 1
            self._shared[:_STEP_BYTES] = step.to_bytes(_STEP_BYTES, "little")

    def before(self) -> None:
        """Make the file, if there is none."""
        if self.is_child or self._is(self._number):
            return
        if self._number >= 0:
            self.lost = LOST
        try:
            import fcntl

            self._number = os.memfd_create("forked")
            # Who forks shares the place in the file with those that it forked.
            fcntl.fcntl(self._number, fcntl.F_SETFL, os.O_APPEND)
            self._shared = self._shared or mmap.mmap(-1, _STEP_BYTES)
        except (ImportError, AttributeError, OSError):
            # No Linux, or no room: nobody will see what is done there.
            self.lost = LOST
            return
        found = fstat(self._number)
        self._identity, self._process, self._read = (found.st_dev, found.st_ino), os.getpid(), 0

    def in_child(self) -> None:
        """Become the side that tells."""
        self.is_child = True
        self.begins_anew()

    def begins_anew(self) -> bool:
        """Say whether the process that was forked from is at another step than when this was asked last."""
        before, self._step = self._step, self._shared[:_STEP_BYTES] if self._shared is not None else b""
        return before != self._step

    def tell(self, kind: str, text: str) -> None:
        """Tell the process that was forked from."""
        line = (json.dumps([kind, text]) + "\n").encode()
        with suppress(OSError):
            if self._is(self._number):
                write(self._number, line)
                return
            number = open_file(f"/proc/{self._process}/fd/{self._number}", os.O_WRONLY | os.O_APPEND)
            try:
                if self._is(number):
                    write(number, line)
            finally:
                close(number)

    def heard(self) -> list[tuple[str, str]]:
        """Return what was told since it was asked last."""
        if self._number < 0 or self.is_child:
            return []
        if not self._is(self._number):
            self.lost = LOST
            return []
        told = os.pread(self._number, fstat(self._number).st_size - self._read, self._read)
        # A line that is being written is there next time.
        whole = told[: told.rfind(b"\n") + 1]
        self._read += len(whole)
        lines: list[Any] = [json.loads(line) for line in whole.splitlines()]
        return [(str(kind), str(text)) for kind, text in lines]

    def _is(self, number: int) -> bool:
        if number < 0:
            return False
        try:
            found = fstat(number)
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
