"""What a step does outside of its process: the files it opens, the programs it starts, the servers it asks.

Seen by an audit hook (PEP 578), which hears what Python opens. A file that a library opens in C, and what a program
that was started reads, nobody hears: so that a program was started is noted.
"""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import FrameType

_OF_THE_MACHINE = ("/proc", "/dev", "/sys", "/etc", "/usr", "/lib", "/run", "/var/lib", "/var/cache")
_MOVES = frozenset(
    {
        "os.rename",
        "os.remove",
        "os.link",
        "os.symlink",
        "os.truncate",
        "os.rmdir",
        "os.mkdir",
        "shutil.copyfile",
        "shutil.move",
        "shutil.copytree",
        "shutil.rmtree",
        "shutil.make_archive",
        "shutil.unpack_archive",
    }
)
_COMMAND = 60
# Code that starts programs on behalf of who calls it: the standard library, and what carries out `!` and `%%bash`.
_PASSED_ON = re.compile(
    r"^<frozen |site-packages[/\\](IPython|ipykernel|pexpect|ptyprocess)[/\\]"
    rf"|^{re.escape(sysconfig.get_paths()['stdlib'])}[/\\](?!.*-packages)|^{re.escape(__file__)}$"
)
_SQLITE = "sqlite3.connect"
# What `mlops_nb.step` raises: a notebook that is read for a step of it is input, as no other notebook is.
_STEP = "mlops_nb.step"
_LISTS = frozenset({"os.listdir", "os.scandir"})
_IMPORTS = re.compile(r"^<frozen |[/\\]importlib[/\\]|[/\\]importlib_metadata[/\\]|[/\\]pkg(util|_resources)\b")
_OPEN_FOR_WRITING = os.O_WRONLY | os.O_RDWR


def _program(arguments: tuple[Any, ...]) -> str:
    """Return the program that the notebook's own code starts; what libraries start for themselves is theirs."""
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 - who starts it
    while frame is not None and _PASSED_ON.search(frame.f_code.co_filename):
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


def _is_path(given: Any) -> bool:
    if isinstance(given, str) and given.startswith("<") and given.endswith(">"):
        # What code without a file is called (`<string>`): Python looks there for the line of a syntax error.
        return False
    return isinstance(given, str | bytes | os.PathLike) and given != ":memory:"


def _absolute(given: Any) -> str:
    return os.path.abspath(os.fsdecode(given))  # noqa: PTH100 - called for every open, and links stay


# What a program reads, or what a server answers, nobody sees here.
_NOT_FOLLOWED: dict[str, Callable[[tuple[Any, ...]], str]] = {
    "subprocess.Popen": _program,
    "os.system": _program,
    "os.posix_spawn": _program,
    "os.forkpty": _program,
    "socket.connect": _connection,
}


class Outside:
    """What the process did outside of itself; the hook cannot be removed, only muted."""

    def __init__(self) -> None:
        self.read: set[str] = set()
        self.written: set[str] = set()
        self.done: set[str] = set()
        self._used: set[str] = set()
        self.listening = False
        self._ignored = tuple(
            str(Path(place).resolve())
            for place in {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), *_OF_THE_MACHINE}
            if place
        )
        home = str(Path.home())
        # Caches and settings of programs live in hidden folders of the home; a person's data does not.
        self._hidden = f"{home}{os.sep}."

    def listen(self) -> None:
        """Note every file opened from now on."""
        self.listening = True
        sys.addaudithook(self._heard)

    def forget(self) -> None:
        """Begin anew."""
        self.read.clear()
        self.written.clear()
        self.done.clear()
        self._used.clear()

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.listening:
            return
        if event == _STEP:
            self._used.add(_absolute(arguments[0]))
        elif event in _NOT_FOLLOWED:
            self.done |= {told for told in (_NOT_FOLLOWED[event](arguments),) if told}
        elif event in _MOVES:
            # Renamed, copied, made or removed: both names are written, as far as an order is concerned.
            self.written |= set(map(_absolute, filter(_is_path, arguments[:2])))
        elif event == "open" and _is_path(arguments[0]):
            mode, flags = arguments[1], arguments[2]
            writes = (
                any(letter in mode for letter in "wax+") if isinstance(mode, str) else bool(flags & _OPEN_FOR_WRITING)
            )
            (self.written if writes else self.read).add(_absolute(arguments[0]))
        elif (
            (event in _LISTS or event == _SQLITE)
            and arguments
            and _is_path(arguments[0])
            # An import, or a look for a package's version, lists the folders of `sys.path`: what else lies in them is
            # nothing to the step. SQLite opens its file itself.
            and not _IMPORTS.search(sys._getframe(1).f_code.co_filename)  # noqa: SLF001 - who lists
        ):
            self.read.add(_absolute(arguments[0]))

    def seen(self, sink: set[str], also_ignored: Iterable[str]) -> list[str]:
        """Return what was opened, without the files of Python, its packages and the machine."""
        ignored = (*self._ignored, *also_ignored)
        return sorted(
            path
            for path in sink
            if path in self._used
            or (
                not path.endswith((".py", ".pyc", ".so", ".pth", ".ipynb"))
                and "/site-packages/" not in path
                and "/ipykernel_" not in path
                and not path.startswith(self._hidden)
                and not any(path == place or path.startswith(f"{place}{os.sep}") for place in ignored)
            )
        )
