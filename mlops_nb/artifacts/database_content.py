"""What an SQLite database says, as a hash: its file says it in another way each time that it is written."""

from __future__ import annotations

import hashlib
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_MAGIC = b"SQLite format 3\0"
# To go through a larger one takes seconds; its bytes stand for it.
_MOST_BYTES = 64 << 20
_WAIT_S = 1.0
_GONE = "missing"


def content_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, of an SQLite database `database_hash`; `missing` when there is none."""
    try:
        with path.open("rb") as source:
            if source.read(len(_MAGIC)) != _MAGIC:
                source.seek(0)
                return hashlib.file_digest(source, "sha256").hexdigest()
    except OSError:
        return _GONE
    return database_hash(path)


def database_hash(path: Path) -> str:
    """Return a hash of the schema and the rows of an SQLite database; `missing` when there is none.

    Two databases of the same tables, rows, indexes, views and triggers have one hash, however they were filled. One
    that is locked, or larger than 64 MiB, counts by its bytes.
    """
    import sqlite3

    try:
        if path.stat().st_size <= _MOST_BYTES:
            found = hashlib.sha256(_MAGIC)
            # By SQLite itself: to close a file that another connection of this process has locked would unlock it.
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_WAIT_S)) as opened:
                for statement in opened.iterdump():
                    found.update(statement.encode("utf-8", "surrogatepass"))
                    found.update(b"\0")
            return found.hexdigest()
    except OSError:
        return _GONE
    except (sqlite3.Error, UnicodeError):
        pass
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()
