"""What `doctor` finds, what it mends, and what it says of what it cannot mend."""

from __future__ import annotations

import dataclasses
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlops_nb.artifacts import Holdings
from mlops_nb.execution.upkeep.doctor import Finding, Stores, examine
from mlops_nb.execution.upkeep.gc import Rules, removable, remove
from mlops_nb.lifecycle import plan_run, run
from mlops_nb.metadata import MetadataStore, UnknownRecord, this_process
from mlops_nb.project import find_project
from tests.cli.command import Ended, Started, call, wait_until
from tests.execution.recorded_runs import NOW, Place, hours_ago
from tests.notebook_factory import write

if TYPE_CHECKING:
    from collections.abc import Iterator

ELSEWHERE = dataclasses.replace(this_process(), host="elsewhere", process="boot|ns|1")
GONE = dataclasses.replace(this_process(), process=this_process().process.rpartition("|")[0] + "|1")


def look(
    place: Place, *, repair: bool = False, close: tuple[str, ...] = (), space: bool = False
) -> tuple[Finding, ...]:
    """Examine a place; what only takes up space is left out unless asked for."""

    @contextmanager
    def opened() -> Iterator[MetadataStore]:
        yield place.log

    stores = Stores(opened, place.holdings, place.runs, place.runs.parent / "orphans")
    return tuple(item for item in examine(stores, repair=repair, close=close) if space or item.kind != "unreferenced")


def kinds(found: tuple[Finding, ...]) -> list[str]:
    return [item.kind for item in found]


def damage(place: Place, digest: str) -> None:
    path = place.holdings.path(digest)
    content = path.read_bytes()
    path.chmod(0o644)
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def test_nothing_is_found_where_nothing_is_wrong(place: Place) -> None:
    place.run("old", days_ago=9, model="tips")
    place.run("new", days_ago=3)
    place.run("alive", ends=False)

    assert look(place, space=True) == ()


@pytest.mark.row(55)
def test_a_run_that_died_is_closed_with_its_last_sign_of_life_and_a_fact_in_its_history(place: Place) -> None:
    place.run("died", days_ago=2, who=GONE, ends=False)
    seen = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    os.utime(place.runs / "died" / "steps" / "load.ipynb", (seen.timestamp(), seen.timestamp()))
    (found,) = look(place)
    assert (found.kind, found.what, found.is_open, found.runs) == ("died-run", "died", True, ("died",))
    assert place.log.run("died").run.finished is None

    (mended,) = look(place, repair=True)

    assert (mended.repaired, mended.is_open) == (True, False)
    record = place.log.run("died")
    assert (record.run.status, record.run.finished) == ("died", seen)
    assert "its last sign of life was at" in record.run.reason
    assert [(step.step, step.status, step.finished) for step in record.steps] == [
        ("load", "died", seen),
        ("later", "cancelled", seen),
    ]
    assert [(line.step, line.status) for line in record.history[-3:]] == [
        ("load", "died"),
        ("later", "cancelled"),
        (None, "died"),
    ]
    assert record.history[-1].at > seen
    assert [item.id for item in place.log.runs(status="died")] == ["died"]
    assert place.log.runs(status="running") == ()
    assert look(place) == ()


def test_died_runs_that_were_closed_and_that_were_not_are_one_list(place: Place) -> None:
    for number in range(6):
        place.run(f"died-{number}", days_ago=9 - number, who=GONE, ends=False)
        if number == 2:
            look(place, repair=True)
    place.run("alive", ends=False)

    assert [item.id for item in place.log.runs(3, status="died")] == ["died-5", "died-4", "died-3"]
    assert [item.id for item in place.log.runs(3, 3, status="died")] == ["died-2", "died-1", "died-0"]
    assert [item.id for item in place.log.runs(status="running")] == ["alive"]


def test_a_run_that_lives_or_cannot_be_seen_from_here_is_left_alone(place: Place) -> None:
    place.run("alive", days_ago=9, ends=False)
    place.run("far away", days_ago=1, who=ELSEWHERE, ends=False)
    place.run("silent", days_ago=9, who=ELSEWHERE, ends=False)
    for name, days in (("far away", 1), ("silent", 9)):
        at = (NOW - timedelta(days=days)).timestamp()
        os.utime(place.runs / name / "steps" / "load.ipynb", (at, at))

    (found,) = look(place, repair=True)

    assert (found.kind, found.what, found.is_open) == ("silent-run", "silent", False)
    assert "mlops-nb doctor --close silent" in found.act
    assert {item.status for item in place.log.runs()} == {"running"}


def test_a_run_of_a_machine_that_is_gone_is_closed_when_a_person_says_so(place: Place) -> None:
    place.run("silent", days_ago=9, who=ELSEWHERE, ends=False)

    assert kinds(look(place, close=("sil",))) == ["died-run"]
    assert place.log.run("silent").run.status == "died"
    with pytest.raises(UnknownRecord, match="has no run `quiet`"):
        look(place, close=("quiet",))


