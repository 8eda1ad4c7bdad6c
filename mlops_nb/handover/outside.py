"""What a step does outside of its process: the files it opens, the programs it starts, the servers it asks.

Seen by an audit hook (PEP 578), which hears what Python opens; what a library opens in C the system tells
(`opened_in_c`). What a program reads that was started nobody hears: so that one was started is noted.
"""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from _thread import get_ident
from contextlib import suppress
from importlib.util import source_from_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from mlops_nb.handover.opened_in_c import OpenedInC

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
_MAKES = "os.mkdir"
# The positions at which these events say by which open folder each of their names is meant.
_FOLDERS = {"os.mkdir": (2,), "os.remove": (1,), "os.rmdir": (1,), "os.rename": (2, 3), "os.link": (2, 3)}
# What takes away the name that comes first, there or not.
_TAKES_AWAY = frozenset({"os.remove", "os.rmdir", "os.rename", "shutil.rmtree", "shutil.move"})
# What `mlops_nb.step` raises: a notebook that is read for a step of it is input, as no other notebook is.
_STEP = "mlops_nb.step"
_LISTS = frozenset({"os.listdir", "os.scandir"})
_IMPORTS = re.compile(r"^<frozen |[/\\]importlib[/\\]|[/\\]importlib_metadata[/\\]|[/\\]pkg(util|_resources)\b")
# The import system, and who shows a line of a module's source, in a traceback say.
_IMPORT_SYSTEM = re.compile(r"^<frozen (importlib|zipimport)|[/\\]importlib[/\\]_bootstrap")
_SHOWS_SOURCE = re.compile(r"[/\\](linecache|inspect)\.py$")
_TOKENIZE = re.compile(r"[/\\]tokenize\.py$")
_PKGUTIL = re.compile(r"[/\\]pkgutil\.py$")
_CODE = (".py", ".pyc", ".ipynb")
_PACKAGE = f"{Path(__file__).resolve().parents[1]}{os.sep}"
_OPEN_FOR_WRITING = os.O_WRONLY | os.O_RDWR
_SQLITE_URI = "file:"


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


def _moved(event: str, arguments: tuple[Any, ...]) -> list[str]:
    """Return the paths that something is done to; `shutil.rmtree` names what is in a folder by the open folder."""
    paths = []
    for position, given in enumerate(arguments[:2]):
        if not _is_path(given):
            continue
        at = _FOLDERS.get(event, ())
        folder = arguments[at[position]] if position < len(at) and at[position] < len(arguments) else None
        if isinstance(folder, int) and folder >= 0:
            with suppress(OSError):
                opened = os.readlink(f"/proc/self/fd/{folder}")  # noqa: PTH115 - called for every file of a folder
                paths.append(os.path.join(opened, os.fsdecode(given)))  # noqa: PTH118
        else:
            paths.append(_absolute(given))
    return paths


def _opened(mode: Any, flags: int) -> tuple[bool, bool]:
    """Return whether what a file holds is read, and whether it is written; what is appended adds to what is there."""
    if isinstance(mode, str):
        return bool(set(mode) & {"r", "a"}), bool(set(mode) & set("wax+"))
    writes = bool(flags & _OPEN_FOR_WRITING)
    adds = bool(flags & (os.O_RDWR | os.O_APPEND)) and not flags & os.O_TRUNC
    return adds or not writes, writes


def _database(given: Any) -> tuple[str, bool, bool]:
    """Return the file of an SQLite database, and whether it is read and written: neither when it lies in memory."""
    name = os.fsdecode(given)
    asked: dict[str, list[str]] = {}
    if name.startswith(_SQLITE_URI):
        uri = urlsplit(name)
        name, asked = unquote(uri.path), parse_qs(uri.query)
    on_disk = name not in {"", ":memory:"} and "memory" not in asked.get("mode", ())
    return _absolute(name), on_disk, on_disk and "ro" not in asked.get("mode", ())


def _looks_for_packages(folder: Any, frame: FrameType) -> bool:
    """Say whether a folder is listed by an import or a look for a package's version.

    What else lies in the folders of `sys.path` is nothing to the step. A package's own folder is listed by `pkgutil` on
    behalf of a step that looks for plugins.
    """
    asks = frame.f_code.co_filename
    return bool(_IMPORTS.search(asks)) and not (_PKGUTIL.search(asks) and os.fsdecode(folder) not in sys.path)


def _is_shown(frame: FrameType) -> bool:
    """Say whether source is read to show a line of it, or by this package, which tells itself what it depends on."""
    reader: FrameType | None = frame
    if _TOKENIZE.search(frame.f_code.co_filename):
        reader = frame.f_back
    while reader is not None and not _SHOWS_SOURCE.search(reader.f_code.co_filename):
        if not _PASSED_ON.search(reader.f_code.co_filename):
            return reader.f_code.co_filename.startswith(_PACKAGE)
        reader = reader.f_back
    return True


def _source_of(path: str) -> str:
    """Return the source file of a compiled module."""
    with suppress(ValueError):
        return source_from_cache(path) if path.endswith(".pyc") else path
    return path


