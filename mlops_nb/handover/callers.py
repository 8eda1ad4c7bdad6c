"""Who does what an audit event tells, seen from the frame that does it: it may change what the event stands for."""

from __future__ import annotations

import os
import re
import shutil
import sys
import types
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.handover.asked import is_the_notebooks
from mlops_nb.handover.audit_events import PASSED_ON

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType, FrameType

# Who shows a line of a module's source, in a traceback say.
_SHOWS_SOURCE = re.compile(r"[/\\](linecache|inspect)\.py$")
_IMPORTS = re.compile(r"^<frozen (?!os>)|[/\\]importlib[/\\]|[/\\]importlib_metadata[/\\]|[/\\]pkg(util|_resources)\b")
_PKGUTIL = re.compile(r"[/\\]pkgutil\.py$")
_TOKENIZE = re.compile(r"[/\\]tokenize\.py$")
_PACKAGE = f"{Path(__file__).resolve().parents[1]}{os.sep}"


def looks_for_packages(folder: Any, frame: FrameType) -> bool:
    """Say whether a folder is listed by an import or a look for a package's version.

    What else lies in the folders of `sys.path` is nothing to the step. A package's own folder is listed by `pkgutil` on
    behalf of a step that looks for plugins.
    """
    asks = frame.f_code.co_filename
    return bool(_IMPORTS.search(asks)) and not (_PKGUTIL.search(asks) and os.fsdecode(folder) not in sys.path)


def is_shown(frame: FrameType) -> bool:
    """Say whether source is read to show a line of it, or by this package, which tells itself what it depends on."""
    reader: FrameType | None = frame
    if _TOKENIZE.search(frame.f_code.co_filename):
        reader = frame.f_back
    while reader is not None and not _SHOWS_SOURCE.search(reader.f_code.co_filename):
        if not PASSED_ON.search(reader.f_code.co_filename):
            return reader.f_code.co_filename.startswith(_PACKAGE)
        reader = reader.f_back
    return True


def makes_unless_there(frame: FrameType) -> bool:
    """Say whether a folder is made by `mkdir(exist_ok=True)` or `makedirs(exist_ok=True)`."""
    code = frame.f_code
    return code.co_name in {"mkdir", "makedirs"} and bool(frame.f_locals.get("exist_ok"))


def takes_a_folder_away(frame: FrameType) -> bool:
    """Say whether `shutil.rmtree` looks what there is to take away: nothing depends on what it finds."""
    code = frame.f_code
    return "rmtree" in code.co_name and code.co_filename == shutil.__file__


def stats_of_entries(folder: str, frame: FrameType | None) -> list[str]:
    """Return the files of a folder that the notebook lists by `os.scandir`, where its code asks for their size or time.

    No event tells of `DirEntry.stat`. So the code that lists is read, the notebook's functions that it names, and the
    code of who called it.

    Parameters
    ----------
    folder
        The folder.
    frame
        Who lists it.
    """
    while frame is not None and is_the_notebooks(frame.f_code):
        if any("stat" in code.co_names for code in _codes(frame)):
            return _files_in(folder)
        frame = frame.f_back
    return []


def _codes(frame: FrameType) -> Iterator[CodeType]:
    """Yield the code that runs, what is nested in it, and the functions that it names."""
    for name in frame.f_code.co_names:
        # Of the very type: another object may run code when it is asked what it is.
        if type(named := frame.f_globals.get(name)) is types.FunctionType and is_the_notebooks(named.__code__):
            yield from _nested(named.__code__)
    yield from _nested(frame.f_code)


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _nested(constant)


def _files_in(folder: str) -> list[str]:
    # It may not be there, or not be allowed: who lists it hears so.
    with suppress(OSError), os.scandir(folder) as entries:
        return [entry.path for entry in entries if entry.is_file()]
    return []
