"""What a file holds, as a hash."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's content, `missing` when there is none, of a folder's listing otherwise.

    That modules of a folder were compiled is no part of its listing.
    """
    try:
        if path.is_dir():
            listing = "\n".join(sorted(entry.name for entry in path.iterdir() if entry.name != "__pycache__"))
            return f"folder:{hashlib.sha256(os.fsencode(listing)).hexdigest()}"
        with path.open("rb") as source:
            return hashlib.file_digest(source, "sha256").hexdigest()
    except OSError:
        return "missing"