def test_half_a_file_of_a_killed_process_is_cleared_up_and_that_of_a_living_one_is_not(place: Place) -> None:
    place.run("new", days_ago=3)
    incoming = Path(place.holdings.url, "incoming")
    incoming.mkdir(exist_ok=True)
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    half, growing = incoming / f"{child.pid}-00ff", incoming / f"{os.getpid()}-00ff"
    half.write_bytes(b"hal")
    growing.write_bytes(b"grow")

    (found,) = look(place)
    assert (found.kind, found.what, found.is_open) == ("unfinished-file", str(half), True)
    look(place, repair=True)

    assert not half.exists()
    assert growing.exists()
    assert look(place) == ()


def test_content_whose_removal_was_cut_short_comes_back(place: Place) -> None:
    files = place.run("new", days_ago=3)
    removing = Path(place.holdings.url, "removing")
    removing.mkdir()
    place.holdings.path(files.value).rename(removing / files.value)

    assert kinds(look(place)) == ["unfinished-file", "missing-artifact"]
    look(place, repair=True)

    assert place.holdings.verify(files.value)
    assert look(place) == ()


def test_the_folder_of_a_run_that_was_never_recorded_is_moved_aside(place: Place) -> None:
    place.run("new", days_ago=3)
    orphan, starting = place.runs / "orphan", place.runs / "starting"
    orphan.mkdir()
    (orphan / "notebook.ipynb").write_text("{}", encoding="utf-8")
    starting.mkdir()
    os.utime(orphan, (hours_ago(2), hours_ago(2)))

    (found,) = look(place)
    assert (found.kind, found.what) == ("orphan-folder", str(orphan))
    look(place, repair=True)

    assert place.folders() == {"new", "starting"}
    (moved,) = (place.runs.parent / "orphans").iterdir()
    assert (moved / "notebook.ipynb").exists()
    assert look(place) == ()


@pytest.mark.parametrize("part", ["delta", "value", "published"])
def test_a_corrupt_artifact_is_named_with_its_runs_moved_aside_and_noted(place: Place, part: str) -> None:
    files = place.run("hurt", days_ago=9, content="both")
    place.run("too", days_ago=8, content="both")
    place.run("well", days_ago=3)
    digest = getattr(files, part)
    damage(place, digest)

    (found,) = look(place)
    assert (found.kind, found.what, found.runs, found.models) == ("corrupt-artifact", digest, ("hurt", "too"), ())
    (mended,) = look(place, repair=True)

    assert mended.repaired
    assert not place.holdings.has(digest)
    assert Path(place.holdings.url, "corrupt", digest).exists()
    for name in ("hurt", "too"):
        line = place.log.run(name).history[-1]
        assert (line.status, digest in line.why) == ("lost", True)
    assert look(place) == ()
    # What is made again takes its place, whole.
    place.run("again", content="both")
    assert place.holdings.verify(digest)


def test_a_truncated_artifact_is_corrupt_too(place: Place) -> None:
    files = place.run("hurt", days_ago=9)
    path = place.holdings.path(files.value)
    path.chmod(0o644)
    path.write_bytes(b"")

    assert [(item.kind, item.what) for item in look(place)] == [("corrupt-artifact", files.value)]


def test_a_model_that_is_gone_stays_wrong_until_it_is_there_again(place: Place) -> None:
    files = place.run("old", days_ago=9, model="tips")
    damage(place, files.published)
    (found,) = look(place, repair=True)
    assert (found.models, found.runs) == (("tips 1",), ("old",))

    for _ in range(2):
        (missing,) = look(place, repair=True)
        assert (missing.kind, missing.models, missing.is_open) == ("missing-artifact", ("tips 1",), True)

    place.run("again", content="old", model="tips")
    assert look(place) == ()


def test_a_missing_artifact_is_noted_once_in_the_runs_that_it_belonged_to(place: Place) -> None:
    files = place.run("old", days_ago=9)
    place.holdings.path(files.value).unlink()

    (found,) = look(place)
    assert (found.kind, found.what, found.is_open) == ("missing-artifact", files.value, True)
    assert "`x`" in found.fact
    assert kinds(look(place, repair=True)) == ["missing-artifact"]
    assert look(place, repair=True) == ()
    assert [line.status for line in place.log.run("old").history].count("lost") == 1


def test_what_gc_removed_is_not_missing(place: Place) -> None:
    place.run("old", days_ago=9)
    place.run("new", days_ago=3)
    remove(removable(place.log, place.holdings, place.runs, Rules(1, 0)), place.log, place.holdings, Rules(1, 0))

    assert look(place) == ()


