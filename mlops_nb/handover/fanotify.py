"""Which files this very process opens, as Linux tells it: fanotify(7), by its calls.

An ordinary user may ask since Linux 5.13, about whole folders, and is told of each event whether it was the asking
process that did it. Container runtimes may forbid the call.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from contextlib import suppress

# A notebook may put something else in their place, to test code with; what is asked here is asked of the system.
from os import fsdecode, read, readlink
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

CLOSED_WRITTEN, CLOSED, OPENED = 0x8, 0x10, 0x20
MOVED_AWAY, MOVED_HERE, CREATED, DELETED = 0x40, 0x80, 0x100, 0x200
LOST, FOLDER = 0x4000, 0x40000000
_ON_FILES = 0x08000000
_ALL = CLOSED_WRITTEN | CLOSED | OPENED | MOVED_AWAY | MOVED_HERE | CREATED | DELETED | FOLDER | _ON_FILES
_CLOSED_ON_EXEC, _WITHOUT_WAITING, _WITH_NAMES = 0x1, 0x2, 0xC00
_ADD, _REMOVE, _ONLY_FOLDERS = 0x1, 0x2, 0x8
# AT_HANDLE_FID too, since Linux 6.5: an overlay has no other handles.
_HERE, _THROUGH_LINKS = -100, (0x600, 0x400)
_LONGEST_HANDLE = 128
_AT_ONCE = 1 << 16
# `struct fanotify_event_metadata`; the header of an information record and its file system's id; `struct file_handle`.
_EVENT, _RECORD, _HANDLE = struct.Struct("=IBBHQii"), struct.Struct("=BBHII"), struct.Struct("=Ii")
# FAN_EVENT_INFO_TYPE_DFID_NAME: a folder and a name in it.
_FOLDER_AND_NAME = 2
_WHAT_IT_IS = "anon_inode:[fanotify]"


class _Handle(ctypes.Structure):
    _fields_ = (
        ("length", ctypes.c_uint),
        ("kind", ctypes.c_int),
        ("bytes", ctypes.c_ubyte * _LONGEST_HANDLE),
    )


class Event(NamedTuple):
    """What this process did to a file; `kind` is a bit set of the constants above."""

    path: str
    kind: int


class Fanotify:
    """A queue of what this process does in the folders that are watched.

    Raises
    ------
    OSError
        When the system does not tell, or not any more (`fs.fanotify.max_user_groups`).
    """

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise OSError("no fanotify")  # noqa: EM101, TRY003
        self._libc = ctypes.CDLL(None, use_errno=True)
        try:
            init = self._libc.fanotify_init
        except AttributeError:
            raise OSError("no fanotify") from None  # noqa: EM101, TRY003
        self.descriptor = self._checked(init(_CLOSED_ON_EXEC | _WITHOUT_WAITING | _WITH_NAMES, os.O_RDONLY))
        self._process = os.getpid()
        self._folders: dict[tuple[int, bytes], str] = {}
        _OPEN.add(self.descriptor)

    def watch(self, folder: str) -> None:
        """Be told what happens to the files of a folder from now on; one that may not be looked into is left out.

        Raises
        ------
        OSError
            When the file system has no such events, or the system watches no more folders
            (`fs.fanotify.max_user_marks`).
        """
        name = os.fsencode(folder)
        with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            self._mark(_ADD, name)
            try:
                key = os.statvfs(folder).f_fsid & 0xFFFFFFFF, self._handle(name)
            except OSError:
                self._mark(_REMOVE, name)
                raise
            # A folder may be found by several names, and may have been moved.
            if key not in self._folders or not os.path.isdir(self._folders[key]):  # noqa: PTH112
                self._folders[key] = folder

    def read(self) -> Iterator[Event]:
        """Yield what this process has done since it was asked last, without waiting; `LOST` when the queue was full.

        Equal events may have become one, and of what happened to one file the order is lost.

        Raises
        ------
        OSError
            When somebody closed the queue.
        """
        # Code that closes all files it does not know may have given the number to another one.
        if not _is_queue(self.descriptor):
            raise OSError("closed")  # noqa: EM101
        while True:
            try:
                told = read(self.descriptor, _AT_ONCE)
            except BlockingIOError:
                return
            at = 0
            while at < len(told):
                length, _, _, header, kind, _, process = _EVENT.unpack_from(told, at)
                if kind & LOST:
                    yield Event("", LOST)
                elif process == self._process:
                    yield from self._named(told[at + header : at + length], kind)
                at += length

    def close(self) -> None:
        """Be told no more."""
        _OPEN.discard(self.descriptor)
        _close(self.descriptor)

    def _mark(self, how: int, name: bytes) -> None:
        mask = ctypes.c_uint64(_ALL)
        self._checked(self._libc.fanotify_mark(self.descriptor, how | _ONLY_FOLDERS, mask, ctypes.c_int(_HERE), name))

    def _handle(self, name: bytes) -> bytes:
        """Return by what the system knows a folder."""
        handle, mount = _Handle(), ctypes.c_int()
        answer = -1
        for flags in _THROUGH_LINKS:
            handle.length = _LONGEST_HANDLE
            answer = self._libc.name_to_handle_at(
                ctypes.c_int(_HERE), name, ctypes.byref(handle), ctypes.byref(mount), ctypes.c_int(flags)
            )
            if answer == 0:
                break
        self._checked(answer)
        return bytes(handle.bytes[: handle.length])

    def _named(self, record: bytes, kind: int) -> Iterator[Event]:
        if len(record) < _RECORD.size + _HANDLE.size or record[0] != _FOLDER_AND_NAME:
            return
        _, _, length, system, _ = _RECORD.unpack_from(record)
        size, _ = _HANDLE.unpack_from(record, _RECORD.size)
        begin = _RECORD.size + _HANDLE.size
        folder = self._folders.get((system, record[begin : begin + size]))
        name = record[begin + size : length].partition(b"\0")[0]
        if folder is not None:
            yield Event(folder if name in {b"", b"."} else f"{folder}{os.sep}{fsdecode(name)}", kind)

    def _checked(self, answer: int) -> int:
        if answer < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return answer


def _is_queue(descriptor: int) -> bool:
    """Say whether the number is still a queue's; `OSError` when it is nobody's."""
    return readlink(f"/proc/self/fd/{descriptor}") == _WHAT_IT_IS  # noqa: PTH115 - no path


def _close(descriptor: int) -> None:
    """Close a queue, unless it is closed and its number another file's."""
    with suppress(OSError):
        if _is_queue(descriptor):
            os.close(descriptor)


# A process that a cell forks, and that may live long, keeps no queue which nobody empties.
_OPEN: set[int] = set()


def _let_go() -> None:
    for descriptor in _OPEN:
        _close(descriptor)
    _OPEN.clear()


if sys.platform == "linux":
    os.register_at_fork(after_in_child=_let_go)
