"""Random programs, cut into steps at random places, end as they do in one shell: as a chain, in parallel, edited.

A failure shows the smallest program that hypothesis could find, written as a case of the table beside this file.
"""

from __future__ import annotations

import difflib
import json
import os
import random
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from mlops_nb.errors import MlopsNbError
from mlops_nb.execution import Limits
from mlops_nb.handover import Delta, State
from mlops_nb.project import find_project
from tests.cases.forked_sessions import SHELL_SEED, ForkedSessions, run_backwards
from tests.cases.programs import IMPORTS, NAMES, Program, document, programs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mlops_nb.lifecycle import Finished

# Thousands of programs take an hour: a nightly profile, in which every night tries others.
NIGHTLY = bool(os.environ.get("NIGHTLY_TESTS"))
# Parts that can be tried at the same time, each with programs of its own.
PARTS = 4
PROFILE = settings(
    max_examples=(4000 if NIGHTLY else 100) // PARTS,
    database=None,
    deadline=None,
    print_blob=NIGHTLY,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate, Phase.shrink),
)
TELL = (
    f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    "from report import report\nfrom IPython.display import publish_display_data\n"
    f"publish_display_data({{'text/plain': report(globals(), {NAMES!r})}})"
)


@pytest.fixture(scope="module")
def sessions() -> Iterator[ForkedSessions]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PYTHONHASHSEED", "0")
        # Both sides start from one RNG state: a program that forgets its seed has to agree as well.
        with ForkedSessions(heavy=True, seed=True) as opened:
            yield opened


def outcome(folder: Path, sessions: ForkedSessions, *sources: str) -> str:
    """Run sources in one new shell; return the report of the last one."""
    place = folder / "told.ipynb"
    place.write_text(json.dumps(document([{"source": source} for source in (*sources, TELL)])))
    with sessions.open("python3", folder) as session:
        ending = session.run(place, {}, Limits(), lambda *_: None)
    cells = json.loads(place.read_text())["cells"]
    place.unlink()
    raised = [item for cell in cells for item in cell["outputs"] if item["output_type"] == "error"]
    assert not raised, raised
    assert cells[-1]["outputs"], ending
    return str(cells[-1]["outputs"][0]["data"]["text/plain"])


def prepared(folder: Path) -> Path:
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    return folder / "program.ipynb"


def finish(notebook: Path, program: Program, sessions: ForkedSessions, *, edited: str = "") -> tuple[Finished, str]:
    """Run the program as a pipeline; return how that went and what it left, told by a shell that thaws it."""
    notebook.write_text(json.dumps(program.notebook(edited)))
    finished = run_backwards(notebook, sessions, seed=SHELL_SEED)
    failed = [(step.step, step.error.traceback) for step in finished.result.record.steps if step.error]
    assert finished.result.status == "succeeded", f"{failed}\n{program}"
    store = find_project(notebook).artifact_store()
    state = State()
    for step in finished.result.record.steps:
        state = state.after(Delta.from_json(store.get(step.outcome["delta"])))
    cannot = {item.names: item.problem for item in state.covariables if item.problem}
    assert not cannot, f"{cannot}\n{program}"
    digest = store.put(state.to_json().encode())[0]
    begin = f"__import__('mlops_nb.handover', fromlist=['x']).begin({store.url!r}, {digest!r})"
    return finished, outcome(notebook.parent, sessions, begin)


def check(program: Program, sessions: ForkedSessions, folder: Path) -> None:
    """Assert that the program ends alike in one shell, as a chain, in parallel, and when a step is edited."""
    expected = outcome(prepared(folder / "whole").parent, sessions, IMPORTS, *program.steps.values())
    chain, parallel = prepared(folder / "chain"), prepared(folder / "parallel")
    _, ended = finish(chain, program, sessions)
    assert ended == expected, difference(expected, ended, "as a chain", program)
    # Again in a fresh folder, where only the lock is known: what it proves runs in parallel, on parts of the state.
    shutil.copytree(chain.parent / "pipelines", parallel.parent / "pipelines")
    finished, ended = finish(parallel, program, sessions)
    assert ended == expected, difference(expected, ended, "in parallel", program)
    # Only the edited step and what depends on it run again, on what is stored; appending to a file twice is no edit.
    if not any(step.outcome["files"] for step in finished.result.record.steps):
        _, ended = finish(parallel, program, sessions, edited=program.edited)
        assert ended == expected, difference(expected, ended, f"with step {program.edited} edited", program)


def difference(expected: str, ended: str, how: str, program: Program) -> str:
    lines = difflib.unified_diff(expected.splitlines(), ended.splitlines(), "one shell", how, lineterm="", n=0)
    return "\n".join([f"{how}, this program ends differently:", str(program), *lines])


# Making a failure small takes minutes, and what was found is told only after that.
@pytest.mark.timeout(6 * 60 * 60 if NIGHTLY else 20 * 60)
@pytest.mark.parametrize("part", range(PARTS))
def test_random_programs_end_alike_in_one_shell_and_as_a_pipeline(part: int, sessions: ForkedSessions) -> None:
    @seed(random.SystemRandom().getrandbits(32) if NIGHTLY else part)
    @PROFILE
    @given(programs())
    def ends_alike(program: Program) -> None:
        with TemporaryDirectory(prefix="program-") as folder:
            try:
                check(program, sessions, Path(folder))
            except MlopsNbError as error:
                message = f"{error}\n{program}"
                raise AssertionError(message) from error

    ends_alike()
