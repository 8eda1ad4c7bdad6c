"""What a step asks about files without opening them, and which variables and missing modules it looks for.

No audit hook hears `os.stat`: in a step's kernel `os.stat`, `os.lstat`, `os.access` and `os.readlink` are callables
that tell who listens of what is asked, and then ask. `os.environ` tells by the functions with which it encodes and
decodes a name, and of modules `ImportWatch` tells. Whether a question is the notebook's is seen from who asks: its
cells, its modules, or a library on their behalf, but neither an import of a library nor the shell.
"""

from __future__ import annotations

import functools
import inspect
import os
import re
import sys
import sysconfig
import types
from contextlib import suppress
from enum import Enum, auto
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts import is_of_project

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import FrameType

# Stands for all variables of the environment, those that will be there another time too.
EVERY_VARIABLE = "*"
_ASKED_BY = ("stat", "lstat", "access", "readlink")
# Functions that ask of a path whether it is there, and what kind of thing it is.
_WHETHER = frozenset(
    {
        *("exists", "lexists", "isfile", "isdir", "islink", "ismount", "isjunction"),
        *("is_file", "is_dir", "is_symlink", "is_mount", "is_socket", "is_fifo", "is_block_device"),
        *("is_char_device", "is_junction"),
    }
)
# What these ask is a part of how they go about it: who makes a folder writes, who resolves a path names it, and where a
# program lies is the machine's.
_BY_THE_WAY = frozenset(
    {"realpath", "_joinrealpath", "resolve", "mkdir", "makedirs", "rmtree", "_rmtree_safe_fd", "which"}
)
_STANDARD = re.escape(sysconfig.get_paths()["stdlib"])
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep  # noqa: PTH100, PTH120

# What looks for a module on behalf of who asks for it.
_BOOTSTRAP = re.compile(rf"^<frozen importlib\._bootstrap|[/\\]importlib[/\\]_bootstrap|^{re.escape(_PACKAGE)}")


class _Code(Enum):
    """Whose code is in a file."""

    PATHS = auto()
    FILES = auto()
    ENVIRONMENT = auto()
    STANDARD = auto()
    NOBODYS = auto()
    NOTEBOOKS = auto()
    LIBRARYS = auto()


# Of Python's own modules, wherever they are; some are frozen.
_OWN = rf"^{_STANDARD}[/\\]"
_KINDS = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (_Code.PATHS, rf"{_OWN}(genericpath|posixpath|ntpath|pathlib([/\\]\w+)?)\.py$"),
        (_Code.PATHS, r"^<frozen (genericpath|posixpath|ntpath)>"),
        # The import system and what makes temporary files; what shows a line of source; the shell.
        (_Code.NOBODYS, r"^<frozen (importlib|zipimport)"),
        (_Code.NOBODYS, rf"{_OWN}(importlib[/\\]|(linecache|inspect|traceback|tempfile)\.py$)"),
        (_Code.NOBODYS, r"-packages[/\\](IPython|ipykernel|traitlets|jupyter_client|pkg_resources)[/\\]"),
        (_Code.NOBODYS, f"^{re.escape(_PACKAGE)}"),
        # A cell, and what magics and `exec` make of its text.
        (_Code.NOTEBOOKS, r"[/\\]ipykernel_\d+[/\\]|^<(ipython-input-|timed exec|timed eval|magic-timeit|string>)"),
        (_Code.ENVIRONMENT, rf"{_OWN}(os|_collections_abc)\.py$|^<frozen (os|_collections_abc)>"),
        # What takes its values from a mapping that it is given, such as `os.environ`.
        (_Code.ENVIRONMENT, rf"{_OWN}(string(\.py$|[/\\])|collections[/\\]__init__\.py$)"),
        (_Code.FILES, rf"{_OWN}shutil\.py$"),
        (_Code.STANDARD, rf"^<frozen |{_OWN}(?!.*-packages)"),
    )
)


@functools.cache
def _whose(file: str) -> _Code:
    for kind, pattern in _KINDS:
        if pattern.search(file):
            return kind
    return _Code.NOTEBOOKS if not file.startswith("<") and is_of_project("", file) else _Code.LIBRARYS


class _Told:
    """Who is told at the moment; a kernel has one listener."""

    file: Callable[[str, Any, Any], None] | None = None
    variable: Callable[[str], None] | None = None
    module: Callable[[str, Iterable[str] | None, str | None], None] | None = None


