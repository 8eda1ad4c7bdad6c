"""What a step does outside of its process: the files it opens, the programs it starts, the servers it asks.

Seen by an audit hook (PEP 578), which hears what Python opens; what a library opens in C the system tells
(`opened_in_c`), what is asked without opening anything those who ask (`asked`), and what happens in processes that are
forked they (`forked`). What a program reads that was started nobody hears: so that one was started is noted.
"""

from __future__ import annotations

import os
import re
import sys
from _thread import get_ident
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.handover.asked import (
    asked_by_notebook,
    hear_no_questions,
    is_by_hand,
    is_of_nobody,
    listen_to_questions,
    looks_up_by_hand,
    only_size,
    only_whether,
    path_asked,
    sought,
)
from mlops_nb.handover.audit_events import (
    MOVES,
    NOT_FOLLOWED,
    absolute,
    database,
    is_path,
    moved,
    opened,
    source_of,
)
from mlops_nb.handover.callers import (
    is_shown,
    looks_for_packages,
    makes_unless_there,
    stats_of_entries,
    takes_a_folder_away,
)
from mlops_nb.handover.found_first import found_in
from mlops_nb.handover.heard import Heard
from mlops_nb.handover.launched import SPAWNED, launched
from mlops_nb.handover.links import LINK
from mlops_nb.handover.opened_in_c import OpenedInC
from mlops_nb.handover.places import Places

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType

_SQLITE = "sqlite3.connect"
_MAKES = "os.mkdir"
# What takes away the name that comes first, there or not.
_TAKES_AWAY = frozenset({"os.remove", "os.rmdir", "os.rename", "shutil.rmtree", "shutil.move"})
# What has a time set, or keeps the one that it had under another name.
_GIVES_A_TIME = frozenset({"os.utime", "os.rename", "shutil.move"})
# What `mlops_nb.step` raises: a notebook that is read for a step of it is input, as no other notebook is.
_STEP = "mlops_nb.step"
_LOADS, _IMPORTS_COMPILED = "ctypes.dlopen", "import"
_UNPICKLES = "pickle.find_class"
_SCANS = "os.scandir"
_LISTS = frozenset({"os.listdir", _SCANS})
_OF_FILES = _LISTS | {"open", _SQLITE, _LOADS}
_HEARD = MOVES | NOT_FOLLOWED.keys() | _OF_FILES | {_STEP, _UNPICKLES, _IMPORTS_COMPILED}
_IMPORT_SYSTEM = re.compile(r"^<frozen (importlib|zipimport)|[/\\]importlib[/\\]_bootstrap")
_CODE = (".py", ".pyc", ".ipynb")


