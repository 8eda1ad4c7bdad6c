"""A step's timeout, memory limit and retries: what they end, and the reason in the record."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from mlops_nb.execution.capacity import cores
from mlops_nb.execution.resources import gpus
from mlops_nb.lifecycle import run
from tests.cli.command import call
from tests.notebook_factory import statuses, write

if TYPE_CHECKING:
    from pathlib import Path

    from mlops_nb.metadata import RunRecord


def reason(record: RunRecord, step: str) -> str:
    return next(item.reason for item in record.steps if item.step == step)


@pytest.mark.row(2)
def test_a_step_past_its_limit_is_ended_with_that_reason_and_its_siblings_finish(tmp_path: Path) -> None:
    cells = [
        ("step:slow", "import time\ntime.sleep(60)\nslow = 1", {"timeout_s": 1}),
        ("step:large", "held = bytearray(400 << 20)\nimport time\ntime.sleep(60)", {"memory_mb": 300}),
        ("step:modest", "modest = 2"),
        ("step:needs", "needed = slow + 1"),
    ]
    record = run(write(tmp_path / "limits.ipynb", cells)).result.record

    assert statuses(record) == {"slow": "failed", "large": "failed", "modest": "succeeded", "needs": "skipped"}
    assert reason(record, "slow") == "it took longer than its timeout of 1 s"
    assert reason(record, "large").startswith("it used ")
    assert reason(record, "large").endswith("MiB of memory, and its limit is 300 MiB")
    assert (record.run.status, record.run.reason) == ("failed", "step `slow`, `large` failed")
    for step in ("slow", "large"):
        assert reason(record, step) in " ".join(call(tmp_path, "show", "last", step).out.split())
    ended = {(line.step, line.status): line.why for line in record.history}
    assert ended["slow", "failed"] == "it took longer than its timeout of 1 s"
    assert ended["needs", "skipped"] == "it needs `slow`, which failed"


@pytest.mark.row(2)
def test_each_try_and_its_reason_is_a_fact_of_the_record(tmp_path: Path) -> None:
    code = (
        "import pathlib, time\n"
        "tries = len(list(pathlib.Path().glob('try-*')))\n"
        "pathlib.Path(f'try-{tries}').touch()\n"
        "if tries == 0:\n    raise ValueError('not at once')\n"
        "if tries == 1:\n    time.sleep(60)\n"
        "done = tries"
    )
    cells = [("step:flaky", code, {"retries": 3, "retry_wait_s": 0, "timeout_s": 1}), ("pipeline-metrics", "done")]
    record = run(write(tmp_path / "flaky.ipynb", cells)).result.record

    assert record.run.status == "succeeded"
    assert {scrap.name: scrap.value for scrap in record.scraps} == {"done": 2}
    failed = [line.why for line in record.history if line.status == "try-failed"]
    assert failed == [
        "try 1 of 4 failed (ValueError: not at once); the next in 0 s",
        "try 2 of 4 failed (it took longer than its timeout of 1 s); the next in 0 s",
    ]
    shown = " ".join(call(tmp_path, "show", "last", "flaky").out.split())
    assert "tries that failed" in shown
    assert all(why in shown for why in failed)
    kept = {place.name for place in (tmp_path / ".mlops_nb" / "runs" / record.run.id / "steps").iterdir()}
    assert kept == {"flaky.ipynb", "flaky.try1.ipynb", "flaky.try2.ipynb"}


@pytest.mark.row(2)
def test_a_step_that_asks_for_more_than_the_machine_has_is_refused_and_its_siblings_finish(tmp_path: Path) -> None:
    cells = [
        ("step:wide", "wide = 1", {"cpus": 100_000}),
        ("step:graphics", "graphics = 1", {"gpus": 64}),
        ("step:modest", "modest = 2"),
    ]
    record = run(write(tmp_path / "limits.ipynb", cells)).result.record

    assert statuses(record) == {"wide": "failed", "graphics": "failed", "modest": "succeeded"}
    assert reason(record, "wide") == f"it asks for 100000 cores, and this machine gives {cores()}"
    assert reason(record, "graphics") == f"it asks for 64 GPUs, and this machine gives {gpus()}"
    assert (record.run.status, record.run.reason) == ("failed", "step `wide`, `graphics` failed")


@pytest.mark.row(2)
@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system cannot bind a process to cores")
def test_a_step_runs_on_as_many_cores_as_it_says_and_the_next_one_on_all(tmp_path: Path) -> None:
    count = "len(os.sched_getaffinity(0))"
    cells = [
        ("step:narrow", f"import os, threading\nnarrow = {count}\nlock = threading.Lock()", {"cpus": 1}),
        # A lock cannot leave its process: the two share a kernel.
        ("step:wide", f"wide = {count}\nwith lock:\n    pass"),
        ("pipeline-metrics", "print(narrow, wide)"),
    ]
    record = run(write(tmp_path / "cores.ipynb", cells)).result.record
    assert {scrap.name: scrap.value for scrap in record.scraps} == {
        "narrow": 1,
        "wide": len(os.sched_getaffinity(0)),
    }