def test_artifacts_that_belong_to_no_run_are_told_and_not_wrong(place: Place) -> None:
    place.run("new", days_ago=3)
    stray, size = place.holdings.put(b"left by nobody")
    place.holdings.put(b"perhaps about to be recorded")
    place.age(hours_ago(2), stray)

    (found,) = look(place, space=True)

    assert (found.kind, found.is_open) == ("unreferenced", False)
    assert found.fact == f"1 artifacts of {size} bytes belong to no run"


def test_progress_counts_every_byte_of_the_artifacts(place: Place) -> None:
    place.run("new", days_ago=3)
    told: list[tuple[int, int]] = []

    @contextmanager
    def opened() -> Iterator[MetadataStore]:
        yield place.log

    examine(Stores(opened, place.holdings, place.runs, place.runs), progress=lambda done, of: told.append((done, of)))

    size = sum(map(place.holdings.size, place.held()))
    assert told[-1] == (size, size)
    assert told == sorted(told)


# --- the whole command ------------------------------------------------------------------------------------------------

CELLS = [
    ("step:load", "numbers = list(range(5000))"),
    ("step:mean", "mean = sum(numbers) / len(numbers)"),
    ("pipeline-metrics", "print(mean)"),
]


def test_a_corrupt_artifact_is_made_again_by_the_next_run(tmp_path: Path) -> None:
    notebook = write(tmp_path / "means.ipynb", CELLS)
    first = run(notebook).result
    holdings = Holdings(find_project(notebook).artifact_store().url)
    largest = max(holdings.digests(), key=holdings.size)
    path = holdings.path(largest)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-2] + b"??")

    assert call(tmp_path, "doctor").code == 1
    mended = call(tmp_path, "doctor", "--repair", "--json")
    assert (mended.code, mended.json["ok"]) == (0, True)
    assert [(item["kind"], item["what"], item["runs"]) for item in mended.json["findings"]] == [
        ("corrupt-artifact", largest, [first.run])
    ]
    load = plan_run(notebook).step("load")
    assert (load.status, load.because) == ("run", "the stored `numbers` is gone or corrupt")
    again = run(notebook).result
    assert again.status == "succeeded"
    assert holdings.verify(largest)
    assert call(tmp_path, "doctor").code == 0


def test_a_run_that_was_killed_is_found_closed_and_gone_on_with(tmp_path: Path) -> None:
    slow = "import pathlib, time\nif not pathlib.Path('go').exists():\n    pathlib.Path('in').touch(); time.sleep(300)"
    write(tmp_path / "slow.ipynb", [("step:quick", "a = 1"), ("step:slow", slow + "\nb = a + 1")])
    started = Started(tmp_path, "run", "slow.ipynb")
    wait_until((tmp_path / "in").exists)
    started.signal(signal.SIGKILL)
    started.wait()
    wait_until(lambda: not started.descendants())

    found = call(tmp_path, "doctor", "--json")
    assert (found.code, [item["kind"] for item in found.json["findings"]]) == (1, ["died-run"])
    told = call(tmp_path, "doctor", "--repair")
    assert told.code == 0
    assert "1 finding mended, 0 left." in told.out
    (record,) = call(tmp_path, "runs", "--status", "died", "--json").json
    shown = call(tmp_path, "show", record["id"], "--json").json
    assert [(step["step"], step["status"]) for step in shown["steps"]] == [("quick", "succeeded"), ("slow", "died")]
    assert shown["steps"][1]["finished"] is not None
    (tmp_path / "go").touch()
    assert {step["name"]: step["status"] for step in call(tmp_path, "run", "slow.ipynb", "--json").json["steps"]} == {
        "quick": "cached",
        "slow": "succeeded",
    }
    assert call(tmp_path, "doctor").code == 0


def doctor_of_damaged(tmp_path: Path, offset: int) -> Ended:
    """Write over the middle of a record's file, and ask."""
    write(tmp_path / "means.ipynb", CELLS)
    file = tmp_path / ".mlops_nb" / "metadata.db"
    file.parent.mkdir()
    with MetadataStore.open(f"sqlite:///{file}") as log:
        holdings = Holdings(tmp_path / ".mlops_nb" / "artifacts")
        place = Place(log, holdings, tmp_path / ".mlops_nb" / "runs")
        for number in range(30):
            place.run(f"run-{number}")
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with file.open("r+b") as out:
        out.seek(offset if offset >= 0 else file.stat().st_size + offset)
        out.write(b"\xff" * 8192)
    return call(tmp_path, "doctor", "--json")


@pytest.mark.parametrize("offset", [0, 4096, -20_000], ids=["its head", "its schema", "its rows"])
def test_a_damaged_record_is_named_with_what_to_do(tmp_path: Path, offset: int) -> None:
    ended = doctor_of_damaged(tmp_path, offset)

    assert ended.code == 1, ended.err
    found = ended.json["findings"]
    assert {item["kind"] for item in found} == {"damaged-store"}
    assert all(item["act"] for item in found)
    assert call(tmp_path, "doctor", "--repair").code == 1