class Question:
    """A function of the system that tells of each call; for the rest it is what it stands for."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask
        self.__doc__ = ask.__doc__
        self.__module__ = ask.__module__

    def __call__(self, *given: Any, **named: Any) -> Any:
        """Tell, and ask."""
        __tracebackhide__ = True
        told = _Told.file
        if told is not None:
            if not given:
                told(self._ask.__name__, named.get("path"), named.get("dir_fd"))
            elif isinstance(given[0], os.PathLike):
                # Once: what it answers may be another path the second time.
                given = (os.fspath(given[0]), *given[1:])
                told(self._ask.__name__, given[0], named.get("dir_fd"))
            else:
                told(self._ask.__name__, given[0], named.get("dir_fd"))
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
        # By its name in the system's module, which another process has as well.
        return str(self._ask.__name__)


def listen_to_questions(
    file: Callable[[str, Any, Any], None],
    variable: Callable[[str], None],
    module: Callable[[str, Iterable[str] | None, str | None], None],
) -> None:
    """Tell these from now on.

    Parameters
    ----------
    file
        Of each question its name, the path and its `dir_fd`.
    variable
        The name of each variable.
    module
        Of each module that is looked for its name, the folders of its package, and its file when it is found.
    """
    put_questions()
    _Told.file, _Told.variable, _Told.module = file, variable, module


def hear_no_questions() -> None:
    """Tell nobody any more."""
    _Told.file = _Told.variable = _Told.module = None


def tell_of_module(name: str, folders: Iterable[str] | None, file: str | None) -> None:
    """Tell that a module was looked for, without folders in those of `sys.path`, and found in a file or nowhere.

    Of a module that is found, only where its being there is the notebook's concern or it reads settings.
    """
    if _Told.module is not None and (file is None or name in _SETTINGS or is_of_project(name, file)):
        _Told.module(name, folders, file)


def put_questions() -> None:
    """Put the questions in the place of the system's functions, once in a process."""
    system: Any = sys.modules[os.name]
    for name in _ASKED_BY:
        ask = vars(system)[name]
        if type(ask) is types.BuiltinFunctionType:
            question = Question(ask)
            setattr(system, name, question)
            if vars(os)[name] is ask:
                setattr(os, name, question)
    environment: Any = os.environ
    if not isinstance(environment.encodekey, _EncodeKey):
        environment.encodekey = _EncodeKey(environment.encodekey)
        environment.decodekey = _DecodeKey(environment.decodekey)


class _EncodeKey:
    """What `os.environ` calls with each name; it tells of those that are looked up."""

    def __init__(self, encode: Callable[[str], Any]) -> None:
        self._encode = encode

    def __call__(self, name: str) -> Any:
        told = _Told.variable
        if told is not None and sys._getframe(1).f_code.co_name == "__getitem__":  # noqa: SLF001 - not set, not deleted
            told(name)
        return self._encode(name)


class _DecodeKey:
    """What `os.environ` calls with each name when it is gone through: it tells that all of them are asked for."""

    def __init__(self, decode: Callable[[Any], str]) -> None:
        self._decode = decode

    def __call__(self, name: Any) -> str:
        if _Told.variable is not None:
            _Told.variable(EVERY_VARIABLE)
        return self._decode(name)


def path_asked(given: Any, folder: Any) -> str:
    """Return the absolute path of a question, relative to an open folder where one is given; empty for none."""
    if not isinstance(given, str | bytes | os.PathLike):
        return ""
    path = os.fsdecode(given)
    if not path or "\0" in path or (path.startswith("<") and path.endswith(">")):
        return ""
    # The folder that the step is in may be gone.
    with suppress(OSError):
        if isinstance(folder, int) and folder >= 0:
            return os.path.join(os.readlink(f"/proc/self/fd/{folder}"), path)  # noqa: PTH115, PTH118
        return os.path.abspath(path)  # noqa: PTH100 - links stay
    return ""


def is_of_nobody(frame: FrameType) -> bool:
    """Say whether an import asks, the shell, or this package."""
    return _whose(frame.f_code.co_filename) is _Code.NOBODYS


