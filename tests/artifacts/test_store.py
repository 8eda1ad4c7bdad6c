"""The content-addressed store: content is whole or not there, whoever writes, dies or runs out of space meanwhile."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlops_nb.artifacts import ArtifactMissing, ArtifactStore, CorruptArtifact, StoreUnwritable
from mlops_nb.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
CONTENT = b"rides\n" * 1_000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "store" if request.param == "folder" else f"memory://{uuid.uuid4().hex}/artifacts")


def contents(folder: Path) -> list[Path]:
    """Return what a reader of the store can meet: the files that have a digest as their name."""
    return [path for path in folder.glob("??/*") if path.is_file()]


def child(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


# --- in and out -------------------------------------------------------------------------------------------------------


def test_content_comes_back_under_its_sha256(store: ArtifactStore) -> None:
    assert store.put(CONTENT) == (DIGEST, len(CONTENT))
    assert store.get(DIGEST) == bytes(store.map(DIGEST)) == CONTENT
    assert store.has(DIGEST)
    assert store.verify(DIGEST)


def test_pieces_of_any_kind_are_one_content(store: ArtifactStore) -> None:
    pieces: list[bytes | memoryview] = [CONTENT[:10], memoryview(CONTENT)[10:5_000], memoryview(CONTENT[5_000:])]

    assert store.put(pieces) == (DIGEST, len(CONTENT))
    wide = memoryview(CONTENT).cast("I")
    assert store.put([wide]) == (DIGEST, len(CONTENT))


def test_a_file_is_stored_as_its_content(store: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "rides.csv").write_bytes(CONTENT)

    assert store.put_file(tmp_path / "rides.csv") == (DIGEST, len(CONTENT))


def test_no_bytes_are_a_content_too(store: ArtifactStore) -> None:
    digest, length = store.put(b"")

    assert (store.get(digest), bytes(store.map(digest)), length) == (b"", b"", 0)


def test_what_is_not_there_is_missing(store: ArtifactStore) -> None:
    assert not store.has(DIGEST)
    assert not store.verify(DIGEST)
    with pytest.raises(ArtifactMissing, match=DIGEST[:12]):
        store.get(DIGEST)
    with pytest.raises(ArtifactMissing):
        store.map(DIGEST)
    with pytest.raises(ArtifactMissing):
        store.path(DIGEST)


@pytest.mark.parametrize("digest", ["../../etc/passwd", "", "A" * 64, DIGEST[:-1], DIGEST + "0", "/" * 64])
def test_what_is_no_digest_never_becomes_a_path(store: ArtifactStore, digest: str) -> None:
    with pytest.raises(UsageError, match="not the digest"):
        store.get(digest)
    with pytest.raises(UsageError, match="not the digest"):
        store.has(digest)


def test_a_stored_file_cannot_be_written_and_leaves_no_other_file(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    store.put(CONTENT)
    store.put(CONTENT)

    path = store.path(DIGEST)
    assert path.stat().st_mode & 0o222 == 0
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]


def test_a_map_is_the_content_and_writing_to_it_reaches_nobody(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    store.put(CONTENT)

    mapped = store.map(DIGEST)
    assert not isinstance(mapped, bytes)
    mapped[0:5] = b"xxxxx"

    assert store.get(DIGEST) == CONTENT


# --- corruption -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["flip", "cut", "grow"])
def test_damaged_content_is_found_when_it_is_read(tmp_path: Path, damage: str) -> None:
    store = ArtifactStore(tmp_path)
    store.put(CONTENT)
    path = store.path(DIGEST)
    path.chmod(0o644)
    changed = {"flip": b"R" + CONTENT[1:], "cut": CONTENT[:-1], "grow": CONTENT + b"\0"}[damage]
    path.write_bytes(changed)

    assert not store.verify(DIGEST)
    with pytest.raises(CorruptArtifact, match="another digest"):
        store.get(DIGEST)


def test_damaged_content_of_a_remote_store_is_found_too() -> None:
    store = ArtifactStore(f"memory://{uuid.uuid4().hex}")
    store.put(CONTENT)
    store._fs.pipe_file(store._remote(DIGEST), b"something else")

    assert not store.verify(DIGEST)
    with pytest.raises(CorruptArtifact):
        store.get(DIGEST)


def test_storing_damaged_content_again_mends_it(tmp_path: Path) -> None:
    store = ArtifactStore(tmp_path)
    store.put(CONTENT)
    store.path(DIGEST).chmod(0o644)
    store.path(DIGEST).write_bytes(CONTENT[:100])

    # What the error advises: delete it and run again.
    store.path(DIGEST).unlink()
    store.put(CONTENT)

    assert store.verify(DIGEST)


# --- others at the same time ------------------------------------------------------------------------------------------

WRITER = """
import hashlib, sys
from mlops_nb.artifacts import ArtifactStore
store = ArtifactStore(sys.argv[1])
shared = [bytes([i]) * 200_000 for i in range(20)]
own = [sys.argv[2].encode() * 1_000 + bytes([i]) for i in range(20)]
for content in [*shared, *own, *reversed(shared)]:
    digest, _ = store.put(content[i : i + 50_000] for i in range(0, len(content), 50_000))
    assert digest == hashlib.sha256(content).hexdigest()
    assert store.get(digest) == content
