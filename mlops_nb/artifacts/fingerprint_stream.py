"""What a fingerprint is made of: parts with a tag and a length, hashed in the order in which a walk meets them."""

from __future__ import annotations

import functools
import hashlib
import struct
from typing import Any

# So many bytes are gathered before they are hashed: a call of the hash costs more than most parts have bytes.
_GATHERED = 1 << 16


def part(tag: str, payload: bytes) -> bytes:
    """Return a part as it is hashed; the lengths keep ("ab", "c") and ("a", "bc") apart."""
    return _head(tag) + len(payload).to_bytes(8, "little") + payload


@functools.cache
def _head(tag: str) -> bytes:
    return struct.pack("<I", len(tag)) + tag.encode()


# The parts that are met most often, up to where they differ: nearly all of a walk's time goes into them.
CONSTANTS = {value: part(type(value).__name__, repr(value).encode()) for value in (None, True, False)}
AGAIN, FLOAT = part("again", bytes(8))[:-8], part("float", bytes(8))[:-8]
STR, INT = part("str", b"")[:-8], part("int", b"")[:-8]
NEW = part("new", b"")
HEADS = {kind: part(kind.__name__, bytes(8))[:-8] for kind in (dict, list, tuple)}


class Stream:
    """The parts met so far. Large buffers enter as their XXH3-128, all else as it is, and BLAKE2b hashes it."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=20)
        self.gathered = bytearray()

    def tag(self, tag: str, payload: bytes = b"") -> None:
        """Hash what a part is, and its bytes."""
        self.gathered += part(tag, payload)
        if len(self.gathered) > _GATHERED:
            self._hash.update(self.gathered)
            self.gathered.clear()

    def buffer(self, tag: str, data: Any) -> None:
        """Hash a part with many bytes."""
        from xxhash import xxh3_128

        self.tag(tag, xxh3_128(data).digest())

    def digest(self) -> str:
        """Return the fingerprint of what was hashed so far."""
        self._hash.update(self.gathered)
        self.gathered.clear()
        return self._hash.hexdigest()
