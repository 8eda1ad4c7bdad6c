"""The content-addressed store: bytes under the SHA-256 of their content, whole or not there.

A write goes to a temporary name on the same file system, is flushed to the disk and renamed; the name is the content's
digest, so two writers of the same content cannot harm each other and nothing is ever overwritten. Any fsspec URL
works; a local folder is the default and the fast path (memory maps, hard guarantees of `rename`).
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.artifacts.blob import CorruptArtifact
from mlops_nb.errors import MlopsNbError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Future, ThreadPoolExecutor
    from io import BufferedWriter

_CHUNK = 1 << 22
_FLUSH_AT = 1 << 27
# Not everywhere; it saves writing the file's times.
_fdatasync = getattr(os, "fdatasync", os.fsync)
_DIGITS = frozenset("0123456789abcdef")
_DIGEST_LENGTH = 64


class ArtifactMissing(MlopsNbError):  # noqa: N818 - the name of the fact
    """The store does not hold what was asked for."""

    code = "artifact-missing"


class StoreUnwritable(UsageError):  # noqa: N818 - the name of the fact
    """The store's folder cannot be written."""

    code = "store-unwritable"


class ArtifactStore:
    """A folder (or fsspec URL) of immutable content.

    Parameters
    ----------
    url
        A path, or any URL that fsspec opens (`s3://bucket/prefix`, `memory://name`).
    """

    def __init__(self, url: str | Path) -> None:
        self.url = str(url)
        self._root: Path | None = None
        self._fs: Any = None
        self._prefix = ""
        if "://" in self.url and not self.url.startswith("file://"):
            import fsspec

            self._fs, self._prefix = fsspec.core.url_to_fs(self.url)
        else:
            self._root = Path(self.url.removeprefix("file://")).absolute()

    def put(self, pieces: bytes | Iterable[bytes | memoryview]) -> tuple[str, int]:
        """Store content; return its digest and its length in bytes.

        Raises
        ------
        StoreUnwritable
            When the folder cannot be written; a full disk says so.
        """
        parts: Iterable[bytes | memoryview] = [pieces] if isinstance(pieces, bytes) else pieces
        if self._root is None:
            return self._put_remote(parts)
        aside = self._root / "incoming" / f"{os.getpid()}-{secrets.token_hex(8)}"
        try:
            aside.parent.mkdir(parents=True, exist_ok=True)
            with aside.open("wb") as out:
                digest, length = _write(parts, out)
                place = self._local(digest)
                if self._is_whole(place, digest, length) and self.touch(digest):
                    aside.unlink()
                    return digest, length
                out.flush()
                os.fsync(out.fileno())
            place.parent.mkdir(exist_ok=True, parents=True)
            aside.chmod(stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH)
            aside.replace(place)
        except BaseException as error:
            # Also when the source of the pieces fails, or the run is interrupted.
            with contextlib.suppress(OSError):
                aside.unlink(missing_ok=True)
            if not isinstance(error, OSError):
                raise
            message = f"The artifact store {self.url} cannot be written: {error.strerror or error}."
            hint = "Free space or rights there, or set MLOPS_NB_ARTIFACTS to another place."
            raise StoreUnwritable(message, hint=hint) from error
        return digest, length

    def put_file(self, path: Path) -> tuple[str, int]:
        """Store a file's content; return its digest and length.

        Raises
        ------
        OSError
            When the file cannot be opened: the file's fault, not the store's.
        """
        with path.open("rb") as source:
            return self.put(iter(lambda: source.read(_CHUNK), b""))

    def copy(self, digest: str, place: Path) -> None:
        """Write the content to a file, verified against its digest; what is not right is not left there.

        Raises
        ------
        ArtifactMissing, CorruptArtifact
            When the store does not have it, or not as it was.
        """
        if self._root is None:
            place.write_bytes(self.get(digest))
            return
        sha = hashlib.sha256()
        try:
            source = self._local(digest).open("rb")
        except FileNotFoundError:
            raise self._missing(digest) from None
        with source, place.open("wb") as out:
            while chunk := source.read(_CHUNK):
                sha.update(chunk)
                out.write(chunk)
        if sha.hexdigest() != digest:
            place.unlink()
            raise self._corrupt(digest)

    def get(self, digest: str) -> bytes:
        """Return the whole content, verified against its digest."""
        if self._root is None:
            data = self._read_remote(digest)
        else:
            try:
                data = self._local(digest).read_bytes()
            except FileNotFoundError:
                raise self._missing(digest) from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise self._corrupt(digest)
        return data

    def map(self, digest: str) -> bytes | mmap.mmap:
        """Return the content as a private copy-on-write map where the store is local, else as bytes.

        The map is not verified byte for byte, which would cost what the map saves; `verify` does that.
        """
        if self._root is None:
            return self.get(digest)
        try:
            with self._local(digest).open("rb") as source:
                return mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_COPY)
        except FileNotFoundError:
            raise self._missing(digest) from None
        except ValueError:
            # An empty file cannot be mapped.
            return b""

    def has(self, digest: str) -> bool:
        """Say whether the content is there."""
        if self._root is not None:
            return self._local(digest).exists()
        return bool(self._fs.exists(self._remote(digest)))

    def touch(self, digest: str) -> bool:
        """Say whether the content is there, and mark it as in use, so that nobody who tidies up removes it now."""
        if self._root is None:
            return self.has(digest)
        try:
            os.utime(self._local(digest))
        except FileNotFoundError:
            return False
        except OSError:
            # Somebody else's, or on a disk that may only be read: whoever could remove it is not us.
            return self.has(digest)
        return True

    def path(self, digest: str) -> Path:
        """Return the local file of a content, for programs that read files.

        Raises
        ------
        ArtifactMissing
            When it is not there, or the store is not local.
        """
        if self._root is None or not self._local(digest).exists():
            raise self._missing(digest)
        return self._local(digest)

    @staticmethod
    def _is_whole(place: Path, digest: str, length: int | None = None) -> bool:
        """Say whether a file is there and holds what its name says; one that does not is replaced by whoever writes."""
        try:
            if length is not None and place.stat().st_size != length:
                return False
            with place.open("rb") as source:
                return hashlib.file_digest(source, "sha256").hexdigest() == digest
        except FileNotFoundError:
            return False

    def verify(self, digest: str) -> bool:
        """Read the content through and say whether it is there and still what its name says."""
        if self._root is not None:
            return self._is_whole(self._local(digest), digest)
        try:
            self.get(digest)
        except (ArtifactMissing, CorruptArtifact):
            return False
        return True

    def _local(self, digest: str) -> Path:
        _check(digest)
        assert self._root is not None  # noqa: S101 - callers asked for a local store
        return self._root / digest[:2] / digest[2:]

    def _remote(self, digest: str) -> str:
        _check(digest)
        return f"{self._prefix}/{digest[:2]}/{digest[2:]}"

    def _put_remote(self, parts: Iterable[bytes | memoryview]) -> tuple[str, int]:
        # The name is the digest, so the content must be known before the name; object stores publish whole objects.
        data = b"".join(bytes(part) for part in parts)
        digest = hashlib.sha256(data).hexdigest()
        place = self._remote(digest)
        if not self._fs.exists(place):
            self._fs.makedirs(place.rsplit("/", 1)[0], exist_ok=True)
            self._fs.pipe_file(place, data)
        return digest, len(data)

    def _read_remote(self, digest: str) -> bytes:
        try:
            data: bytes = self._fs.cat_file(self._remote(digest))
        except FileNotFoundError:
            raise self._missing(digest) from None
        return data

    def _missing(self, digest: str) -> ArtifactMissing:
        message = f"The artifact {digest[:12]} is not in the store {self.url}."
        return ArtifactMissing(message, hint="Run the pipeline again: its step will make it anew.")

    def _corrupt(self, digest: str) -> CorruptArtifact:
        message = f"The artifact {digest[:12]} in {self.url} is corrupt: its content has another digest."
        return CorruptArtifact(message, hint="`mlops-nb doctor --repair` moves it aside; the next run makes it anew.")


