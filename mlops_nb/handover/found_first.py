"""What a step found in a file that it has changed since: nobody can tell afterwards, so it is noted in time."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_nb.artifacts import database_hash

if TYPE_CHECKING:
    from collections.abc import Iterable

GONE = "missing"


def as_found(path: str) -> str:
    """Return a path and the SHA-256 of what its file holds, as a text; `missing` where there is no file."""
    try:
        with open(path, "rb") as source:  # noqa: PTH123 - a text, as all of them where it is heard
            return f"{hashlib.file_digest(source, 'sha256').hexdigest()} {path}"
    except OSError:
        return f"{GONE} {path}"


def database_as_found(path: str) -> str:
    """Return a path and the hash of what an SQLite database in it says, as `as_found` does."""
    return f"{database_hash(Path(path))} {path}"


def found_in(texts: Iterable[str], changed: Iterable[str]) -> dict[str, str]:
    """Return what `as_found` told of the files that have been changed since, by path.

    A folder that was made because it was not there yet is none: another time it is there and all is the same.
    """
    every = {path: digest for digest, _, path in (text.partition(" ") for text in texts)}
    written = set(changed)
    return {
        path: digest
        for path, digest in sorted(every.items())
        if path in written and not os.path.isdir(path)  # noqa: PTH112
    }