def _makes_unless_there(frame: FrameType) -> bool:
    """Say whether a folder is made by `mkdir(exist_ok=True)` or `makedirs(exist_ok=True)`."""
    code = frame.f_code
    return code.co_name in {"mkdir", "makedirs"} and bool(frame.f_locals.get("exist_ok"))


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
        self._hooked = False
        self._in_c = OpenedInC(())
        self.read: set[str] = set()
        self.written: set[str] = set()
        self.imported: set[str] = set()
        self.done: set[str] = set()
        self._new: set[str] = set()
        self._used: set[str] = set()
        self._looked_through: set[str] = set()
        self.listening = False
        self._ignored = tuple(
            str(Path(place).resolve())
            for place in {sys.prefix, sys.base_prefix, *sysconfig.get_paths().values(), *_OF_THE_MACHINE}
            if place
        )
        home = str(Path.home())
        # Caches and settings of programs live in hidden folders of the home; a person's data does not.
        self._hidden = f"{home}{os.sep}."

    def listen(self, folders: Iterable[str] = ()) -> None:
        """Begin anew: note every file opened from now on, also those that a library opens in C in these folders."""
        self._forget()
        if not self._hooked:
            self._hooked = True
            sys.addaudithook(self._heard)
        self._in_c.end()
        self._in_c = OpenedInC(folders)
        self._in_c.begin()
        self.listening = True

    def stop(self) -> None:
        """Note nothing more, and take in what was opened in C."""
        self.listening = False
        self._in_c.end()
        changed = {path.rstrip(os.sep) for path in self.written}
        made = [path for path in self._new if os.path.isdir(path)]  # noqa: PTH112
        read, written = self._in_c.used(self.read | self.imported | changed, changed, made, self._looked_through)
        self.read |= read
        self.written |= written
        self.done |= {self._in_c.lost} - {""}

    def _forget(self) -> None:
        self.read.clear()
        self.written.clear()
        self.imported.clear()
        self.done.clear()
        self._new.clear()
        self._used.clear()
        self._looked_through.clear()

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.listening or get_ident() == self._in_c.thread:
            return
        if event == _STEP:
            self._used.add(_absolute(arguments[0]))
            self.read.add(_absolute(arguments[0]))
        elif event in _NOT_FOLLOWED:
            self.done |= {told for told in (_NOT_FOLLOWED[event](arguments),) if told}
        elif event in _MOVES:
            self._moves(event, arguments, sys._getframe(1))  # noqa: SLF001 - who makes a folder
        elif arguments and _is_path(arguments[0]):
            if event == "open":
                self._opens(_absolute(arguments[0]), *_opened(*arguments[1:3]), sys._getframe(1))  # noqa: SLF001
            elif event == _SQLITE:
                # SQLite opens its file itself, and what a connection is used for nobody hears.
                self._uses(*_database(arguments[0]))
            elif event in _LISTS:
                looks = _looks_for_packages(arguments[0], sys._getframe(1))  # noqa: SLF001
                (self._looked_through if looks else self.read).add(_absolute(arguments[0]))

    def _moves(self, event: str, arguments: tuple[Any, ...], frame: FrameType) -> None:
        """Note what is renamed, copied, made or removed: both names are written, as far as an order is concerned."""
        makes = event == _MAKES and _makes_unless_there(frame)
        for position, path in enumerate(_moved(event, arguments)):
            self._writes(path, takes_away=position == 0 and event in _TAKES_AWAY, unless_there=makes)

    def _opens(self, path: str, reads: bool, writes: bool, frame: FrameType) -> None:  # noqa: FBT001
        """Note an opened file; of one with code, whether a module was imported from it."""
        if path.endswith(_CODE):
            if _IMPORT_SYSTEM.search(frame.f_code.co_filename):
                if not writes:
                    self.imported.add(_source_of(path))
                return
            if not writes and _is_shown(frame):
                return
        self._uses(path, reads, writes)

    def _uses(self, path: str, reads: bool, writes: bool) -> None:  # noqa: FBT001 - as the helpers above return them
        if reads:
            self.read.add(path)
        if writes:
            self._writes(path)

    def _writes(self, path: str, *, takes_away: bool = False, unless_there: bool = False) -> None:
        """Note that a path is written; a folder that is made unless it is there ends with a slash."""
        if path in self.written:
            return
        made = f"{path}{os.sep}"
        if made not in self.written and not takes_away and not os.path.lexists(path):
            self._new.add(path)
        if unless_there:
            self.written.add(made)
        else:
            self.written.discard(made)
            self.written.add(path)

    def _passed(self, path: str) -> bool:
        """Say whether the step made a path, or a folder above it, and left nothing there."""
        if os.path.lexists(path):
            return False
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
        ignored = (*self._ignored, *also_ignored)
        return sorted(
            path
            for path in sink
            if path in self._used
            or (
                not path.endswith((".pyc", ".so"))
                and "/site-packages/" not in path
                and "/__pycache__" not in path
                and not path.startswith(_PACKAGE)
                and "/ipykernel_" not in path
                and not path.startswith(self._hidden)
                and not any(path == place or path.startswith(f"{place}{os.sep}") for place in ignored)
                and not self._passed(path)
            )
        )

    def loaded(self) -> dict[str, str]:
        """Return the source file of each loaded module that is not of Python, its packages or the machine."""
        modules = {name: getattr(module, "__file__", None) for name, module in list(sys.modules.items())}
        files = {name: os.path.abspath(path) for name, path in modules.items() if isinstance(path, str)}  # noqa: PTH100
        own = set(self.seen({path for path in files.values() if path.endswith(".py")}, ()))
        return {name: path for name, path in sorted(files.items()) if path in own}
