"""A notebook runs as a pipeline with real kernels, and everything that happened is in the record."""

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
from typing import TYPE_CHECKING

import pytest

from mlops_nb.errors import UsageError
from mlops_nb.execution.checking import NeverSettles
from mlops_nb.lifecycle import (
    Finished,
    NotebookHasErrors,
    find_resumption,
    plan_run,
    read,
    resume,
    run,
    stores,
)
from mlops_nb.project import find_project
from mlops_nb.steps import ParameterError
from tests.execution.planned import planned
from tests.notebook_factory import Cell, edit, statuses, write

if TYPE_CHECKING:
    from pathlib import Path


CELLS = [
    ("parameters", "n = 3\nname = 'a'"),
    ("imports", "import math"),
    ("functions", "def double(values):\n    return [2 * value for value in values]"),
    ("step:load", "numbers = list(range(n))\nsame = numbers"),
    ("step:left", "left = double(numbers)"),
    ("step:right", "right = [math.sqrt(value) for value in numbers]"),
    ("step:join", "same.append(100)\ntotal = sum(left) + sum(right)\nlength = len(numbers)"),
    ("pipeline-metrics", "print(total, length)"),
]


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    return write(tmp_path / "project" / "sums.ipynb", CELLS)


def scraps(finished: Finished) -> dict[str, object]:
    return {scrap.name: scrap.value for scrap in finished.result.record.scraps}


@pytest.mark.row(24)
def test_only_an_edited_step_and_what_depends_on_it_runs_again(notebook: Path) -> None:
    first = run(notebook)
    assert first.result.status == "succeeded"
    assert scraps(first) == {"total": pytest.approx(6 + 1 + 2**0.5), "length": 4}
    assert set(statuses(first.result.record).values()) == {"succeeded"}

    second = run(notebook)
    assert set(statuses(second.result.record).values()) == {"cached"}
    assert scraps(second) == scraps(first)

    edit(notebook, 5, "left = [3 * value for value in numbers]")
    third = run(notebook)
    assert statuses(third.result.record) == {
        "prelude": "cached",
        "load": "cached",
        "left": "succeeded",
        "right": "cached",
        "join": "succeeded",
    }
    assert scraps(third)["total"] == pytest.approx(9 + 1 + 2**0.5)
    reasons = {step.step: step.reason for step in third.result.record.steps}
    assert "its source changed" in reasons["left"]
    assert "`left` changed" in reasons["join"]


def test_a_run_to_a_step_stops_there_and_the_next_run_goes_on(notebook: Path) -> None:
    stopped = run(notebook, to="left")
    record = stopped.result.record
    assert stopped.result.status == "succeeded"
    assert statuses(record) == {
        "prelude": "succeeded",
        "load": "succeeded",
        "left": "succeeded",
        "right": "skipped",
        "join": "skipped",
    }
    assert {step.reason for step in record.steps if step.status == "skipped"} == {"the run stops after `left`"}
    assert record.environment["execution"]["to"] == "left"

    whole = run(notebook)
    assert statuses(whole.result.record) == {
        "prelude": "cached",
        "load": "cached",
        "left": "cached",
        "right": "succeeded",
        "join": "succeeded",
    }
    # It is one pipeline, of which a part ran.
    assert whole.result.record.version.hash == record.version.hash


def test_a_run_to_a_step_that_is_continued_later_includes_its_last_part(tmp_path: Path) -> None:
    parts = [("step:a", "x = 1"), ("step:b", "y = 2"), ("step:a", "x += y"), ("step:c", "z = x")]
    notebook = write(tmp_path / "parts.ipynb", parts)
    assert [step.name for step in plan_run(notebook, to="a").steps] == ["a", "b", "a.2"]
    assert [step.name for step in plan_run(notebook, to="a").left_out] == ["c"]


def test_a_failed_run_to_a_step_is_resumed_to_that_step(notebook: Path) -> None:
    edit(notebook, 5, "left = numbers[10]")
    failed = run(notebook, to="left")
    assert statuses(failed.result.record)["left"] == "failed"
    edit(notebook, 5, "left = double(numbers)")
    gone_on = resume(find_resumption(failed.result.run, find_project(notebook)))
    assert gone_on.result.status == "succeeded"
    assert [name for name, status in statuses(gone_on.result.record).items() if status == "skipped"] == [
        "right",
        "join",
    ]


