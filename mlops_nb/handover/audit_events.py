"""What Python's audit events (PEP 578) say of files, programs and servers: their arguments, as paths and words."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from contextlib import suppress
from importlib.util import source_from_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

MOVES = frozenset(
    {
        "os.rename",
        "os.remove",
        "os.link",
        "os.symlink",
        "os.truncate",
        "os.rmdir",
        "os.mkdir",
        # Who asks for its time or its rights gets another answer then.
        "os.utime",
        "os.chmod",
        "os.chown",
        "shutil.copyfile",
        "shutil.move",
        "shutil.copytree",
        "shutil.rmtree",
        "shutil.make_archive",
        "shutil.unpack_archive",
    }
)
# The positions at which these events say by which open folder each of their names is meant.
_FOLDERS = {
    "os.mkdir": (2,),
    "os.remove": (1,),
    "os.rmdir": (1,),
    "os.rename": (2, 3),
    "os.link": (2, 3),
    "os.utime": (3,),
    "os.chmod": (2,),
    "os.chown": (3,),
}
# Their second argument is no path.
_OF_ONE = frozenset({"os.utime", "os.chmod", "os.chown"})
_OPEN_FOR_WRITING = os.O_WRONLY | os.O_RDWR
_WITHOUT_A_NAME = getattr(os, "O_TMPFILE", 0)
_SQLITE_URI = "file:"
_COMMAND = 60
# Code that starts programs on behalf of who calls it: the standard library, and what carries out `!` and `%%bash`.
_HERE = re.escape(f"{Path(__file__).parent}{os.sep}")
PASSED_ON = re.compile(
    r"^<frozen |site-packages[/\\](IPython|ipykernel|pexpect|ptyprocess)[/\\]"
    rf"|^{re.escape(sysconfig.get_paths()['stdlib'])}[/\\](?!.*-packages)|^{_HERE}(outside|audit_events)\.py$"
)


def _program(arguments: tuple[Any, ...]) -> str:
    """Return the program that the notebook's own code starts; what libraries start for themselves is theirs."""
    frame: FrameType | None = sys._getframe(3)  # noqa: SLF001 - who starts it
    while frame is not None and PASSED_ON.search(frame.f_code.co_filename):
        frame = frame.f_back
    # Without an end the shell itself started it, for a cell magic.
    if frame is not None and f"{os.sep}site-packages{os.sep}" in frame.f_code.co_filename:
        return ""
    command = next((given for given in arguments[1::-1] if given), "a program")
    if isinstance(command, list | tuple):
        command = " ".join(os.fsdecode(part) for part in command if isinstance(part, str | bytes | os.PathLike))
    return f"starts `{os.fsdecode(command).strip()[:_COMMAND]}`"


def _connection(arguments: tuple[Any, ...]) -> str:
    address = arguments[1]
    if not isinstance(address, tuple) or str(address[0]).startswith(("127.", "::1", "localhost")):
        return ""
    return f"connects to {address[0]}"


def is_path(given: Any) -> bool:
    """Say whether an event's argument is the path of a file, and neither a number nor a made-up name."""
    if isinstance(given, str) and given.startswith("<") and given.endswith(">"):
        # What code without a file is called (`<string>`): Python looks there for the line of a syntax error.
        return False
    return isinstance(given, str | bytes | os.PathLike) and given != ":memory:"


def absolute(given: Any) -> str:
    """Return a path as absolute text, with its links."""
    return os.path.abspath(os.fsdecode(given))  # noqa: PTH100 - called for every open, and links stay


def moved(event: str, arguments: tuple[Any, ...]) -> list[str]:
    """Return the paths that something is done to; `shutil.rmtree` names what is in a folder by the open folder."""
    paths = []
    for position, given in enumerate(arguments[: 1 if event in _OF_ONE else 2]):
        if not is_path(given):
            continue
        at = _FOLDERS.get(event, ())
        folder = arguments[at[position]] if position < len(at) and at[position] < len(arguments) else None
        if isinstance(folder, int) and folder >= 0:
            with suppress(OSError):
                opened = os.readlink(f"/proc/self/fd/{folder}")  # noqa: PTH115 - called for every file of a folder
                paths.append(os.path.join(opened, os.fsdecode(given)))  # noqa: PTH118
        else:
            paths.append(absolute(given))
    return paths


def source_of(path: str) -> str:
    """Return the source file of a compiled module."""
    with suppress(ValueError):
        return source_from_cache(path) if path.endswith(".pyc") else path
    return path


def opened(mode: Any, flags: int) -> tuple[bool, bool]:
    """Return whether what a file holds is read, and whether it is written; what is appended adds to what is there."""
    if isinstance(mode, str):
        return bool(set(mode) & {"r", "a"}), bool(set(mode) & set("wax+"))
    if flags & _WITHOUT_A_NAME == _WITHOUT_A_NAME != 0:
        # What is opened is the folder that it lies in.
        return False, False
    writes = bool(flags & _OPEN_FOR_WRITING)
    adds = bool(flags & (os.O_RDWR | os.O_APPEND)) and not flags & os.O_TRUNC
    return adds or not writes, writes


def database(given: Any) -> tuple[str, bool, bool]:
    """Return the file of an SQLite database, and whether it is read and written: neither when it lies in memory."""
    name = os.fsdecode(given)
    asked: dict[str, list[str]] = {}
    if name.startswith(_SQLITE_URI):
        uri = urlsplit(name)
        name, asked = unquote(uri.path), parse_qs(uri.query)
    on_disk = name not in {"", ":memory:"} and "memory" not in asked.get("mode", ())
    return absolute(name), on_disk, on_disk and "ro" not in asked.get("mode", ())


# What a program reads, or what a server answers, nobody sees here.
NOT_FOLLOWED: dict[str, Callable[[tuple[Any, ...]], str]] = {
    "subprocess.Popen": _program,
    "os.system": _program,
    "os.posix_spawn": _program,
    "os.forkpty": _program,
    "socket.connect": _connection,
}
