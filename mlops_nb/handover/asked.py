"""What a step asks about files without opening them, and which variables of the environment it looks up.

No audit hook hears `os.stat`: in a step's kernel `os.stat`, `os.lstat` and `os.access` are callables that tell who
listens of what is asked, and then ask. `os.environ` tells by the function with which it encodes a name. Whether a
question is the notebook's is seen from who asks: its cells, its modules, or a library on their behalf, but neither an
import nor the shell.
"""

from __future__ import annotations

import inspect
import os
import re
import sys
import sysconfig
import types
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from mlops_nb.handover.process_state import is_of_project

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_ASKED_BY = ("stat", "lstat", "access")
# Functions that ask of a path whether it is there, and what kind of thing it is.
_WHETHER = frozenset(
    {
        *("exists", "lexists", "isfile", "isdir", "islink", "ismount", "isjunction"),
        *("is_file", "is_dir", "is_symlink", "is_mount", "is_socket", "is_fifo", "is_block_device"),
        *("is_char_device", "is_junction"),
    }
)
# What these ask of folders is a part of how they go about it: who makes a folder writes, who resolves a path names it.
_BY_THE_WAY = frozenset({"realpath", "_joinrealpath", "resolve", "mkdir", "makedirs", "rmtree", "_rmtree_safe_fd"})
_PATHS = re.compile(
    r"[/\\](genericpath|posixpath|ntpath|pathlib([/\\]\w+)?)\.py$|^<frozen (genericpath|posixpath|ntpath)>"
)
_ASKS_BY_THE_WAY = re.compile(r"[/\\](os|shutil)\.py$|^<frozen os>")
_CELL = re.compile(r"[/\\]ipykernel_\d+[/\\]|^<ipython-input-")
_NOBODYS = re.compile(
    r"^<frozen (importlib|zipimport)|[/\\]importlib[/\\]|[/\\](linecache|inspect|traceback)\.py$"
    r"|site-packages[/\\](IPython|ipykernel|traitlets|jupyter_client|pkg_resources)[/\\]"
)
_ENVIRONMENT = re.compile(r"[/\\](os|_collections_abc)\.py$|^<frozen (os|_collections_abc)>")
_STANDARD = re.compile(
    r"^<frozen (?!importlib|zipimport)"
    rf"|^{re.escape(sysconfig.get_paths()['stdlib'])}[/\\](?!.*-packages|importlib[/\\])|^{re.escape(__file__)}$"
)
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep  # noqa: PTH100, PTH120


class Asked(NamedTuple):
    """One question: an absolute path, and whether only its being there counts."""

    path: str
    whether: bool


class _Told:
    """Who is told at the moment; a kernel has one listener."""

    file: Callable[[str, Any, Any], None] | None = None
    variable: Callable[[str], None] | None = None


class Question:
    """A function of the system that tells of each call; for the rest it is what it stands for."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask
        self.__module__ = "os"
        self.__doc__ = ask.__doc__

    def __call__(self, *given: Any, **named: Any) -> Any:
        """Tell, and ask."""
        told = _Told.file
        if told is not None:
            told(self._ask.__name__, given[0] if given else named.get("path"), named.get("dir_fd"))
        return self._ask(*given, **named)

    # What `isinstance` is to believe.
    __class__ = property(lambda _: types.BuiltinFunctionType)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ask, name)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self._ask)

    def __repr__(self) -> str:
        return repr(self._ask)

    def __eq__(self, other: object) -> bool:
        # `os.supports_follow_symlinks` and its like hold the functions themselves.
        return other is self or other == self._ask

    def __hash__(self) -> int:
        return hash(self._ask)

    def __reduce__(self) -> str:
        # A name in `os`, which another process has as well.
        return str(self._ask.__name__)


def listen_to_questions(file: Callable[[str, Any, Any], None], variable: Callable[[str], None]) -> None:
    """Tell these from now on: of each question its name, the path and its `dir_fd`; of each variable its name."""
    put_questions()
    _Told.file, _Told.variable = file, variable


def hear_no_questions() -> None:
    """Tell nobody any more."""
    _Told.file = _Told.variable = None


def put_questions() -> None:
    """Put the questions in the place of the system's functions, once in a process."""
    for name in _ASKED_BY:
        ask = vars(os)[name]
        if type(ask) is types.BuiltinFunctionType:
            setattr(os, name, Question(ask))
    environment: Any = os.environ
    if not isinstance(environment.encodekey, _EncodeKey):
        environment.encodekey = _EncodeKey(environment.encodekey)


class _EncodeKey:
    """What `os.environ` calls with each name; it tells of those that are looked up."""

    def __init__(self, encode: Callable[[str], Any]) -> None:
        self._encode = encode

    def __call__(self, name: str) -> Any:
        told = _Told.variable
        if told is not None and sys._getframe(1).f_code.co_name == "__getitem__":  # noqa: SLF001 - not set, not deleted
            told(name)
        return self._encode(name)


def path_asked(given: Any, folder: Any) -> str:
    """Return the absolute path of a question, relative to an open folder where one is given; empty for none."""
    if not isinstance(given, str | bytes | os.PathLike):
        return ""
    path = os.fsdecode(given)
    if not path or "\0" in path or (path.startswith("<") and path.endswith(">")):
        return ""
    if isinstance(folder, int) and folder >= 0:
        with suppress(OSError):
            return os.path.join(os.readlink(f"/proc/self/fd/{folder}"), path)  # noqa: PTH115, PTH118
        return ""
    return os.path.abspath(path)  # noqa: PTH100 - links stay


def only_whether(frame: FrameType) -> bool:
    """Say whether who calls the system's function asks of a path no more than whether it is there."""
    code = frame.f_code
    return code.co_name in _WHETHER and bool(_PATHS.search(code.co_filename))


def asked_by_notebook(question: str, path: str, frame: FrameType | None) -> Asked | None:
    """Return a question as one of the notebook's, or nothing when nobody of it asked.

    Parameters
    ----------
    question
        The system's function.
    path
        What is asked for.
    frame
        Who calls it.
    """
    whether = question == "access"
    by_the_way = True
    while frame is not None:
        code = frame.f_code
        file = code.co_filename
        if by_the_way:
            if code.co_name in _BY_THE_WAY and (_PATHS.search(file) or _ASKS_BY_THE_WAY.search(file)):
                return None
            if _PATHS.search(file):
                whether = whether or code.co_name in _WHETHER
            elif not _ASKS_BY_THE_WAY.search(file):
                by_the_way = False
        if _CELL.search(file):
            break
        if file.startswith(_PACKAGE) or _NOBODYS.search(file):
            return None
        frame = frame.f_back
    return Asked(path, whether)


def is_by_hand(frame: FrameType | None) -> bool:
    """Say whether a cell or a module of the project does it itself, through Python's own modules at most."""
    while frame is not None and _STANDARD.search(frame.f_code.co_filename):
        frame = frame.f_back
    return frame is not None and _is_of_notebook(frame)


def looks_up_by_hand(frame: FrameType | None) -> bool:
    """Say whether a cell or a module of the project looks a variable up; Python's own modules look up many."""
    while frame is not None and (_ENVIRONMENT.search(frame.f_code.co_filename) or frame.f_code.co_name == "expandvars"):
        frame = frame.f_back
    return frame is not None and _is_of_notebook(frame)


def _is_of_notebook(frame: FrameType) -> bool:
    file = frame.f_code.co_filename
    return bool(_CELL.search(file)) or (not file.startswith(("<", _PACKAGE)) and is_of_project("", file))