"""


def test_many_processes_write_the_same_content_at_once_and_all_of_it_is_whole(tmp_path: Path) -> None:
    writers = [child(WRITER, str(tmp_path), f"writer{number}") for number in range(4)]
    errors = [writer.communicate()[1] for writer in writers]

    assert [writer.returncode for writer in writers] == [0] * 4, errors
    stored = contents(tmp_path)
    assert len(stored) == 20 + 4 * 20
    for path in stored:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == path.parent.name + path.name
    assert list((tmp_path / "incoming").iterdir()) == []


SLOW = """
import sys, time
from mlops_nb.artifacts import ArtifactStore
def pieces():
    for number in range(1_000):
        yield b"x" * 100_000
        print(number, flush=True)
        time.sleep(0.01)
ArtifactStore(sys.argv[1]).put(pieces())
"""


def test_a_writer_killed_in_the_middle_leaves_nothing_half_written_to_be_read(tmp_path: Path) -> None:
    writer = child(SLOW, str(tmp_path))
    assert writer.stdout is not None
    while int(writer.stdout.readline()) < 5:
        pass
    writer.send_signal(signal.SIGKILL)
    writer.communicate()

    (half,) = (tmp_path / "incoming").iterdir()
    assert half.stat().st_size > 0
    assert contents(tmp_path) == []
    # And it is in nobody's way.
    store = ArtifactStore(tmp_path)
    digest, _ = store.put(b"x" * 100_000)
    assert store.verify(digest)


def test_a_writer_whose_source_fails_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"first"
        message = "the source is gone"
        raise ValueError(message)

    with pytest.raises(ValueError, match="the source is gone"):
        ArtifactStore(tmp_path).put(broken())

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_file_that_is_not_there_is_not_blamed_on_the_store(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ArtifactStore(tmp_path).put_file(tmp_path / "gone.csv")


# --- no space, no rights ----------------------------------------------------------------------------------------------

FULL = """
import resource, signal, sys
from mlops_nb.artifacts import ArtifactStore, StoreUnwritable
# The kernel's limit on the size of a file: writing past it fails as on a full disk.
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
store = ArtifactStore(sys.argv[1])
small, _ = store.put(b"small")
try:
    store.put(bytes([i]) * 100_000 for i in range(9))
except StoreUnwritable as error:
    print(error)
assert store.verify(small)
"""


def test_a_full_disk_is_told_and_leaves_no_piece(tmp_path: Path) -> None:
    writer = child(FULL, str(tmp_path))
    told, errors = writer.communicate()

    assert writer.returncode == 0, errors
    assert f"The artifact store {tmp_path} cannot be written: File too large." in told
    assert "Free space" in told
    assert len(contents(tmp_path)) == 1
    assert list((tmp_path / "incoming").iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
def test_a_device_without_space_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ArtifactStore(tmp_path)
    opened = Path.open
    # The temporary file becomes the device that is always full: the write goes through the real system call.
    monkeypatch.setattr(Path, "open", lambda _, mode: opened(Path("/dev/full"), mode))

    with pytest.raises(StoreUnwritable, match="No space left on device"):
        store.put(b"x" * 1_000_000)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    store = ArtifactStore(tmp_path / "file" / "store")

    with pytest.raises(StoreUnwritable, match="cannot be written: Not a directory") as refusal:
        store.put(CONTENT)
    assert "MLOPS_NB_ARTIFACTS" in refusal.value.hint
    assert not store.has(DIGEST)


# --- urls -------------------------------------------------------------------------------------------------------------


def test_a_url_of_the_local_disk_is_a_folder(tmp_path: Path) -> None:
    digest, _ = ArtifactStore(f"file://{tmp_path}/store").put(CONTENT)

    assert ArtifactStore(tmp_path / "store").get(digest) == CONTENT


def test_two_stores_of_one_url_are_one_store_and_two_urls_are_two() -> None:
    name = uuid.uuid4().hex
    ArtifactStore(f"memory://{name}/a").put(CONTENT)

    assert ArtifactStore(f"memory://{name}/a").get(DIGEST) == CONTENT
    assert not ArtifactStore(f"memory://{name}/b").has(DIGEST)


def test_a_store_opened_from_another_folder_later_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = ArtifactStore("store")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    store.put(CONTENT)

    assert (tmp_path / "store" / DIGEST[:2] / DIGEST[2:]).exists()


def test_content_that_is_there_is_not_written_again(store: ArtifactStore) -> None:
    store.put(CONTENT)
    before = store.path(DIGEST).stat().st_ino if store._root is not None else 0
    store.put(CONTENT)

    assert store.get(DIGEST) == CONTENT
    if store._root is not None:
        # It is the same file, marked as in use.
        assert store.path(DIGEST).stat().st_ino == before