def test_a_run_to_a_step_that_there_is_not_names_the_nearest_and_runs_nothing(notebook: Path) -> None:
    with pytest.raises(UsageError, match=r"no step `lefd`\. Did you mean `left`"):
        run(notebook, to="lefd")
    with stores(read(notebook)) as opened:
        assert not opened.log.runs(1)


def test_a_comment_or_a_reverted_edit_runs_nothing(notebook: Path) -> None:
    run(notebook)
    edit(notebook, 5, "# The same, said with a comment.\nleft = double(numbers)  # twice")
    assert not planned(notebook).to_run
    edit(notebook, 5, "left = [value for value in numbers]")
    run(notebook)
    edit(notebook, 5, "left = double(numbers)")
    assert not planned(notebook).to_run


def test_an_edit_that_changes_no_result_ends_there(notebook: Path) -> None:
    run(notebook)
    edit(notebook, 5, "left = [value + value for value in numbers]")
    assert statuses(run(notebook).result.record)["join"] == "cached"


@pytest.mark.row(57)
def test_parameters_are_recorded_with_types_and_reach_only_the_steps_that_read_them(notebook: Path) -> None:
    run(notebook)
    changed = run(notebook, [("-p", {"n": 4})])
    assert scraps(changed)["length"] == 5
    recorded = {item.name: item for item in changed.result.record.parameters if item.step is None}
    assert (recorded["n"].value, recorded["n"].type, recorded["n"].source) == (4, "int", "command-line")
    assert (recorded["name"].value, recorded["name"].type, recorded["name"].source) == ("a", "str", "default")
    assert {item.step for item in changed.result.record.parameters if item.name == "n"} == {None, "load"}
    renamed = run(notebook, [("-p", {"n": 4, "name": "b"})])
    assert statuses(renamed.result.record) == {
        "prelude": "succeeded",
        "load": "cached",
        "left": "cached",
        "right": "cached",
        "join": "cached",
    }


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"m": 1}, "Did you mean"),
        ({"n": "three"}, "int"),
        ({"n; import os": 1}, "cannot be the name"),
        ({"n": True}, "int"),
    ],
)
def test_a_parameter_that_does_not_fit_is_refused_before_anything_runs(
    notebook: Path, given: dict[str, object], told: str
) -> None:
    if told == "Did you mean":
        given = {"nam": 1}
    with pytest.raises(ParameterError) as refused:
        run(notebook, [("-p", given)])
    assert told in str(refused.value)
    assert not (notebook.parent / ".mlops_nb" / "runs").exists()


@pytest.mark.row(3)
def test_a_cell_that_raises_is_in_the_record_and_independent_steps_finish(tmp_path: Path) -> None:
    cells = [
        ("parameters", "n = 0"),
        ("step:broken", "before = 1"),
        ("", "print('so far')\nresult = 1 / n"),
        ("step:apart", "apart = 7"),
        ("step:after", "after = result + 1"),
    ]
    notebook = write(tmp_path / "broken.ipynb", cells)
    finished = run(notebook)
    record = finished.result.record
    assert finished.result.status == "failed"
    assert statuses(record) == {"prelude": "succeeded", "broken": "failed", "apart": "succeeded", "after": "skipped"}
    broken = next(step for step in record.steps if step.step == "broken")
    assert broken.error is not None
    assert (broken.error.cell_id, broken.error.ename) == ("c3", "ZeroDivisionError")
    assert "result = 1 / n" in broken.error.traceback
    assert {item.name: item.value for item in record.parameters if item.step == "broken"} == {"n": 0}
    with open(broken.notebook, encoding="utf-8") as file:  # noqa: PTH123 - as a person's script would
        executed = json.load(file)
    by_id = {cell.get("id"): cell for cell in executed["cells"]}
    assert by_id["c2"]["execution_count"] is not None
    assert "".join(by_id["c3"]["outputs"][0]["text"]) == "so far\n"
    assert "`broken`" in next(step.reason for step in record.steps if step.step == "after")

    mended = run(notebook, [("-p", {"n": 2})])
    assert mended.result.status == "succeeded"
    assert statuses(mended.result.record)["apart"] == "cached"