def is_the_notebooks(code: types.CodeType) -> bool:
    """Say whether code is that of a cell or of a module of the project."""
    return _whose(code.co_filename) is _Code.NOTEBOOKS


def only_whether(frame: FrameType) -> bool:
    """Say whether who calls the system's function asks of a path no more than whether it is there."""
    return frame.f_code.co_name in _WHETHER and _whose(frame.f_code.co_filename) is _Code.PATHS


def only_size(frame: FrameType) -> bool:
    """Say whether who calls the system's function asks of a file how large it is, and not how old."""
    return frame.f_code.co_name == "getsize"


def asked_by_notebook(question: str, frame: FrameType | None) -> bool | None:
    """Say of a question of the notebook's whether only the path's being there counts; `None` when nobody of it asked.

    Parameters
    ----------
    question
        The system's function.
    frame
        Who calls it.
    """
    whether = question == "access"
    by_the_way = True
    while frame is not None:
        whose = _whose(frame.f_code.co_filename)
        if whose is _Code.NOTEBOOKS:
            break
        if whose is _Code.NOBODYS:
            return None
        if by_the_way:
            by_the_way = whose in {_Code.PATHS, _Code.FILES, _Code.ENVIRONMENT}
            if by_the_way and frame.f_code.co_name in _BY_THE_WAY:
                return None
            if whose is _Code.PATHS:
                whether = whether or frame.f_code.co_name in _WHETHER
        frame = frame.f_back
    return whether


_PYTHONS = frozenset({_Code.PATHS, _Code.FILES, _Code.ENVIRONMENT, _Code.STANDARD})


# Settings that a library reads from the folder which it is imported in, where they are.
_SETTINGS = {"matplotlib": "matplotlibrc"}


def sought(name: str, folders: Iterable[str] | None, file: str | None, frame: FrameType) -> Iterator[str]:
    """Yield the paths on whose being there it depends what a look for a module brings.

    Of one that the notebook imports its file is heard when it is opened.

    Parameters
    ----------
    name
        The module.
    folders
        Those of its package; without one, those of `sys.path` count.
    file
        Where it is found, if it is.
    frame
        Who looks for it.
    """
    # The folder that the step is in may be gone.
    with suppress(OSError):
        if name in _SETTINGS:
            yield os.path.abspath(_SETTINGS[name])  # noqa: PTH100 - links stay
        if not _imports_by_hand(frame):
            return
        if file is None:
            own = name.rpartition(".")[2]
            for folder in [*(sys.path if folders is None else folders)]:
                if isinstance(folder, str):
                    place = os.path.join(os.path.abspath(folder), own)  # noqa: PTH100, PTH118 - links stay
                    yield place
                    yield f"{place}.py"
        elif _only_looks(frame):
            yield file


def _imports_by_hand(frame: FrameType | None) -> bool:
    """Say whether a cell or a module of the project looks for a module; libraries look for many that may be there."""
    while frame is not None and _whose(frame.f_code.co_filename) in {*_PYTHONS, _Code.NOBODYS}:
        frame = frame.f_back
    return frame is not None and _whose(frame.f_code.co_filename) is _Code.NOTEBOOKS


def _only_looks(frame: FrameType | None) -> bool:
    """Say whether a module is looked for by `importlib.util.find_spec`, and not imported."""
    while frame is not None and _BOOTSTRAP.search(frame.f_code.co_filename):
        if frame.f_code.co_name == "_find_and_load":
            # The package of what it looks for is imported.
            return False
        frame = frame.f_back
    return frame is not None and frame.f_code.co_name == "find_spec"


def is_by_hand(frame: FrameType | None) -> bool:
    """Say whether a cell or a module of the project does it itself, through Python's own modules at most."""
    while frame is not None and _whose(frame.f_code.co_filename) in _PYTHONS:
        frame = frame.f_back
    return frame is not None and _whose(frame.f_code.co_filename) is _Code.NOTEBOOKS


def looks_up_by_hand(frame: FrameType | None) -> bool:
    """Say whether a cell or a module of the project looks a variable up; Python's own modules look up many."""
    while frame is not None and (
        _whose(frame.f_code.co_filename) is _Code.ENVIRONMENT or frame.f_code.co_name == "expandvars"
    ):
        frame = frame.f_back
    return frame is not None and _whose(frame.f_code.co_filename) is _Code.NOTEBOOKS
