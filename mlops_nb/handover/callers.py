"""Who does what an audit event tells, seen from the frame that does it: it may change what the event stands for."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_nb.handover.audit_events import PASSED_ON

if TYPE_CHECKING:
    from types import FrameType

# Who shows a line of a module's source, in a traceback say.
_SHOWS_SOURCE = re.compile(r"[/\\](linecache|inspect)\.py$")
_TOKENIZE = re.compile(r"[/\\]tokenize\.py$")
_PACKAGE = f"{Path(__file__).resolve().parents[1]}{os.sep}"


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