def test_diagnostics_refuse_a_notebook_before_any_kernel_starts(tmp_path: Path) -> None:
    notebook = write(tmp_path / "typo.ipynb", [("step:a", "x = 1"), ("step:b", "y = xx + 1")])
    with pytest.raises(NotebookHasErrors) as refused:
        run(notebook)
    assert [found.code for found in refused.value.diagnostics] == ["MN301"]
    assert not (tmp_path / ".mlops_nb").joinpath("runs").exists()


@pytest.mark.row(2)
def test_a_step_past_its_time_or_memory_fails_with_that_reason_and_leaves_its_siblings_alone(tmp_path: Path) -> None:
    cells: list[Cell] = [
        ("step:slow", "import time\ntime.sleep(60)", {"timeout_s": 0.5}),
        ("step:big", "block = bytearray(1_500_000_000)\nblock[::4096] = b'x' * len(block[::4096])", {"memory_mb": 600}),
        ("step:fine", "fine = 1"),
    ]
    record = run(write(tmp_path / "limits.ipynb", cells)).result.record
    reasons = {step.step: step.reason for step in record.steps}
    assert statuses(record) == {"slow": "failed", "big": "failed", "fine": "succeeded"}
    assert "timeout of 0.5 s" in reasons["slow"]
    assert "its limit is 600 MiB" in reasons["big"]


def test_a_failed_step_is_tried_again_when_its_settings_say_so(tmp_path: Path) -> None:
    source = "import pathlib\nmark = pathlib.Path('tried')\nfirst = not mark.exists()\nmark.touch()\nassert not first"
    cells = [("step:flaky", source, {"retries": 2, "retry_wait_s": 0.1})]
    finished = run(write(tmp_path / "flaky.ipynb", cells))
    assert finished.result.status == "succeeded"
    kept = sorted((tmp_path / ".mlops_nb" / "runs" / finished.result.run / "steps").iterdir())
    assert [path.name for path in kept] == ["flaky.ipynb", "flaky.try1.ipynb"]


def test_a_cell_that_ends_the_kernel_fails_its_step(tmp_path: Path) -> None:
    cells = [("step:a", "import sys\nsys.exit()"), ("step:b", "import os\nos._exit(3)"), ("step:c", "c = 1")]
    record = run(write(tmp_path / "exits.ipynb", cells)).result.record
    assert statuses(record) == {"a": "failed", "b": "failed", "c": "succeeded"}


READS = {
    "a program": "import subprocess\ntext = subprocess.run(['cat', 'd.txt'], capture_output=True, text=True).stdout",
    "the shell": "text = !cat d.txt\ntext = text[0]",
    "a cell magic": "%%bash --out text\ncat d.txt",
    "a library in C": "import sqlite3\ntext = sqlite3.connect('d.db').execute('select max(x) from t').fetchone()[0]",
    "the environment": "import os\ntext = os.environ.get('A_VARIABLE_OF_THE_TEST')",
}


@pytest.mark.parametrize("what", READS)
def test_what_a_step_reads_unseen_is_not_taken_from_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def put(text: str) -> None:
        (tmp_path / "d.txt").write_text(text, encoding="utf-8")
        monkeypatch.setenv("A_VARIABLE_OF_THE_TEST", text)
        with contextlib.closing(sqlite3.connect(tmp_path / "d.db")) as database:
            database.execute("create table if not exists t (x)")
            database.execute("insert into t values (?)", (text,))
            database.commit()

    cells = [
        ("step:other", "other = 1"),
        ("step:read", READS[what]),
        ("pipeline-metrics", "told = int(text)\nprint(told)"),
    ]
    notebook = write(tmp_path / "reads.ipynb", cells)
    put("11")
    assert scraps(run(notebook))["told"] == 11
    put("22")
    again = run(notebook)
    assert scraps(again)["told"] == 22
    assert statuses(again.result.record)["other"] == "cached"


def test_a_step_that_starts_a_program_is_reused_where_its_tag_says_so(tmp_path: Path) -> None:
    cells = [("step:read cache:enabled", READS["a program"]), ("step:next", "print(text)")]
    notebook = write(tmp_path / "reads.ipynb", cells)
    (tmp_path / "d.txt").write_text("one", encoding="utf-8")
    run(notebook)
    assert set(statuses(run(notebook).result.record).values()) == {"cached"}


SELF_HELD = """
class Node:
    def __init__(self, key):
        self.key = key
        self.peers = set()

    def __hash__(self):
        return hash(self.key)

    def __eq__(self, other):
        return self.key == other.key


node = Node("n")
node.peers.add(node)
"""


