"""Which steps must keep their order because of files, as a table."""

from __future__ import annotations

import pytest

from mlops_nb.pipeline.file_order import FileUse


def use(reads: str = "", writes: str = "") -> FileUse:
    return FileUse.of(reads.split(), writes.split())


@pytest.mark.parametrize(
    ("writer", "other"),
    [
        (use(writes="a.txt"), use(reads="a.txt")),
        (use(writes="a.txt"), use(writes="./a.txt")),
        (use(reads="log", writes="log"), use(reads="log", writes="log")),
        (use(writes="out"), use(reads="out/deep/a.txt")),
        (use(writes="out"), use(writes="out/a.txt")),
        (use(writes="out/a.txt"), use(reads="out")),
        (use(writes="a.txt"), use(reads=".")),
        (use(writes="../shared/a.txt"), use(reads="../shared")),
        (use(writes="out/"), use(writes="out/a.txt")),
        (use(writes="out/"), use(writes="out/deep/")),
        (use(writes="out/"), use(reads="out")),
        (use(writes="out"), use(writes="out/")),
        (use(writes="/data/out"), use(reads="/data/out/a.txt")),
    ],
)
def test_a_step_that_writes_what_another_one_uses_keeps_its_place(writer: FileUse, other: FileUse) -> None:
    assert writer.disturbs(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (use(reads="a.txt"), use(reads="a.txt")),
        (use(writes="out/a.txt"), use(writes="out/b.txt")),
        (use(writes="out/ out/a.txt"), use(writes="out/ out/b.txt")),
        (use(writes="out/a.txt"), use(reads="out/b.txt")),
        (use(writes="out"), use(reads="out2/a.txt")),
        (use(writes="out/deep/a.txt"), use(reads="out")),
        (use(), use(reads="a", writes="b")),
    ],
)
def test_steps_that_are_not_in_each_others_way_may_change_places(one: FileUse, other: FileUse) -> None:
    assert not one.disturbs(other)
    assert not other.disturbs(one)
