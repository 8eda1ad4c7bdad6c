"""What a file holds, as a hash."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's content, `missing` when there is none, of a folder's listing otherwise.

    That modules of a folder were compiled is no part of its listing.
    """
    try:
        if path.is_dir():
            return listing_hash(entry.name for entry in path.iterdir())
        with path.open("rb") as source:
            return hashlib.file_digest(source, "sha256").hexdigest()
    except OSError:
        return "missing"


def listing_hash(names: Iterable[str]) -> str:
    """Return the hash of a folder's listing, given the names in it."""
    listing = "\n".join(sorted(name for name in names if name != "__pycache__"))
    return f"folder:{hashlib.sha256(os.fsencode(listing)).hexdigest()}"