def test_steps_share_a_kernel_for_what_cannot_leave_it(tmp_path: Path) -> None:
    cells = [
        ("step:make", "numbers = (value for value in range(4))\nfirst = next(numbers)"),
        ("step:other", "other = first + 1"),
        ("step:use", "total = sum(numbers)"),
        ("step:after", "after = total + other"),
        ("pipeline-metrics", "print(after)"),
    ]
    notebook = write(tmp_path / "generator.ipynb", cells)
    told: list[str] = []
    first = run(notebook, listen=lambda event: told.append(event.text))
    assert scraps(first) == {"after": 7}
    assert any("MN305" in text and "the steps from `make` on share one kernel" in text for text in told)
    assert set(statuses(run(notebook).result.record).values()) == {"cached"}

    edit(notebook, 3, "total = 10 * sum(numbers)")
    again = run(notebook)
    assert scraps(again) == {"after": 61}
    assert statuses(again.result.record)["make"] == "succeeded"
    reasons = {step.step: step.reason for step in again.result.record.steps}
    assert "needs its kernel" in reasons["make"]


def test_nobody_draws_from_the_stream_between_steps_that_share_a_kernel(tmp_path: Path) -> None:
    cells: list[Cell] = [
        ("step:seed", "import random\nrandom.seed(3)\nsource = (number for number in range(9))"),
        ("step:one", "next(source)\nfirst = random.random()"),
        ("step:two", "next(source)\nsecond = random.random()"),
        ("pipeline-metrics", "print(first)\nprint(second)"),
    ]
    notebook = write(tmp_path / "n.ipynb", cells)
    stream = random.Random(3)  # noqa: S311
    expected = {"first": stream.random(), "second": stream.random()}
    assert scraps(run(notebook)) == expected, "IPython's greeting draws a tip of the day"
    assert scraps(run(notebook, fresh=True)) == expected


def test_what_a_step_raises_in_a_shared_kernel_is_told_as_it_is(tmp_path: Path) -> None:
    cells = [
        ("step:make", "numbers = [1, 2]"),
        ("step:other", "other = 3"),
        ("step:use", "total = sum(numbers) / (other - 2)"),
    ]
    notebook = write(tmp_path / "raising.ipynb", cells)
    run(notebook)
    # By the lock, the last step gets a part of the namespace; now it has to go on in the kernel of the first.
    edit(notebook, 1, "numbers = (value for value in (1, 2))\nother = 0")
    edit(notebook, 2, "other = 2")
    failed = run(notebook)
    (step,) = [step for step in failed.result.record.steps if step.status == "failed"]
    assert (step.step, step.reason) == ("use", "ZeroDivisionError: division by zero")


def test_what_only_its_own_process_can_rebuild_is_noticed_and_its_steps_share_a_kernel(tmp_path: Path) -> None:
    cells = [
        ("step:make", SELF_HELD),
        ("step:other", "other = 1"),
        ("step:use", "size = len(node.peers) + other"),
        ("pipeline-metrics", "print(size)"),
    ]
    notebook = write(tmp_path / "held.ipynb", cells)
    told: list[str] = []
    first = run(notebook, listen=lambda event: told.append(event.text))
    assert scraps(first) == {"size": 2}
    assert any("came back as something else" in text for text in told)
    assert [step.reason for step in first.result.record.steps if step.step == "make"] == [
        "`node`: it came back as something else in another process"
    ]
    # The lock remembers: the next time they share a kernel at once.
    told.clear()
    again = run(notebook, fresh=True, listen=lambda event: told.append(event.text))
    assert scraps(again) == {"size": 2}
    assert again.result.reran == ()
    assert [text[:7] for text in told if "came back as something else" in text] == ["[MN305]"]


def test_steps_that_never_come_to_one_state_end_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlops_nb.execution.checking._ROUNDS", 0)
    cells = [
        ("step:hold", "numbers = (value for value in range(4))"),
        ("step:make", SELF_HELD),
        ("step:use", "total = sum(numbers)"),
        ("step:last", "size = len(node.peers)"),
    ]
    notebook = write(tmp_path / "held.ipynb", cells)
    with pytest.raises(NeverSettles, match="run again and again, the steps do not come to one state"):
        run(notebook)
    with find_project(notebook).log() as log:
        (ended,) = log.runs()
    assert ended.status == "failed"


