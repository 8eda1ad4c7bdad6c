from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import mlops_nb
from mlops_nb.metadata import MetadataStore, Origin, PipelineVersion, PlannedStep, RunStart, Who, this_process
from mlops_nb.metadata.liveness import is_gone

if TYPE_CHECKING:
    from collections.abc import Iterator

CHECKOUT = Path(mlops_nb.__file__).parents[1]
WRITERS, RUNS = 6, 25

WRITER = """
import sys
from mlops_nb.metadata import *
import mlops_nb.metadata.store
url, writer, runs = sys.argv[1], sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
rides = Artifact("sha-rides", "dataset", "file:rides", 1)
with MetadataStore.open(url) as store:
    for number in range(runs):
        run = f"{writer}-{number}"
        steps = (PlannedStep("load", "l"), PlannedStep("train", "t"))
        store.start_run(RunStart(run, PipelineVersion("taxi", "v"), "taxi.ipynb", Origin("api"), steps))
        for step in ("load", "train"):
            store.start_step(run, step)
            own = Artifact(f"sha-{run}-{step}", "model", "file:m", 1)
            outputs = {"rides": rides, "own": own}
            store.finish_step(run, step, StepEnd("succeeded", scraps=(Scrap("n", number),), outputs=outputs))
        store.finish_run(run, "succeeded")
"""

REGISTRAR = """
import sys
from mlops_nb.metadata import *
url, writer, models = sys.argv[1], sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
with MetadataStore.open(url) as store:
    for number in range(models):
        for digest in (f"sha-{writer}-{number}", f"sha-common-{number}"):
            store.record_artifact(Artifact(digest, "model", "file:m", 1))
            made = store.add_model_version("tips", Candidate(digest))
            store.move_aliases("tips", {"challenger": made.version}, "newer")
"""

STARTER = """
import sys, time
from mlops_nb.metadata import *
with MetadataStore.open(sys.argv[1]) as store:
    steps = (PlannedStep("load", "l"), PlannedStep("train", "t"), PlannedStep("test", "e"))
    store.start_run(RunStart("doomed", PipelineVersion("taxi", "v"), "taxi.ipynb", Origin("cli"), steps))
    store.start_step("doomed", "load")
    store.finish_step("doomed", "load", StepEnd("succeeded"))
    store.start_step("doomed", "train")
    print("started", flush=True)
    time.sleep(60)
"""


