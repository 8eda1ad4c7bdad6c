"""Files that a library opens in C, in a step's kernel: no audit hook hears it, the system does.

HDF5, Arrow, Polars, XGBoost or PyTorch open files themselves, by paths that no text may name. The system is asked which
files of some folders this process opens, and not a word of others: what a person, a server or another step does at the
same time is not taken for the step's. Where the system does not tell (macOS, Windows, Linux before 5.13, containers
that forbid it), nothing is known of such files but what the step's text names.
"""

from __future__ import annotations

import _thread
import os
import threading
import time
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from mlops_nb.handover.fanotify import (
    CLOSED,
    CLOSED_WRITTEN,
    CREATED,
    DELETED,
    FOLDER,
    LOST,
    MOVED_AWAY,
    MOVED_HERE,
    OPENED,
    Fanotify,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MOST_FOLDERS = 1000
_COMES = CREATED | MOVED_HERE
_CHANGES = CLOSED_WRITTEN | DELETED | MOVED_AWAY | _COMES
# The queue holds some thousands of files, also of those that others open.
_LOOK_S = 0.2
_NOT_LOOKED_INTO = frozenset({"__pycache__", "node_modules", "site-packages"})
_CODE = (".py", ".pyc", ".ipynb", ".so")
# SQLite keeps these beside a database while it is in use.
_BESIDE_DATABASES = ("-journal", "-wal", "-shm")
_LOST = "opens more files than the system could tell of"
_CLOSED = "closes files that it did not open, and what it opens can no longer be told"
_NO_TEXT = "opens a file whose name is not in UTF-8"


class OpenedInC:
    """What this process opens in folders, from `begin` to `end`.

    Parameters
    ----------
    folders
        They and what is in them are watched, nearest first; hidden folders, environments and what is beyond a thousand
        folders are not.
    """

    def __init__(self, folders: Iterable[str]) -> None:
        self._lock = threading.Lock()
        self._kinds: dict[str, int] = {}
        self._queue: Fanotify | None = None
        self._told = False
        self._wanted = tuple(folders)
        self.lost = ""

    def begin(self) -> None:
        """Begin anew."""
        self.end()
        self._kinds, self.lost = {}, ""
        with suppress(OSError):
            self._queue = Fanotify()
            _watch(self._queue, self._wanted)
            self._told = True
            # Not of `threading`, whose list of threads the notebook may look at.
            _thread.start_new_thread(self._empty, (self._queue,))

    def end(self) -> None:
        """Take what has happened so far, and be told no more."""
        with self._lock:
            if self._queue is not None:
                self._take(self._queue)
                self._queue.close()
                self._queue = None

    def used(self, heard: set[str], changed: set[str], made: Iterable[str]) -> tuple[set[str], set[str]]:
        """Return the files that were read and those that were written, of which an audit hook heard nothing.

        A file that is written is not among those that are read: in what order, nobody knows, and what it held before
        is known from the step that wrote it. What came and went is nothing to the others.

        Parameters
        ----------
        heard
            The files that were heard to be opened.
        changed
            Those that were heard to be written, made or taken away.
        made
            Folders that were made meanwhile: what is in them came meanwhile too.
        """
        if not self._told:
            return set(), set()
        kinds = dict(self._kinds)
        for folder in (*made, *(path for path, kind in self._kinds.items() if kind & FOLDER and kind & _COMES)):
            for path in _files_in(folder):
                kinds.setdefault(path, CREATED | CLOSED_WRITTEN)
        read, written = set(), set()
        for path, kind in kinds.items():
            if kind & FOLDER or path in changed or path.endswith(_CODE) or _is_beside(path, heard | kinds.keys()):
                continue
            if kind & _CHANGES or (kind & OPENED and not kind & CLOSED and _is_held(path)):
                if not kind & CREATED or os.path.lexists(path):
                    written.add(path)
            elif path not in heard:
                read.add(path)
        return read, written

    def _empty(self, queue: Fanotify) -> None:
        while True:
            time.sleep(_LOOK_S)
            with self._lock:
                if self._queue is not queue:
                    return
                self._take(queue)

    def _take(self, queue: Fanotify) -> None:
        try:
            for event in queue.read():
                if event.kind & LOST:
                    self.lost = _LOST
                elif not _is_text(event.path):
                    self.lost = _NO_TEXT
                elif not os.path.basename(event.path).startswith("."):  # noqa: PTH119 - for each event
                    self._kinds[event.path] = self._kinds.get(event.path, 0) | event.kind
        except OSError:
            self.lost = _CLOSED


def _watch(queue: Fanotify, folders: Iterable[str]) -> None:
    """Watch folders and those in them, links to folders included, until there are too many."""
    waiting = deque(folders)
    known: set[tuple[int, int]] = set()
    while waiting and len(known) < _MOST_FOLDERS:
        place = waiting.popleft()
        try:
            found = os.stat(place)  # noqa: PTH116 - a text, as all of them here
        except OSError:
            continue
        if (found.st_dev, found.st_ino) in known:
            continue
        known.add((found.st_dev, found.st_ino))
        try:
            queue.watch(place)
        except OSError:
            # A file system without such events, or one folder too many.
            continue
        with suppress(OSError):
            for entry in os.scandir(place):
                with suppress(OSError):
                    if entry.is_dir() and _is_looked_into(entry):
                        waiting.append(entry.path)


def _is_looked_into(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith(".") or entry.name in _NOT_LOOKED_INTO:
        return False
    if entry.is_symlink() and os.path.realpath(entry.path).count(os.sep) <= 1:
        # A folder at the system's top, `/tmp` say.
        return False
    marks = ("pyvenv.cfg", "conda-meta")
    return not any(os.path.lexists(os.path.join(entry.path, mark)) for mark in marks)  # noqa: PTH118


def _files_in(folder: str) -> Iterator[str]:
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _NOT_LOOKED_INTO]
        yield from (f"{place}{os.sep}{name}" for name in names if not name.startswith(".") and _is_text(name))


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_beside(path: str, others: set[str]) -> bool:
    """Say whether a file is only there while a database is used."""
    return any(path.endswith(ending) and path.removesuffix(ending) in others for ending in _BESIDE_DATABASES)


def _is_held(path: str) -> bool:
    """Say whether this process holds a file open for writing."""
    import fcntl

    try:
        wanted = os.stat(path)  # noqa: PTH116
    except OSError:
        return False
    for number in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208
        with suppress(OSError):
            writes = fcntl.fcntl(number, fcntl.F_GETFL) & (os.O_WRONLY | os.O_RDWR)
            if writes and os.path.samestat(os.stat(number), wanted):  # noqa: PTH116
                return True
    return False
