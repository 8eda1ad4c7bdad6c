"""Every case of the table gives what Restart-and-Run-All gives: as a chain, in parallel, and step by step anew."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mlops_nb.execution import Limits
from mlops_nb.handover import Delta, State
from mlops_nb.lifecycle import Finished, NotebookHasErrors, run
from mlops_nb.project import find_project
from tests.cases.forked_sessions import SHELL_SEED, ForkedSessions, run_backwards
from tests.cases.load import Case, load_cases
from tests.cases.run_in_shells import HEAVY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlops_nb.execution import RunEvent

CASES = [case for case in load_cases() if not case.cannot_run]
# Rebuilding every step of every case takes minutes: a nightly profile.
NIGHTLY = bool(os.environ.get("NIGHTLY_TESTS"))


def is_heavy(case: Case) -> bool:
    return any(name in cell.source for cell in case.cells for name in HEAVY)


@pytest.fixture(scope="session")
def truth() -> Callable[[Case], dict[str, Any]]:
    """Tell what a case leaves in `result` when its cells run one after the other in one shell.

    The cases of a group are run together, when the first of them is asked for.
    """
    known: dict[str, dict[str, Any]] = {}

    def of(case: Case) -> dict[str, Any]:
        if case.name not in known:
            known.update(in_one_shell([other for other in CASES if other.group == case.group]))
        answer: dict[str, Any] = known[case.name]
        return answer

    return of


def in_one_shell(cases: list[Case]) -> dict[str, Any]:
    jobs = [{"cells": case.script(), "may_raise": case.may_raise(), "seed": case.seed} for case in cases]
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("run_in_shells.py"))],
        input=json.dumps(jobs),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    answers = map(json.loads, done.stdout.splitlines())
    return {cases[answer["job"]].name: answer for answer in answers}


@pytest.fixture(scope="session")
def shells() -> Iterator[dict[tuple[bool, bool], ForkedSessions]]:
    opened: dict[tuple[bool, bool], ForkedSessions] = {}
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONHASHSEED", "0")
        for heavy in (False, True):
            for seed in (False, True):
                opened[heavy, seed] = ForkedSessions(heavy=heavy, seed=seed).__enter__()
    yield opened
    for sessions in opened.values():
        sessions.__exit__(None, None, None)


def write(case: Case, folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "pyproject.toml").touch()
    notebook = folder / "case.ipynb"
    notebook.write_text(json.dumps(case.notebook()), encoding="utf-8")
    return notebook


def ended_with(finished: Finished, notebook: Path, sessions: ForkedSessions) -> str:
    """Return `result` as the pipeline left it, told by a shell that thaws the final state."""
    assert finished.result.status == "succeeded", [
        (step.step, step.status, step.reason, step.error and step.error.traceback)
        for step in finished.result.record.steps
    ]
    store = find_project(notebook).artifact_store()
    state = State()
    for step in finished.result.record.steps:
        state = state.after(Delta.from_json(store.get(step.outcome["delta"])))
    digest = store.put(state.to_json().encode())[0]
    place = notebook.with_name("told.ipynb")
    tell = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from run_in_shells import told\nfrom IPython.display import publish_display_data\n"
        "publish_display_data({'text/plain': told(result)})"
    )
    begin = f"__import__('mlops_nb.handover', fromlist=['x']).begin({store.url!r}, {digest!r}, ['result'])"
    cells: list[dict[str, Any]] = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "outputs": [], "execution_count": None, "source": source}
        for n, source in enumerate((begin, tell))
    ]
    place.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    with sessions.open("python3", notebook.parent) as session:
        session.run(place, {}, Limits(), lambda *_: None)
    outputs = json.loads(place.read_text(encoding="utf-8"))["cells"][1]["outputs"]
    assert outputs, place.read_text(encoding="utf-8")
    assert outputs[0]["output_type"] == "display_data", outputs
    return str(outputs[0]["data"]["text/plain"])


def known_differences() -> dict[str, str]:
    """Return the cases that do not hold yet, with what is missing; a case that holds again may stay for a while."""
    lines = Path(__file__).with_name("known_differences.md").read_text(encoding="utf-8").splitlines()
    rows = [line.removeprefix("- `").partition("`: ") for line in lines if line.startswith("- `")]
    return {name: reason for name, _, reason in rows}


def parameters() -> Iterator[Any]:
    known = known_differences()
    for case in CASES:
        marks = [pytest.mark.xfail(reason=known[case.name], strict=False)] if case.name in known else []
        yield pytest.param(case, id=f"{case.group}-{case.name}", marks=marks)


@pytest.mark.parametrize("case", list(parameters()))
def test_the_pipeline_computes_what_the_notebook_computes(
    case: Case, truth: Callable[[Case], dict[str, Any]], shells: dict[tuple[bool, bool], ForkedSessions], tmp_path: Path
) -> None:
    sessions = shells[is_heavy(case), case.seed]
    notebook = write(case, tmp_path / "first")
    layers = [("-p", dict(case.parameters))] if case.parameters else []
    if case.expect == "refused":
        with pytest.raises(NotebookHasErrors) as refused:
            run(notebook, layers, open_session=sessions.open)
        assert case.diagnostic in {found.code for found in refused.value.diagnostics}
        return
    expected = truth(case)
    assert "result" in expected, expected
    told: list[RunEvent] = []
    seed = SHELL_SEED if case.seed else None
    first = run(notebook, layers, open_session=sessions.open, listen=told.append, seed=seed)
    if case.expect == "fails":
        errors = [step.error.ename for step in first.result.record.steps if step.error]
        assert (first.result.status, errors) == ("failed", [case.diagnostic])
        return
    assert ended_with(first, notebook, sessions) == expected["result"]
    if case.expect in {"fused", "apart"}:
        assert any("MN305" in event.text for event in told) is (case.expect == "fused")

    # Again in a fresh folder, where only the lock is known: what it proves runs in parallel, on parts of the state.
    second = write(case, tmp_path / "second")
    shutil.copytree(notebook.parent / "pipelines", second.parent / "pipelines")
    finished = run_backwards(second, sessions, layers, seed=seed)
    assert ended_with(finished, second, sessions) == expected["result"]

    if NIGHTLY and not any(step.outcome["files"] for step in finished.result.record.steps):
        rebuild_each_step(case, second, layers, sessions, expected["result"])


def rebuild_each_step(
    case: Case, notebook: Path, layers: list[tuple[str, dict[str, Any]]], sessions: ForkedSessions, expected: str
) -> None:
    """Run one step after the other again, on the stored state of those before it."""
    document = case.notebook()
    last = {}
    for position, cell in enumerate(case.cells):
        step = next((tag.partition(":")[2] for tag in cell.tags if tag.startswith(("step:", "block:"))), None)
        if step:
            last[step] = position
    for position in last.values():
        source = document["cells"][position]["source"]
        document["cells"][position]["source"] = f"{source}\npass"
        notebook.write_text(json.dumps(document), encoding="utf-8")
        finished = run(notebook, layers, open_session=sessions.open, seed=SHELL_SEED if case.seed else None)
        assert ended_with(finished, notebook, sessions) == expected
        document["cells"][position]["source"] = source
