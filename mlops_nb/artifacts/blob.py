"""One file for one pickled value and its large buffers, laid out so that loading it is a memory map.

Format 1, little endian:

====================  ==================================================================================
offset                content
====================  ==================================================================================
0                     magic `b"MLNB"`, then format number (uint32)
8                     length of the pickle (uint64), number of buffers (uint64)
24                    for each buffer: offset (uint64), length (uint64), 1 when writable else 0 (uint64)
after the table       the pickle (protocol 5)
each buffer's offset  the buffer, aligned to 64 bytes, so that vector instructions read mapped arrays as they
                      read fresh ones
====================  ==================================================================================

How it may change: a new layout gets a new format number; a reader refuses numbers it does not know, and keeps reading
the old ones. Loading maps the file copy-on-write: arrays are writable, and writing to them never reaches the file.
"""

from __future__ import annotations

import mmap
import struct
from typing import TYPE_CHECKING

from mlops_nb.errors import MlopsNbError

if TYPE_CHECKING:
    import pickle
    from collections.abc import Iterator, Sequence

MAGIC = b"MLNB"
FORMAT = 1
ALIGNMENT = 64
_HEAD = struct.Struct("<4sIQQ")
_ROW = struct.Struct("<QQQ")


class CorruptArtifact(MlopsNbError):  # noqa: N818 - the name of the fact
    """A stored file does not hold what its name promises."""

    code = "corrupt-artifact"


def pack(pickled: bytes, buffers: Sequence[pickle.PickleBuffer]) -> Iterator[bytes | memoryview]:
    """Yield the pieces of the file that holds `pickled` and its out-of-band `buffers`, in order."""
    views = [buffer.raw() for buffer in buffers]
    start = _HEAD.size + _ROW.size * len(views) + len(pickled)
    rows = []
    offset = start
    for view in views:
        offset += -offset % ALIGNMENT
        rows.append((offset, view.nbytes, 0 if view.readonly else 1))
        offset += view.nbytes
    yield _HEAD.pack(MAGIC, FORMAT, len(pickled), len(views))
    yield b"".join(_ROW.pack(*row) for row in rows)
    yield pickled
    written = start
    for (place, length, _), view in zip(rows, views, strict=True):
        yield b"\0" * (place - written)
        yield view
        written = place + length


def unpack(data: bytes | mmap.mmap, name: str) -> tuple[memoryview, list[memoryview]]:
    """Return the pickle and the buffers of a packed file; `name` is what errors call it.

    Raises
    ------
    CorruptArtifact
        When the data is not of this format or ends too early.
    """
    # A copy-on-write map is writable, so that arrays over it are; plain bytes are copied to the same end.
    whole = memoryview(data if isinstance(data, mmap.mmap) else bytearray(data))
    try:
        magic, version, pickle_length, count = _HEAD.unpack_from(whole)
        rows = [_ROW.unpack_from(whole, _HEAD.size + _ROW.size * i) for i in range(count)] if magic == MAGIC else []
    except struct.error as error:
        raise _corrupt(name, "it ends too early") from error
    if magic != MAGIC:
        raise _corrupt(name, "it is not a stored value")
    if version != FORMAT:
        message = f"The artifact {name} is in format {version}, and this version of mlops_nb reads format {FORMAT}."
        raise MlopsNbError(message, hint="Install a newer mlops_nb.")
    start = _HEAD.size + _ROW.size * count
    if start + pickle_length > len(whole) or any(place + length > len(whole) for place, length, _ in rows):
        raise _corrupt(name, "it ends too early")
    buffers = [
        whole[place : place + length] if writable else whole[place : place + length].toreadonly()
        for place, length, writable in rows
    ]
    return whole[start : start + pickle_length], buffers


def _corrupt(name: str, why: str) -> CorruptArtifact:
    message = f"The artifact {name} is corrupt: {why}."
    return CorruptArtifact(message, hint="`mlops-nb doctor --repair` moves it aside; the next run makes it anew.")