def test_what_came_back_different_runs_again_within_the_kernel_that_steps_around_it_share(tmp_path: Path) -> None:
    cells = [
        ("step:hold", "numbers = (value for value in range(4))"),
        ("step:both", "others = (value for value in range(5))"),
        ("step:make", SELF_HELD),
        ("step:use", "total = sum(numbers) + sum(others)"),
        ("step:last", "size = len(node.peers)"),
        ("pipeline-metrics", "print(total)\nprint(size)"),
    ]
    notebook = write(tmp_path / "n.ipynb", cells)
    first = run(notebook)
    assert scraps(first) == {"total": 16, "size": 1}
    assert first.result.reran == ("hold",)
    again = run(notebook, fresh=True)
    assert scraps(again) == {"total": 16, "size": 1}
    assert again.result.reran == ()


def test_what_of_a_module_keeps_its_steps_in_one_kernel_is_told(tmp_path: Path) -> None:
    (tmp_path / "told_helpers.py").write_text(
        "import threading\nLOCK = threading.Lock()\n\nclass Registry:\n    items = []\n"
    )
    cells = [
        ("step:code", "import told_helpers as m\nm.Registry.items.append(1)"),
        ("step:lock", "held = m.LOCK.acquire()"),
        ("step:use", "size = len(m.Registry.items)"),
    ]
    told: list[str] = []
    run(write(tmp_path / "told.ipynb", cells), listen=lambda event: told.append(event.text))
    assert (
        "[MN305] `told_helpers` (its code holds what a step has changed: `Registry.items`) cannot leave its process; "
        "the steps from `code` on share one kernel"
    ) in told

    told.clear()
    run(
        write(tmp_path / "locked.ipynb", [("step:a", "import told_helpers as m"), *cells[1:]]),
        listen=lambda e: told.append(e.text),
    )
    (notice,) = [text for text in told if "MN305" in text]
    assert notice.startswith("[MN305] `told_helpers` (`LOCK`: ")


def test_independent_steps_run_at_the_same_time_once_the_lock_proves_it(tmp_path: Path) -> None:
    cells = [
        ("imports", "import time"),
        ("step:data", "data = [1, 2, 3]"),
        ("step:one", "time.sleep(1.5)\none = sum(data)"),
        ("step:two", "time.sleep(1.5)\ntwo = max(data)"),
        ("step:join", "both = one + two"),
    ]
    notebook = write(tmp_path / "parallel.ipynb", cells)

    def overlap(finished: Finished) -> bool:
        steps = {step.step: step for step in finished.result.record.steps}
        one, two = steps["one"], steps["two"]
        assert one.started
        assert one.finished
        assert two.started
        assert two.finished
        return one.started < two.finished and two.started < one.finished

    assert not overlap(run(notebook, workers=2))
    assert overlap(run(notebook, workers=2, fresh=True))


def test_a_lock_that_guessed_wrong_is_noticed_and_mended(tmp_path: Path) -> None:
    cells = [
        ("parameters", "change = False"),
        ("step:data", "data = [1]\nbox = {'data': data}"),
        ("step:maybe", "import time\ntime.sleep(1)\nif change:\n    box['data'].append(2)\nseen = len(box)"),
        ("step:reads", "total = sum(data)"),
    ]
    notebook = write(tmp_path / "guess.ipynb", cells)
    run(notebook)
    told: list[str] = []
    finished = run(notebook, [("-p", {"change": True})], workers=2, listen=lambda event: told.append(event.text))
    assert finished.result.status == "succeeded"
    again = run(notebook, [("-p", {"change": True})], fresh=True)
    assert statuses(again.result.record)["reads"] == "succeeded"
    log = json.loads((tmp_path / "pipelines" / "guess" / "dataflow.lock.json").read_text(encoding="utf-8"))
    assert "data" in log["steps"]["maybe"]["writes"]


def test_two_runs_of_one_notebook_write_one_lock_byte_for_byte(notebook: Path) -> None:
    lock = notebook.parent / "pipelines" / "sums" / "dataflow.lock.json"
    run(notebook)
    first = lock.read_bytes()
    finished = run(notebook, fresh=True)
    assert lock.read_bytes() == first
    assert not finished.lock_changed
