"""An artifact store as those see it who tidy it: what it holds, what may go, what is moved aside.

Whoever stores content that is there already, or is about to stand on it, marks it as used (`ArtifactStore.touch`). What
is to be removed is first moved out of reach, and comes back when it turns out to have been marked just before: nobody's
fresh content is lost to somebody who tidies up at the same moment.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_nb.artifacts.store import ArtifactStore, is_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

_INCOMING, _REMOVING, _CORRUPT = "incoming", "removing", "corrupt"
# The largest document that is looked into for what it refers to; a larger one that begins so is data.
_LARGEST_DOCUMENT = 64 << 20


@dataclass(frozen=True)
class Unfinished:
    """A file that a process was writing; `pid` is that process, on the machine it ran on."""

    path: Path
    pid: int
    bytes: int
    written: float


class Holdings(ArtifactStore):
    """The content of a store, for listing and tidying."""

    @property
    def local(self) -> bool:
        """Whether it is a folder of this machine; elsewhere nothing is known of who uses what just now."""
        return self._root is not None

    def digests(self) -> Iterator[str]:
        """Yield every content that the store holds, whole or not."""
        if self._root is None:
            root = self._fs._strip_protocol(self._prefix)  # noqa: SLF001 - what fsspec's own functions call
            names = (name.removeprefix(root).strip("/") for name in self._fs.find(self._prefix))
        else:
            folders = (entry.path for entry in _entries(self._root) if len(entry.name) == 2)  # noqa: PLR2004 - aa/…
            names = (f"{Path(folder).name}/{entry.name}" for folder in folders for entry in _entries(Path(folder)))
        for name in names:
            if name.count("/") == 1 and is_digest(digest := name.replace("/", "")):
                yield digest

    def size(self, digest: str) -> int:
        """Return how many bytes are held; 0 for what is not there."""
        try:
            return self._local(digest).stat().st_size if self.local else int(self._fs.size(self._remote(digest)))
        except FileNotFoundError:
            return 0

    def last_used(self, digest: str) -> float:
        """Return when content was last stored or marked as used, in seconds since 1970; now where nobody knows."""
        try:
            if self.local:
                return self._local(digest).stat().st_mtime
            return float(self._fs.modified(self._remote(digest)).timestamp())
        except (FileNotFoundError, NotImplementedError):
            return time.time()

    def document(self, digest: str) -> str:
        """Return the text of a JSON object; nothing for other content, and for what is not there."""
        try:
            if self.local:
                with self._local(digest).open("rb") as source:
                    if source.read(1) != b"{" or os.fstat(source.fileno()).st_size > _LARGEST_DOCUMENT:
                        return ""
                    return "{" + source.read().decode("utf-8", "replace")
            if self._fs.cat_file(self._remote(digest), start=0, end=1) != b"{" or self.size(digest) > _LARGEST_DOCUMENT:
                return ""
            return str(self._fs.cat_file(self._remote(digest)).decode("utf-8", "replace"))
        except FileNotFoundError:
            return ""

    def remove(self, digest: str, unused_since: float) -> int:
        """Remove content, and return how many bytes that frees: none when it has been used since."""
        if self.last_used(digest) > unused_since:
            return 0
        if self._root is None:
            freed = self.size(digest)
            self._fs.rm_file(self._remote(digest))
            return freed
        place, aside = self._local(digest), self._root / _REMOVING / digest
        aside.parent.mkdir(exist_ok=True)
        try:
            place.rename(aside)
            found = aside.stat()
            if found.st_mtime > unused_since:
                aside.rename(place)
                return 0
            aside.unlink()
        except FileNotFoundError:
            # Somebody else tidies too.
            return 0
        return found.st_size

    def set_aside(self, digest: str) -> str:
        """Move content out of the way, to `corrupt/`, and return where it is; what has its name is made anew."""
        if self._root is None:
            moved = f"{self._prefix}/{_CORRUPT}/{digest}"
            self._fs.mv(self._remote(digest), moved)
            return moved
        place = self._root / _CORRUPT / digest
        place.parent.mkdir(exist_ok=True)
        self._local(digest).replace(place)
        return str(place)

    def unfinished(self) -> Iterator[Unfinished]:
        """Yield what was being written or removed; whether its process still lives is the caller's to find out."""
        if self._root is None:
            return
        for folder in (_INCOMING, _REMOVING):
            for entry in _entries(self._root / folder):
                pid, _, _ = entry.name.partition("-")
                with contextlib.suppress(FileNotFoundError):
                    found = entry.stat()
                    number = int(pid) if folder == _INCOMING and pid.isdecimal() else 0
                    yield Unfinished(Path(entry.path), number, found.st_size, found.st_mtime)

    def finish(self, left: Unfinished) -> None:
        """Clear up what a killed process left: half a file goes, and what was half removed is whole and comes back."""
        with contextlib.suppress(FileNotFoundError):
            if left.path.parent.name == _REMOVING and is_digest(left.path.name):
                left.path.rename(self._local(left.path.name))
            else:
                left.path.unlink()


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return list(found)
    except (FileNotFoundError, NotADirectoryError):
        return []
