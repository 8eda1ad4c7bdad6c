"""A run that did not succeed is gone on with: what had finished is verified and taken over, the rest runs."""

from __future__ import annotations

import json
import os
import shutil
import signal
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from mlops_nb import lifecycle
from mlops_nb.execution.resuming import CannotResume
from mlops_nb.project import find_project
from tests.cli.command import Started, call, wait_until
from tests.cli.command import statuses as ended_statuses
from tests.notebook_factory import edit, statuses, write

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mlops_nb.artifacts import ArtifactStore
    from mlops_nb.execution import RunEvent
    from mlops_nb.lifecycle import Finished
    from mlops_nb.metadata import StepRun
    from tests.postgresql import Server

# The last step raises until there is a file `go`. What `load` reads and draws from, only its evidence tells.
CELLS = [
    ("parameters", "n = 3\nname = 'a'"),
    ("step:load", "import pathlib, random\nimport scaling\nnumbers = [n * random.random() for _ in range(20)]"),
    ("step:read", "import json\nplace = 'da' + 'ta.json'\ndata = json.loads(pathlib.Path(place).read_text())"),
    ("step:scale", "import numpy as np\nscaled = np.array(numbers) * scaling.BY + len(data)"),
    (
        "step:publish",
        "table = {'rows': list(map(float, scaled))}",
        {"outputs": {"table": {"type": "value"}, "best": {"type": "metrics"}}},
    ),
    ("", "best = float(scaled.max())\npicked = list(scaled)"),
    ("step:end", "if not pathlib.Path('go').exists():\n    raise RuntimeError('not yet')\ntotal = float(scaled.sum())"),
    ("pipeline-metrics", "print(total)"),
]
FINISHED = ["prelude", "load", "read", "scale", "publish"]


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    written = write(folder / "sums.ipynb", CELLS)
    (folder / "scaling.py").write_text("BY = 2.0\n", encoding="utf-8")
    (folder / "data.json").write_text("[1, 2, 3]", encoding="utf-8")
    return written


@pytest.fixture
def failed(notebook: Path) -> Finished:
    finished = lifecycle.run(notebook, [("-p", {"n": 5})], isolation="fork")
    assert finished.result.status == "failed"
    (notebook.parent / "go").touch()
    return finished


def resume(notebook: Path, run: str = "last", **options: Any) -> Finished:
    found = lifecycle.find_resumption(run, find_project(notebook), options.pop("moved", None))
    return lifecycle.resume(found, options.pop("layers", ()), **options)


def step(finished: Finished, name: str) -> StepRun:
    return next(item for item in finished.result.record.steps if item.step == name)


def scraps(finished: Finished) -> dict[str, object]:
    return {scrap.name: scrap.value for scrap in finished.result.record.scraps}


@pytest.mark.row(58)
def test_only_what_had_not_finished_runs_with_the_parameters_of_that_run(notebook: Path, failed: Finished) -> None:
    resumed = resume(notebook)

    record = resumed.result.record
    assert resumed.result.status == "succeeded"
    assert statuses(record) == {**dict.fromkeys(FINISHED, "cached"), "end": "succeeded"}
    assert {item.name: (item.value, item.source) for item in record.parameters if item.step is None} == {
        "n": (5, "command-line"),
        "name": ("a", "default"),
    }
    assert scraps(resumed)["best"] == scraps(failed)["best"]
    assert (record.resumes, record.run.why) == (failed.result.run, f"resumes {failed.result.run}")
    shown = call(notebook.parent, "show", "last", "--json").json
    assert shown["resumes"] == failed.result.run
    assert call(notebook.parent, "show", failed.result.run, "--json").json["run"]["status"] == "failed"


def _source(folder: Path) -> None:
    edit(folder / "sums.ipynb", 2, "import pathlib, random\nimport scaling\nnumbers = [n] * 20")


def _data(folder: Path) -> None:
    (folder / "data.json").write_text("[1, 2, 3, 4]", encoding="utf-8")