class Outside(Heard):
    """What the process did outside of itself; the hook cannot be removed, only muted."""

    def __init__(self) -> None:
        super().__init__()
        self._hooked = False
        self._in_c = OpenedInC(())
        self._launched = launched()
        self.in_workers = False
        self.listening = False

    def listen(self, folders: Iterable[str] = ()) -> None:
        """Begin anew: note every file opened from now on, also those that a library opens in C in these folders."""
        self._forget()
        if not self._hooked:
            self._hooked = True
            sys.addaudithook(self._heard)
        folders = tuple(folders)
        self._places = Places(folders)
        self._in_c.end()
        self._in_c = OpenedInC(folders)
        self._in_c.begin()
        self._forked.follow()
        self._launched = launched()
        listen_to_questions(self._asks, self._looks_up, self._looks_for)
        self.listening = True

    def stop(self) -> None:
        """Note nothing more, and take in what was opened in C."""
        self.listening = False
        hear_no_questions()
        now = launched()
        self.in_workers = now.tasks != self._launched.tasks
        if now.spawned and now.processes != self._launched.processes:
            self.done.add(SPAWNED)
        self._in_c.end()
        for kind, told in self._forked.heard():
            self._sinks[kind].add(told)
        changed = {path.rstrip(os.sep) for path in self.written}
        made = [path for path in self._new if os.path.isdir(path)]  # noqa: PTH112
        read, written = self._in_c.used(self.read | self.imported | changed, changed, made, self._looked_through)
        self.read |= read
        self.written |= written
        self.done |= {self._in_c.lost, self._forked.lost} - {""}
        # What was in a folder that was taken away is told by the folder.
        taken = tuple(f"{path}{os.sep}" for path in self.emptied if path in self.written)
        self.written -= {path for path in self.written if path.startswith(taken) and not os.path.lexists(path)}
        self._leave_out_what_is_known_anyway()

    def _leave_out_what_is_known_anyway(self) -> None:
        """Keep of the questions those whose answer nothing else tells."""
        written = {path.rstrip(os.sep) for path in self.written}
        there = {path for path in written | self.read if os.path.lexists(path)}
        # That a folder is there is no news of one in which something was opened, nor of the one that the step is in.
        with suppress(OSError):
            there.add(os.path.join(os.getcwd(), "here"))  # noqa: PTH109, PTH118
        found = found_in(self.found, self.written)
        self.asked -= self.read | {path for path in written if not self._passed(path) and path not in found}
        self.asked -= {str(above) for path in there for above in Path(path).parents}
        every = set(os.environ)
        if every <= self.variables:
            # It copied the environment, for a program say.
            self.variables -= every

    def _is_nobodys(self) -> bool:
        if self._forked.is_child:
            # It has no such thread, and another one may have its number.
            if self._forked.begins_anew():
                self._forget()
            return not self.listening or get_ident() == self.looking
        return not self.listening or get_ident() in {self._in_c.thread, self.looking}

    def _asks(self, question: str, given: Any, folder: Any) -> None:
        """Note what is asked for without being opened: whether it is there, or more, which only its content tells."""
        if self._is_nobodys():
            return
        frame = sys._getframe(2)  # noqa: SLF001 - who asks
        # First what is asked most often: by an import, and again.
        if is_of_nobody(frame) or (type(given) is str and self._is_known(given, question, frame)):
            return
        path = path_asked(given, folder)
        if not path or self._is_known(path, question, frame) or self._is_of_its_own(path):
            return
        whether = asked_by_notebook(question, frame)
        near = self._places.are_near(path)
        if near and question == "readlink":
            self._note_links([f"{self._leads(path, last=False)}{LINK}"] if is_by_hand(frame) else [])
            return
        path = self._leads(path, last=question != "lstat") if near and whether is not None else path
        # What a library asks for elsewhere is its own: settings, programs.
        if whether is None or not (near or is_by_hand(frame)):
            return
        if not whether:
            self._note("read", path)
            if not only_size(frame):
                self._note("timed", path)
        else:
            self._note_asked(path, near=near)

    def _looks_for(self, module: str, folders: Iterable[str] | None, file: str | None) -> None:
        """Note where a module would have to lie that the notebook looks for, and where settings that it reads would."""
        if self._is_nobodys():
            return
        for path in sought(module, folders, file, sys._getframe(2)):  # noqa: SLF001 - who looks for it
            if self._places.are_near(path) and not self._is_of_its_own(path):
                self._note_asked(path, near=True)

    def _is_known(self, path: str, question: str, frame: FrameType) -> bool:
        whether = question == "access" or only_whether(frame)
        if path in self.read:
            return path in self.timed or whether or only_size(frame)
        return path in self.asked and whether

    def _looks_up(self, name: str) -> None:
        """Note which variable of the environment the notebook looks up."""
        if not self._is_nobodys() and name not in self.variables and looks_up_by_hand(sys._getframe(2)):  # noqa: SLF001
            self._note("variables", name)

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        # First of all: to look who does it is an event as well.
        if event not in _HEARD or self._is_nobodys():
            return
        frame = sys._getframe(1)  # noqa: SLF001 - who does it
        if event in NOT_FOLLOWED:
            if told := NOT_FOLLOWED[event](arguments):
                self._note("done", told)
        elif event in MOVES:
            self._moves(event, arguments, frame)
        elif event in _OF_FILES:
            if event in _LISTS and arguments[0] is None:
                # `os.listdir()` is of the folder that the step is in.
                arguments = (os.curdir,)
            if arguments and is_path(arguments[0]) and not takes_a_folder_away(frame):
                self._hears_of_file(event, arguments, frame)
        else:
            self._hears_of_code(event, arguments)

    def _hears_of_code(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == _STEP:
            self._note("used", absolute(arguments[0]))
            self._note("read", absolute(arguments[0]))
        elif event == _UNPICKLES:
            if arguments[0] == "__main__":
                self._note("unpickled", str(arguments[1]))
        elif isinstance(arguments[1], str) and arguments[1].endswith(".so"):
            # A compiled module is loaded by the system, and not opened by Python.
            self._note("by_hand", absolute(arguments[1]))
            self._note("imported", absolute(arguments[1]))

    def _hears_of_file(self, event: str, arguments: tuple[Any, ...], frame: FrameType) -> None:
        path = absolute(arguments[0])
        if path.startswith("/proc/"):
            # Nobody's, and the way on which a forked process tells.
            return
        path = self._leads(path)
        if event == "open":
            self._opens(path, arguments[1], *opened(*arguments[1:3]), frame)
        elif event == _SQLITE:
            # SQLite opens its file itself, and what a connection is used for nobody hears.
            path, reads, writes = database(arguments[0])
            path = self._leads(path)
            if writes:
                self._finds_database(path)
            self._uses(path, reads, writes)
        elif event in _LISTS:
            self._note("looked_through" if looks_for_packages(arguments[0], frame) else "read", path)
            for file in stats_of_entries(path, frame) if event == _SCANS else ():
                if not self._is_of_its_own(file):
                    self._note("read", file)
                    self._note("timed", file)
        elif os.path.dirname(os.fsdecode(arguments[0])):  # noqa: PTH120
            # A library that is loaded; one without a folder the system looks for in places of its own.
            self._note("by_hand", path)
            self._note("read", path)

    def _moves(self, event: str, arguments: tuple[Any, ...], frame: FrameType) -> None:
        """Note what is renamed, copied, made or removed: both names are written, as far as an order is concerned."""
        makes = event == _MAKES and makes_unless_there(frame)
        paths = moved(event, arguments)
        if event in _GIVES_A_TIME and self._is_given_a_time(event, arguments, paths):
            self.dated.update(paths)
        for position, path in enumerate(self._leads(path, last=False) for path in paths):
            self._finds(path)
            takes_away = position == 0 and event in _TAKES_AWAY
            if takes_away:
                self._note("emptied", path)
            self._writes(path, takes_away=takes_away, unless_there=makes)

    def _is_given_a_time(self, event: str, arguments: tuple[Any, ...], paths: list[str]) -> bool:
        """Say whether a file is of another time now than of that at which the step wrote it."""
        if event == "os.utime":
            return any(arguments[1:3])
        return bool(paths) and (paths[0] not in self.written or paths[0] in self.dated)

    def _opens(self, path: str, mode: Any, reads: bool, writes: bool, frame: FrameType) -> None:  # noqa: FBT001
        """Note an opened file; of one with code, whether a module was imported from it."""
        if path.endswith(_CODE):
            if _IMPORT_SYSTEM.search(frame.f_code.co_filename):
                if not writes:
                    self._note("imported", source_of(path))
                return
            if not writes and is_shown(frame):
                return
        if writes and path not in self.written and os.path.isdir(path):  # noqa: PTH112
            # What opens a file in it, by a function of its own, is heard as well.
            return
        if path not in self._by_hand and self._places.is_hidden(path) and is_by_hand(frame):
            self._note("by_hand", path)
        mode = mode if isinstance(mode, str) else ""
        if writes:
            self._finds(path, mode)
        if path in self.added and (not writes or "r" in mode):
            self._note("found", self.added[path])
        self._uses(path, reads, writes)

    def loaded(self) -> dict[str, str]:
        """Return the source file of each loaded module that is not of Python, its packages or the machine."""
        modules = {name: getattr(module, "__file__", None) for name, module in list(sys.modules.items())}
        files = {
            name: os.path.abspath(path)  # noqa: PTH100
            for name, path in modules.items()
            # Most are a package's, which `seen` would find out more slowly.
            if isinstance(path, str) and path.endswith(".py") and "/site-packages/" not in path
        }
        own = set(self.seen(set(files.values()), ()))
        return {name: path for name, path in sorted(files.items()) if path in own}
