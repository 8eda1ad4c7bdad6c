"""One file for a pickle and its buffers: aligned, mapped back without a copy, and refused when it is not whole."""

from __future__ import annotations

import mmap
import pickle
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops_nb.artifacts import CorruptArtifact, pack, unpack
from mlops_nb.artifacts.blob import ALIGNMENT
from mlops_nb.errors import MlopsNbError

if TYPE_CHECKING:
    from pathlib import Path


def packed(value: Any) -> bytes:
    buffers: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
    return b"".join(bytes(piece) for piece in pack(pickled, buffers))


def unpacked(data: bytes | mmap.mmap) -> Any:
    pickled, buffers = unpack(data, "thing")
    return pickle.loads(pickled, buffers=buffers)


@given(st.lists(st.binary(max_size=300), max_size=5), st.binary(max_size=100))
def test_buffers_of_any_length_come_back_in_order(contents: list[bytes], pickled: bytes) -> None:
    data = b"".join(bytes(piece) for piece in pack(pickled, [pickle.PickleBuffer(content) for content in contents]))

    found, buffers = unpack(data, "thing")

    assert bytes(found) == pickled
    assert [bytes(buffer) for buffer in buffers] == contents


def test_arrays_come_back_equal_aligned_and_writable() -> None:
    arrays = [np.arange(n, dtype="float64") for n in (1, 7, 1_000)]

    found = unpacked(packed(arrays))

    for array, before in zip(found, arrays, strict=True):
        np.testing.assert_array_equal(array, before)
        assert array.flags.writeable
        array[0] = -1


def test_a_mapped_array_is_aligned_for_vector_instructions_and_not_copied(tmp_path: Path) -> None:
    path = tmp_path / "value"
    path.write_bytes(packed([b"odd", np.arange(10_000.0), np.arange(3)]))
    with path.open("rb") as source:
        mapped = mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_COPY)
    start = np.frombuffer(mapped, np.uint8).ctypes.data

    _, long, short = unpacked(mapped)

    assert [array.ctypes.data % ALIGNMENT for array in (long, short)] == [0, 0]
    assert start <= long.ctypes.data < start + len(mapped)
    long[0] = 99
    assert unpacked(path.read_bytes())[1][0] == 0


def test_a_read_only_array_stays_read_only() -> None:
    array = np.arange(100)
    array.flags.writeable = False

    assert not unpacked(packed(array)).flags.writeable


def test_the_layout_is_the_one_that_is_documented() -> None:
    pieces = pack(b"PICKLE", [pickle.PickleBuffer(b"one"), pickle.PickleBuffer(bytearray(b"two"))])
    data = b"".join(bytes(piece) for piece in pieces)

    assert struct.unpack_from("<4sIQQ", data) == (b"MLNB", 1, 6, 2)
    assert struct.unpack_from("<QQQ", data, 24) == (128, 3, 0)
    assert struct.unpack_from("<QQQ", data, 48) == (192, 3, 1)
    assert data[72:78] == b"PICKLE"
    assert (data[128:131], data[192:195]) == (b"one", b"two")


@given(st.integers(0, 10_000))
def test_a_file_cut_anywhere_is_refused(cut: int) -> None:
    data = packed(np.arange(50.0))

    with pytest.raises(CorruptArtifact, match="thing is corrupt"):
        unpack(data[: cut % len(data)], "thing")


def test_a_file_of_another_kind_is_refused() -> None:
    with pytest.raises(CorruptArtifact, match="not a stored value"):
        unpack(b"PAR1" + bytes(100), "thing")


def test_a_file_of_a_newer_format_is_refused_with_what_to_do() -> None:
    with pytest.raises(MlopsNbError, match="format 9") as refusal:
        unpack(struct.pack("<4sIQQ", b"MLNB", 9, 0, 0), "thing")

    assert "newer mlops_nb" in refusal.value.hint
    assert not isinstance(refusal.value, CorruptArtifact)


@pytest.mark.parametrize("rows", [2**40, 2**63], ids=["many", "absurdly many"])
def test_a_header_that_promises_more_than_there_is_is_refused(rows: int) -> None:
    with pytest.raises(CorruptArtifact, match="ends too early"):
        unpack(struct.pack("<4sIQQ", b"MLNB", 1, 0, rows), "thing")