def python(program: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.Popen(command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def doomed(url: str) -> Iterator[subprocess.Popen[str]]:
    """Start a process that started a run, and is in the middle of its second step."""
    with python(STARTER, url) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        yield process
        process.kill()


def start_as(store: MetadataStore, run: str, who: Who) -> None:
    version = PipelineVersion("taxi", "v")
    store.start_run(RunStart(run, version, "taxi.ipynb", Origin("cli"), (PlannedStep("load", "l"),), who=who))


def test_six_processes_make_a_store_and_write_to_it_at_once_and_nothing_is_lost(url: str) -> None:
    processes = [python(WRITER, url, f"w{number}", str(RUNS)) for number in range(WRITERS)]
    try:
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
    finally:
        for process in processes:
            process.communicate(timeout=600)

    assert [process.returncode for process in processes] == [0] * WRITERS
    with MetadataStore.open(url) as store:
        runs = store.runs(limit=1000)
        assert {run.id for run in runs} == {f"w{w}-{n}" for w in range(WRITERS) for n in range(RUNS)}
        assert {run.status for run in runs} == {"succeeded"}
        assert [run.started for run in runs] == sorted((run.started for run in runs), reverse=True)
        assert len({run.who.pid for run in runs}) == WRITERS
        assert len(store.uses_of("sha-rides")) == WRITERS * RUNS * 2
        record = store.run("w3-7")
        assert [scrap.value for scrap in record.scraps] == [7, 7]
        assert len(record.history) == 6


def test_processes_that_register_models_at_once_number_them_without_a_gap_or_a_double(url: str) -> None:
    processes = [python(REGISTRAR, url, f"w{number}", "5") for number in range(4)]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    for process in processes:
        process.communicate("go\n", timeout=600)

    assert [process.returncode for process in processes] == [0] * 4
    with MetadataStore.open(url) as store:
        versions = store.model_versions("tips")
        assert [version.version for version in versions] == list(range(25, 0, -1))
        assert len({version.digest for version in versions}) == 25
        moves = store.alias_moves("tips")
        assert len(moves) == 40
        assert [move.replaced for move in moves[:-1]] == [move.version for move in moves[1:]]


def test_a_run_whose_process_was_killed_shows_as_died(url: str, doomed: subprocess.Popen[str]) -> None:
    with MetadataStore.open(url) as store:
        assert store.runs()[0].status == "running"
        assert store.run("doomed").steps[1].status == "running"

        os.kill(doomed.pid, signal.SIGKILL)
        doomed.wait()

        (run,) = store.runs()
        assert (run.status, run.finished, run.seconds) == ("died", None, None)
        assert [run.id for run in store.runs(status="died")] == ["doomed"]
        assert store.runs(status="running") == ()
        load, train, test = store.run("doomed").steps
        assert [load.status, train.status, test.status] == ["succeeded", "died", "pending"]
        assert load.seconds is not None
        assert train.started is not None
        # What was written stays as it was: that the process is gone is seen whenever somebody looks.
        assert store.run("doomed").history[-1].status == "running"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no zombies")
def test_a_killed_process_is_gone_before_its_parent_has_noticed(url: str, doomed: subprocess.Popen[str]) -> None:
    with MetadataStore.open(url) as store:
        who = store.runs()[0].who
        doomed.kill()
        os.waitid(os.P_PID, doomed.pid, os.WEXITED | os.WNOWAIT)

        assert is_gone(who)
        assert store.runs()[0].status == "died"


def test_a_run_that_died_can_still_be_ended_by_another_process(url: str, doomed: subprocess.Popen[str]) -> None:
    doomed.kill()
    doomed.wait()
    with MetadataStore.open(url) as store:
        store.finish_run("doomed", "cancelled", "its process was killed")

        assert store.runs()[0].status == "cancelled"
        assert [step.status for step in store.run("doomed").steps] == ["succeeded", "cancelled", "cancelled"]


def test_a_pid_that_came_round_again_is_not_taken_for_the_process(store: MetadataStore) -> None:
    here = this_process()
    boot, _, rest = here.process.partition("|")
    namespace = rest.partition("|")[0]
    start_as(store, "same", here)
    start_as(store, "reused", dataclasses.replace(here, process=f"{boot}|{namespace}|1"))

    assert {run.id: run.status for run in store.runs()} == {"same": "running", "reused": "died"}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a boot id and pid namespaces")
def test_a_process_is_called_dead_only_where_that_can_be_seen(store: MetadataStore) -> None:
    here = this_process()
    boot, namespace, started = here.process.split("|")
    start_as(store, "before the reboot", dataclasses.replace(here, process=f"another boot|{namespace}|{started}"))
    start_as(store, "other host", dataclasses.replace(here, host="elsewhere", process="boot|ns|1"))
    start_as(store, "other container", dataclasses.replace(here, pid=1, process=f"{boot}|pid:[1]|1"))
    start_as(store, "unknown", dataclasses.replace(here, pid=2**22 + 1, process=""))

    assert {run.id: run.status for run in store.runs()} == {
        "before the reboot": "died",
        "other host": "running",
        "other container": "running",
        "unknown": "running",
    }


def test_pages_of_died_runs_count_only_those(store: MetadataStore) -> None:
    here = this_process()
    for number in range(8):
        gone = dataclasses.replace(here, process=here.process.rpartition("|")[0] + "|1")
        start_as(store, f"run-{number}", gone if number % 2 else here)

    assert [run.id for run in store.runs(2, 1, status="died")] == ["run-5", "run-3"]
    assert [run.id for run in store.runs(2, status="running")] == ["run-6", "run-4"]
