"""Counts the writes of a run, over all of its processes, and kills the run at one of them.

It is copied as `faults.py` into the project that is run, so that a step's kernel counts too; nothing of mlops_nb knows
of it. Writes are noted in a file, in the order in which they come, in records of one length.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

RECORD = 240
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def _under(path: object, root: str) -> bool:
    if not isinstance(path, str | os.PathLike):
        return False
    place = os.path.abspath(os.fspath(path))  # noqa: PTH100 - Path would cost more, and resolve links
    return place.startswith(root) and "__pycache__" not in place


def _place(event: str, args: tuple[Any, ...], root: str) -> str:
    """Return what an audited event is about to write; nothing when it writes nothing of the project."""
    if event == "open" and _under(args[0], root):
        mode, flags = args[1], args[2]
        writes = any(letter in mode for letter in "wax+") if isinstance(mode, str) else bool(flags & _WRITES)
        return f"open {args[0]}" if writes else ""
    if event == "os.mkdir" and Path(args[0]).exists():
        return ""
    if event in {"os.rename", "os.mkdir", "os.chmod", "os.remove", "os.truncate"} and _under(args[0], root):
        return f"{event} {args[0]}"
    return ""


def arm(root: str, counter: str, at: int, victim: int) -> None:
    """From now on note each write below `root`, and kill the process `victim` at the one with this number."""

    # Python's own `open` would be heard by the hook, and by whoever watches which files a step writes.
    libc = ctypes.CDLL(None, use_errno=True)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT

    def reached(what: str) -> None:
        place = libc.open(counter.encode(), flags, 0o600)
        noted = f"{'run' if os.getpid() == victim else 'kernel'} {what}"[-RECORD + 1 :].ljust(RECORD - 1) + "\n"
        libc.write(place, noted.encode("ascii", "replace"), RECORD)
        number = libc.lseek(place, 0, os.SEEK_END) // RECORD
        libc.close(place)
        if number == at:
            os.kill(victim, signal.SIGKILL)

    def on_sql(statement: str) -> None:
        if statement.startswith(("BEGIN IMMEDIATE", "COMMIT")):
            reached(f"sql {statement}")

    def hook(event: str, args: tuple[Any, ...]) -> None:
        what = _place(event, args, root)
        if what:
            reached(what)

    sys.addaudithook(hook)
    # SQLite writes without a word to Python: what it is asked to do says when it does.
    connect = sqlite3.connect

    def connected(*args: Any, **options: Any) -> Any:
        connection = connect(*args, **options)
        connection.set_trace_callback(on_sql)
        return connection

    sqlite3.connect = sqlite3.dbapi2.connect = connected


def _told(name: str) -> str:
    """Return a variable of the environment; of C, or the notebook would depend on it, being imported there."""
    getenv = ctypes.CDLL(None).getenv
    getenv.restype = ctypes.c_char_p
    return os.fsdecode(getenv(name.encode()) or b"")


if _told("FAULT_COUNTER"):
    arm(_told("FAULT_ROOT"), _told("FAULT_COUNTER"), int(_told("FAULT_AT")), int(_told("FAULT_VICTIM")))
