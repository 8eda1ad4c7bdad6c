"""What is left of a file that has been closed: `with open(...) as f` leaves one behind in most notebooks.

An open file cannot leave its process. A closed one only says what it was, and refuses the rest; that much can be made
again.
"""

from __future__ import annotations

import io
import os
from typing import Any

_BUFFERED: dict[type, str] = {io.BufferedReader: "rb", io.BufferedWriter: "wb", io.BufferedRandom: "rb+"}
FILES: tuple[type, ...] = (io.TextIOWrapper, io.FileIO, *_BUFFERED)
# Nothing that is there can be opened so.
_EXCLUSIVE = "x"
_OF_EVERY_FILE = {"name", "__IOBase_closed"}


def told_of_closed(file: Any) -> tuple[Any, ...] | None:
    """Return all that a closed file still says, as `closed_again` takes it; nothing for any other."""
    kind = type(file)
    if kind not in FILES or not file.closed:
        return None
    text: tuple[Any, ...] = ()
    try:
        if kind is io.TextIOWrapper:
            text = (file.mode, file.encoding, file.errors, file.line_buffering, file.write_through)
            file = file.buffer
        buffered = type(file) if type(file) in _BUFFERED else None
        raw = file.raw if buffered is not None else file
        known = type(raw) is io.FileIO and _EXCLUSIVE not in raw.mode and vars(raw).keys() <= _OF_EVERY_FILE
        told = (kind, buffered, raw.name, raw.mode, text)
    except (AttributeError, ValueError):
        # Taken apart by `detach`.
        return None
    return told if known else None


def closed_again(kind: type, buffered: type | None, name: Any, mode: str, text: tuple[Any, ...]) -> Any:
    """Return a closed file that says what `told_of_closed` told."""
    raw: Any = io.FileIO(os.devnull, mode)
    raw.name = name
    made: Any = buffered(raw) if buffered is not None else raw
    if kind is io.TextIOWrapper:
        shown, encoding, errors, line_buffering, write_through = text
        made = io.TextIOWrapper(made, encoding, errors, line_buffering=line_buffering, write_through=write_through)
        made.mode = shown
    made.close()
    return made