def _module(folder: Path) -> None:
    (folder / "scaling.py").write_text("BY = 3.0\n", encoding="utf-8")


@pytest.mark.row(58)
@pytest.mark.parametrize(
    ("change", "first", "told"),
    [
        (_source, "load", "its source changed since"),
        (_data, "read", "the file `data.json` changed since"),
        (_module, "load", "the module `scaling` changed since"),
    ],
)
def test_a_finished_step_that_would_be_another_now_is_told_and_runs_again_with_what_follows(
    notebook: Path, failed: Finished, change: Callable[[Path], None], first: str, told: str
) -> None:
    change(notebook.parent)
    planned = []
    resumed = resume(notebook, on_plan=lambda plan: planned.extend(plan.steps))

    assert f"{told} {failed.result.run} finished it" in step(resumed, first).reason
    assert {item.name: item for item in planned}[first].because == step(resumed, first).reason
    ended = statuses(resumed.result.record)
    assert {ended[name] for name in (first, "scale", "publish", "end")} == {"succeeded"}
    assert ended["prelude"] == "cached"


@pytest.mark.row(58)
def test_another_environment_is_told(
    notebook: Path, failed: Finished, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = tmp_path / "site" / "extra-1.0.dist-info"
    installed.mkdir(parents=True)
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 1.0\n", encoding="utf-8")
    monkeypatch.syspath_prepend(installed.parent)
    found = lifecycle.find_resumption("last", find_project(notebook))
    with lifecycle.stores(found.pipeline, found.record) as opened:
        planned, _ = lifecycle.plan(found.pipeline, opened, found.parameters.layers)
    assert planned.step("prelude").because == f"the environment changed since {failed.result.run} finished it"
    assert {item.status for item in planned.steps} <= {"run", "maybe"}


@pytest.mark.row(58)
def test_another_parameter_is_told_and_a_new_default_is_not_taken_silently(notebook: Path, failed: Finished) -> None:
    edit(notebook, 1, "n = 3\nname = 'b'")
    heard: list[RunEvent] = []
    resumed = resume(notebook, layers=[("-p", {"n": 6})], listen=heard.append)

    assert "the parameter `n` changed since" in step(resumed, "prelude").reason
    assert statuses(resumed.result.record)["load"] == "succeeded"
    values = {item.name: (item.value, item.source) for item in resumed.result.record.parameters if item.step is None}
    assert values == {"n": (6, "command-line"), "name": ("a", "default")}
    (notice,) = [event.text for event in heard if event.kind == "notice" and not event.step]
    assert notice == f"`name` is 'a', as in {failed.result.run}; its default is 'b' by now"


def delta(store: ArtifactStore, done: StepRun) -> Path:
    return store.path(done.outcome["delta"])


def variable(store: ArtifactStore, done: StepRun) -> Path:
    changed = json.loads(store.get(done.outcome["delta"]))["changed"]
    return store.path(next(item["blob"] for item in changed if item["blob"]))


def output(store: ArtifactStore, done: StepRun) -> Path:
    return store.path(done.outcome["published"]["table"])


def digests(store: ArtifactStore, done: StepRun) -> list[str]:
    changed = json.loads(store.get(done.outcome["delta"]))["changed"]
    blobs = [item["blob"] for item in changed if item["blob"]]
    return [done.outcome["delta"], *blobs, *done.outcome["published"].values()]


def flip(place: Path) -> None:
    data = bytearray(place.read_bytes())
    data[len(data) // 2] ^= 1
    place.chmod(0o600)
    place.write_bytes(data)


def cut(place: Path) -> None:
    place.chmod(0o600)
    os.truncate(place, place.stat().st_size - 1)


BIG = [
    ("step:make", "import numpy as np\nimport pandas as pd\nbig = np.arange(50_000) % 7"),
    ("step:publish", "table = pd.DataFrame({'n': big[:100]})", {"outputs": {"table": {"type": "dataset"}}}),
    ("step:end", "import pathlib\nif not pathlib.Path('go').exists():\n    raise RuntimeError\ntotal = int(big.sum())"),
    ("pipeline-metrics", "print(total, len(table))"),
]


@pytest.mark.row(58)
@pytest.mark.parametrize(
    ("damage", "made_by", "kind", "told"),
    [
        (flip, "make", delta, "its stored state is gone or corrupt"),
        (flip, "make", variable, "the stored `big` is gone or corrupt"),
        (cut, "make", variable, "the stored `big` is gone or corrupt"),
        (flip, "publish", output, "what it published as `table` is gone or corrupt"),
        (os.unlink, "publish", output, "what it published as `table` is gone or corrupt"),
    ],
)
def test_a_damaged_artifact_is_told_made_anew_and_never_reused(
    tmp_path: Path,
    damage: Callable[[Path], None],
    made_by: str,
    kind: Callable[[ArtifactStore, StepRun], Path],
    told: str,
) -> None:
    notebook = write(tmp_path / "big.ipynb", BIG)
    first = lifecycle.run(notebook)
    assert first.result.status == "failed"
    store = find_project(notebook).artifact_store()
    place = kind(store, step(first, made_by))
    damage(place)
    (tmp_path / "go").touch()
    resumed = resume(notebook)

    assert step(resumed, made_by).reason == told
    assert statuses(resumed.result.record)[made_by] == "succeeded"
    assert scraps(resumed)["total"] == sum(number % 7 for number in range(50_000))
    # What stands for the steps now is whole.
    kept = {digest for done in resumed.result.record.steps for digest in digests(store, done)}
    assert {digest for digest in kept if not store.verify(digest)} == set()
    assert set(statuses(lifecycle.run(notebook).result.record).values()) == {"cached"}


def test_a_run_that_succeeded_or_still_runs_is_refused_in_words(notebook: Path, failed: Finished) -> None:
    folder = notebook.parent
    (folder / "go").unlink()
    edit(
        notebook,
        7,
        "import time\npathlib.Path('waiting').touch()\n"
        "while not pathlib.Path('go').exists():\n    time.sleep(0.05)\ntotal = 1",
    )
    started = Started(folder, "resume", failed.result.run)
    wait_until((folder / "waiting").exists)
    running = call(folder, "resume", "last", "--json")
    again = call(folder, "resume", failed.result.run, "--json")
    (folder / "go").touch()
    assert started.wait().code == 0
    succeeded = call(folder, "resume", "last", "--json")

    assert (running.code, again.code, succeeded.code) == (2, 2, 2)
    assert {ended.json["error"]["code"] for ended in (running, again, succeeded)} == {"cannot-resume"}
    assert "has not ended" in running.json["error"]["message"]
    assert "is being resumed already, by run" in again.json["error"]["message"]
    assert "succeeded: there is nothing to resume" in succeeded.json["error"]["message"]


def test_a_killed_run_keeps_what_had_finished_though_its_lock_was_never_written(notebook: Path) -> None:
    folder = notebook.parent
    edit(
        notebook,
        7,
        "import time\npathlib.Path('waiting').touch()\n"
        "if not pathlib.Path('go').exists():\n    time.sleep(300)\ntotal = 1",
    )
    started = Started(folder, "run", "sums.ipynb", "-p", "n", "7")
    wait_until((folder / "waiting").exists)
    started.signal(signal.SIGKILL)
    started.wait()
    (folder / "go").touch()
    ended = call(folder, "resume", "last", "--json")

    assert ended.code == 0, ended.err
    assert ended_statuses(ended) == {**dict.fromkeys(FINISHED, "cached"), "end": "succeeded"}
    assert "which died" in ended.err
    died = call(folder, "show", ended.json["resumes"], "--json").json
    assert died["run"]["status"] == "died"
    assert died["run"]["finished"] >= died["run"]["started"]
    then = {step["step"]: step["status"] for step in died["steps"]}
    assert then == {**dict.fromkeys(FINISHED, "succeeded"), "end": "died"}
    assert died["history"][-1]["why"].startswith("its process ")


def test_a_moved_notebook_is_asked_for_and_a_moved_project_is_found(notebook: Path, failed: Finished) -> None:
    moved = notebook.parent.rename(notebook.parent.with_name("elsewhere"))
    deeper = moved / "notebooks"
    deeper.mkdir()
    shutil.move(moved / "sums.ipynb", deeper)
    with pytest.raises(CannotResume, match="is not there any more") as refused:
        resume(moved / "x")
    assert str(deeper / "sums.ipynb") in refused.value.hint
    shutil.move(deeper / "sums.ipynb", moved)
    resumed = resume(moved / "sums.ipynb")
    assert statuses(resumed.result.record) == {**dict.fromkeys(FINISHED, "cached"), "end": "succeeded"}


def test_a_run_is_gone_on_with_in_postgresql_too(
    notebook: Path, postgresql: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLOPS_NB_METADATA", postgresql.new_database())
    first = lifecycle.run(notebook)
    (notebook.parent / "go").touch()
    resumed = resume(notebook)
    assert statuses(resumed.result.record) == {**dict.fromkeys(FINISHED, "cached"), "end": "succeeded"}
    assert resumed.result.record.resumes == first.result.run


def test_a_finished_step_whose_kernel_a_later_one_needs_runs_again_and_that_is_told(tmp_path: Path) -> None:
    cells = [
        ("step:make", "import pathlib\nendless = (number for number in range(10))\nfirst = next(endless)"),
        ("step:take", "if not pathlib.Path('go').exists():\n    raise RuntimeError\nsecond = next(endless)"),
        ("pipeline-metrics", "print(second)"),
    ]
    notebook = write(tmp_path / "endless.ipynb", cells)
    assert lifecycle.run(notebook).result.status == "failed"
    (tmp_path / "go").touch()
    resumed = resume(notebook)
    assert step(resumed, "make").reason == "a later step needs its kernel"
    assert (statuses(resumed.result.record)["make"], scraps(resumed)["second"]) == ("succeeded", 1)


@pytest.mark.row(55)
def test_start_end_and_duration_of_each_step_are_recorded_however_it_ended(notebook: Path, failed: Finished) -> None:
    (notebook.parent / "go").unlink()
    edit(notebook, 7, "import time\npathlib.Path('waiting').touch()\ntime.sleep(300)\ntotal = 0")
    started = Started(notebook.parent, "resume", "last", "--workers", "1")
    wait_until((notebook.parent / "waiting").exists)
    started.signal(signal.SIGKILL)
    started.wait()
    edit(notebook, 7, "total = float(scaled.sum())")
    last = resume(notebook)
    with find_project(notebook).log() as log:
        records = [log.run(run.id) for run in log.runs()]

    assert [record.run.status for record in records] == ["succeeded", "died", "failed"]
    assert {done.status for record in records for done in record.steps} == {"succeeded", "cached", "died", "failed"}
    for record in records:
        began, ended = record.run.started, record.run.finished
        assert ended is not None
        times = []
        for done in record.steps:
            assert done.started is not None
            assert done.finished is not None
            assert done.seconds is not None
            assert done.started.utcoffset() == done.finished.utcoffset() == timedelta(0)
            assert began <= done.started <= done.finished <= ended
            # The clock of the record and the one that measures are read one after the other.
            assert done.seconds == pytest.approx((done.finished - done.started).total_seconds(), abs=1.0)
            times.append((done.started, done.finished))
        # A chain: each step begins when the one before it has ended, and together they take no longer than the run.
        assert all(one[1] <= other[0] for one, other in pairwise(times))
        assert sum(done.seconds or 0 for done in record.steps) <= (ended - began).total_seconds() + 1.0
    assert last.result.run == records[0].run.id
