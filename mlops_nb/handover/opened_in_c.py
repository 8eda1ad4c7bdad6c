"""Files that a library opens in C, in a step's kernel: no audit hook hears it, the system does.

HDF5, Arrow, Polars, XGBoost or PyTorch open files themselves, by paths that no text may name. The system is asked which
files of some folders this process opens: what a person, a server or another step does at the same time is not taken for
the step's. Where the system does not tell (macOS, Windows, Linux before 5.13, containers
that forbid it), nothing is known of such files but what the step's text names.
"""

from __future__ import annotations

import _thread
import os
from collections import deque
from contextlib import suppress
from os.path import basename
from typing import TYPE_CHECKING

from mlops_nb.handover.fanotify import (
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

_MOST_FOLDERS, _MOST_ENTRIES = 1000, 200_000
_COMES, _GOES = CREATED | MOVED_HERE, DELETED | MOVED_AWAY
_CHANGES = CLOSED_WRITTEN | _COMES | _GOES
# The queue holds some thousands of files, also of those that others open.
_LOOK_S = 0.2
_NOT_LOOKED_INTO = frozenset({"__pycache__", "node_modules", "site-packages"})
_CODE = (".py", ".pyc", ".ipynb", ".so")
# SQLite keeps these beside a database while it is in use.
_BESIDE_DATABASES = ("-journal", "-wal", "-shm")
_LOST = "ran while more files were opened there than the system could tell of"
_CLOSED = "closes files that it did not open, and what it opens can no longer be told"
_NO_TEXT = "opens a file whose name is not in UTF-8"


class OpenedInC:
    """What this process opens in folders, from `begin` to `end`.

    Parameters
    ----------
    folders
        They and what is in them are watched, nearest first; hidden folders, environments and what is beyond a thousand
        folders are not.

    Attributes
    ----------
    lost
        Why not all is known; empty when it is.
    thread
        The thread that listens, whose own doing is nobody's.
    """

    def __init__(self, folders: Iterable[str]) -> None:
        self._lock = _thread.allocate_lock()
        self._kinds: dict[str, int] = {}
        self._queue: Fanotify | None = None
        self._over = _thread.allocate_lock()
        self._wanted = tuple(folders)
        self._watched: set[str] = set()
        self.thread = 0
        self.lost = ""

    def begin(self) -> None:
        """Begin; where the system does not tell, nothing will have been opened."""
        if not self._wanted:
            return
        # No thread may be had.
        with suppress(OSError, RuntimeError):
            queue = Fanotify()
            self._watched = _watch(queue, self._wanted)
            # To look into the folders has opened them.
            for _ in queue.read():
                pass
            self._queue = queue
            self._over.acquire()
            # Not of `threading`, whose list of threads the notebook may look at; nor does it sleep by `time.sleep`, in
            # whose place the notebook may put something else.
            _thread.start_new_thread(self._empty, (queue,))

    def end(self) -> None:
        """Take what has happened so far, and be told no more."""
        with self._lock:
            if self._queue is not None:
                self._take(self._queue)
                self._queue = None
                self._over.release()

    def used(
        self, heard: set[str], changed: set[str], made: Iterable[str] = (), listed: Iterable[str] = ()
    ) -> tuple[set[str], set[str]]:
        """Return the files and folders that were read, and the files that were written, of which nothing was heard.

        A file that is written is not among those that are read: in what order, nobody knows, and what it held before
        is known from the step that wrote it. But a database is written where it is, and holds the rest as before. What
        came and went is nothing to the others. A folder counts as read when it was opened and nothing in it was
        changed, after which a database opens it too.

        Parameters
        ----------
        heard
            The files that an audit hook heard to be opened.
        changed
            Those that it heard to be written, made or taken away.
        made
            Folders that it heard to be made: what is in those that could not be watched came meanwhile too.
        listed
            Folders that it heard to be listed on nobody's behalf, by an import say.
        """
        if not self._watched:
            return set(), set()
        kinds = dict(self._kinds)
        for folder in made:
            if folder not in self._watched:
                kinds.update(dict.fromkeys(_files_in(folder), CREATED | CLOSED_WRITTEN))
        known, held = heard | kinds.keys(), _held()
        read, written = set(), set()
        for path, kind in kinds.items():
            if kind & FOLDER or path in changed or path.endswith(_CODE) or _is_beside(path, known):
                continue
            if kind & _CHANGES or (kind & OPENED and _identity(path) in held):
                gone = kind & _GOES and not kind & _COMES
                if gone or os.path.lexists(path):
                    written.add(path)
                    if _is_database(path):
                        read.add(path)
            elif path not in heard:
                read.add(path)
        busy = {os.path.dirname(path) for path, kind in kinds.items() if kind & _CHANGES}  # noqa: PTH120
        busy |= {os.path.dirname(path) for path in changed}  # noqa: PTH120
        opened = {path for path, kind in kinds.items() if kind & FOLDER and kind & OPENED and not kind & _CHANGES}
        return read | (opened - busy - heard - changed - set(listed)), written

    def _empty(self, queue: Fanotify) -> None:
        self.thread = _thread.get_ident()
        while not self._over.acquire(timeout=_LOOK_S):
            with self._lock:
                if self._queue is queue:
                    self._take(queue)
        # Here, because the system takes its time for it, and nobody needs to wait.
        queue.close()

    def _take(self, queue: Fanotify) -> None:
        try:
            for event in queue.read():
                if event.kind & LOST:
                    self.lost = _LOST
                elif not _is_text(event.path):
                    self.lost = _NO_TEXT
                elif not basename(event.path).startswith("."):  # noqa: PTH119 - a text, as all of them here
                    self._kinds[event.path] = self._kinds.get(event.path, 0) | event.kind
                    if event.kind & FOLDER and event.kind & _COMES:
                        self._came(queue, event.path)
        except OSError:
            self.lost = _CLOSED

    def _came(self, queue: Fanotify, folder: str) -> None:
        """Watch a folder that is new; what is in it already came with it."""
        new = _watch(queue, (folder,), _MOST_FOLDERS - len(self._watched))
        self._watched |= new
        for place in new:
            # To look into it has opened it.
            self._kinds[place] = self._kinds.get(place, 0) | FOLDER | CREATED
        for path in _files_in(folder):
            self._kinds.setdefault(path, CREATED | CLOSED_WRITTEN)


def _watch(queue: Fanotify, folders: Iterable[str], most: int = _MOST_FOLDERS) -> set[str]:
    """Watch folders and those in them, links to folders included, until there are too many; return which."""
    waiting, entries = deque(folders), 0
    known: set[tuple[int, int]] = set()
    watched: set[str] = set()
    while waiting and len(watched) < most and entries < _MOST_ENTRIES:
        place = waiting.popleft()
        identity = _identity(place)
        if identity is None or identity in known:
            continue
        known.add(identity)
        try:
            queue.watch(place)
        except OSError:
            # A file system without such events, or one folder too many.
            continue
        watched.add(place)
        with suppress(OSError):
            for entry in os.scandir(place):
                entries += 1
                with suppress(OSError):
                    if entry.is_dir() and _is_looked_into(entry):
                        waiting.append(entry.path)
    return watched


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


def _is_database(path: str) -> bool:
    """Say whether a file is one that is written where it is, by how it begins: SQLite's, DuckDB's and HDF5's are."""
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            start = file.read(16)
    except OSError:
        return False
    return start.startswith((b"SQLite format 3", b"\x89HDF\r\n\x1a\n")) or start[8:12] == b"DUCK"


def _identity(path: str | int) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - a text or a number
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _held() -> set[tuple[int, int] | None]:
    """Return what this process holds open for writing."""
    import fcntl

    found = set()
    for number in map(int, os.listdir("/proc/self/fd")):  # noqa: PTH208
        with suppress(OSError):
            if fcntl.fcntl(number, fcntl.F_GETFL) & (os.O_WRONLY | os.O_RDWR):
                found.add(_identity(number))
    return found - {None}
