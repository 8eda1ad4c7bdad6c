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
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

CLOSED_WRITTEN, CLOSED, OPENED = 0x8, 0x10, 0x20
MOVED_AWAY, MOVED_HERE, CREATED, DELETED = 0x40, 0x80, 0x100, 0x200
LOST, FOLDER = 0x4000, 0x40000000
_ON_FILES = 0x08000000
_ALL = CLOSED_WRITTEN | CLOSED | OPENED | MOVED_AWAY | MOVED_HERE | CREATED | DELETED | FOLDER | _ON_FILES
_CLOSED_ON_EXEC, _WITHOUT_WAITING, _WITH_NAMES = 0x1, 0x2, 0xC00
_ADD, _ONLY_FOLDERS = 0x1, 0x8
_HERE, _THROUGH_LINKS = -100, 0x400
_LONGEST_HANDLE = 128
_AT_ONCE = 1 << 16
# `struct fanotify_event_metadata`; the header of an information record and its file system's id; `struct file_handle`.
_EVENT, _RECORD, _HANDLE = struct.Struct("=IBBHQii"), struct.Struct("=BBHQ"), struct.Struct("=Ii")
# FAN_EVENT_INFO_TYPE_DFID_NAME: a folder and a name in it.
_FOLDER_AND_NAME = 2


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
            self._checked(
                self._libc.fanotify_mark(
                    self.descriptor, _ADD | _ONLY_FOLDERS, ctypes.c_uint64(_ALL), ctypes.c_int(_HERE), name
                )
            )
            handle, mount = _Handle(length=_LONGEST_HANDLE), ctypes.c_int()
            self._checked(
                self._libc.name_to_handle_at(
                    ctypes.c_int(_HERE), name, ctypes.byref(handle), ctypes.byref(mount), ctypes.c_int(_THROUGH_LINKS)
                )
            )
            system = os.statvfs(folder).f_fsid & 0xFFFFFFFFFFFFFFFF
            self._folders.setdefault((system, bytes(handle.bytes[: handle.length])), folder)

    def read(self) -> Iterator[Event]:
        """Yield what this process has done since it was asked last, without waiting; `LOST` when the queue was full.

        Equal events may have become one, and of what happened to one file the order is lost.

        Raises
        ------
        OSError
            When somebody closed the queue.
        """
        # Code that closes all files it does not know may have given the number to another one.
        if os.readlink(f"/proc/self/fd/{self.descriptor}") != "anon_inode:[fanotify]":  # noqa: PTH115 - no path
            raise OSError("closed")  # noqa: EM101
        while True:
            try:
                told = os.read(self.descriptor, _AT_ONCE)
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
        with suppress(OSError):
            if os.readlink(f"/proc/self/fd/{self.descriptor}") == "anon_inode:[fanotify]":  # noqa: PTH115
                os.close(self.descriptor)

    def _named(self, record: bytes, kind: int) -> Iterator[Event]:
        if len(record) < _RECORD.size + _HANDLE.size or record[0] != _FOLDER_AND_NAME:
            return
        _, _, length, system = _RECORD.unpack_from(record)
        size, _ = _HANDLE.unpack_from(record, _RECORD.size)
        begin = _RECORD.size + _HANDLE.size
        folder = self._folders.get((system, record[begin : begin + size]))
        name = record[begin + size : length].partition(b"\0")[0]
        if folder is not None and name not in {b"", b"."}:
            yield Event(f"{folder}{os.sep}{os.fsdecode(name)}", kind)

    def _checked(self, answer: int) -> int:
        if answer < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return answer
