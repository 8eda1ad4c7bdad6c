"""A run is killed at each of its writes: the stores stay whole, what had finished is not lost, resume ends the same."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.command import wait_until
from tests.faults.runner import Server, Small, kernels

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PARTS = 4
SAMPLE = 52
# Where the database is cut off in the middle of a write, by its size: while it is made, migrated, written.
SIZES = (3_000, 40_000, 90_000, 130_000, 170_000)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleQueue[Server]]:
    """Two of them, so that two places are tried at a time."""
    made = [Server(tmp_path_factory.mktemp("server")) for _ in range(2)]
    free: SimpleQueue[Server] = SimpleQueue()
    for server in made:
        free.put(server)
    yield free
    for server in made:
        server.close()


@contextmanager
def one_of(servers: SimpleQueue[Server]) -> Iterator[Server]:
    """Borrow a server."""
    server = servers.get()
    try:
        yield server
    finally:
        servers.put(server)


@pytest.fixture(scope="module")
def undisturbed(
    servers: SimpleQueue[Server], tmp_path_factory: pytest.TempPathFactory
) -> tuple[dict[str, Any], list[str]]:
    """What the run gives when nobody disturbs it, and its writes in order."""
    project = Small.new(tmp_path_factory.mktemp("undisturbed") / "four")
    with one_of(servers) as server:
        code, writes = server.do_and_die("run", project, at=0)
    record = project.last()
    assert code == 0
    assert record is not None
    assert record.run.status == "succeeded"
    return project.results(record), writes


def goes_on(server: Server, project: Small, expected: dict[str, Any]) -> set[str]:
    """Check the stores that a killed run left, go on, and check the results; return what had finished."""
    wait_until(lambda: not kernels(project.folder), timeout=120)
    record = project.last()
    project.require_whole_files(record)
    status = record.run.status if record is not None else "none"
    assert status in {"none", "died", "succeeded"}
    done = {step.step for step in record.steps if step.status == "succeeded"} if record is not None else set()
    code, answer = server.do("resume" if status == "died" else "run", project)
    assert (code, answer.get("status")) == (0, "succeeded"), answer
    assert answer["resumes"] == (record.run.id if record is not None and status == "died" else "")
    assert {name: answer["steps"][name] for name in done if answer["steps"][name][0] != "cached"} == {}
    again = project.last()
    assert again is not None
    assert again.run.id == answer["run"]
    project.require_whole_files(again)
    assert project.results(again) == expected
    return done


def killed_at(place: int, servers: SimpleQueue[Server], folder: Path, expected: dict[str, Any]) -> bool:
    """Kill a run at a write and go on; say whether it was killed: two runs need not do the same number of writes."""
    project = Small.new(folder / str(place) / "four")
    with one_of(servers) as server:
        code, begun = server.do_and_die("run", project, at=place)
        try:
            goes_on(server, project, expected)
        except BaseException as error:
            error.add_note(f"killed at write {place}: {begun[place - 1 :][:1]}")
            raise
    return code == -signal.SIGKILL


@pytest.mark.row(58)
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_run_killed_at_any_write_goes_on_to_the_same_results(
    part: int, servers: SimpleQueue[Server], undisturbed: tuple[dict[str, Any], list[str]], tmp_path: Path
) -> None:
    expected, writes = undisturbed
    total = len(writes)
    assert total >= 150
    sample = list(range(1, total + 1))
    if not os.environ.get("NIGHTLY_TESTS"):
        sample = [1 + number * (total - 1) // (SAMPLE - 1) for number in range(SAMPLE)]
    mine = sample[part::PARTS]
    with ThreadPoolExecutor(2) as pool:
        killed = list(pool.map(partial(killed_at, servers=servers, folder=tmp_path, expected=expected), mine))
    # The last places may lie behind the end.
    assert killed.count(True) >= len(mine) - 1


@pytest.mark.row(58)
@pytest.mark.parametrize("size", SIZES)
def test_a_run_killed_in_the_middle_of_a_write_of_its_record_goes_on(
    size: int, servers: SimpleQueue[Server], undisturbed: tuple[dict[str, Any], list[str]], tmp_path: Path
) -> None:
    project = Small.new(tmp_path / "four")
    with one_of(servers) as server:
        code, _ = server.do("run", project, die_in_writes_beyond=size)
        assert code == -signal.SIGXFSZ
        goes_on(server, project, undisturbed[0])