def _write(parts: Iterable[bytes | memoryview], out: BufferedWriter) -> tuple[str, int]:
    """Write the parts and return the digest and length of them all; a large part is hashed while it is written."""
    sha = hashlib.sha256()
    length = flushed = 0
    with contextlib.ExitStack() as opened:
        workers: ThreadPoolExecutor | None = None
        flush: Future[None] | None = None
        for part in parts:
            view = memoryview(part).cast("B")
            length += view.nbytes
            if view.nbytes <= _CHUNK:
                sha.update(view)
                out.write(view)
                continue
            if workers is None:
                from concurrent.futures import ThreadPoolExecutor

                # One hashes, one has the disk begin before all is written. Neither holds the interpreter's lock.
                workers = opened.enter_context(ThreadPoolExecutor(2))
            for begin in range(0, view.nbytes, _CHUNK):
                chunk = view[begin : begin + _CHUNK]
                hashed = workers.submit(sha.update, chunk)
                out.write(chunk)
                flushed += chunk.nbytes
                if flushed >= _FLUSH_AT and (flush is None or flush.done()):
                    flushed = 0
                    out.flush()
                    flush = workers.submit(_fdatasync, out.fileno())
                hashed.result()
        if flush is not None:
            flush.result()
    return sha.hexdigest(), length


def _check(digest: str) -> None:
    # A digest becomes a path: nothing but 64 hexadecimal digits may.
    if not is_digest(digest):
        message = f"{digest!r} is not the digest of an artifact."
        raise UsageError(message, hint="A digest is 64 hexadecimal digits.")


def is_digest(text: str) -> bool:
    """Say whether a text has the form of a content's name."""
    return len(text) == _DIGEST_LENGTH and set(text) <= _DIGITS
