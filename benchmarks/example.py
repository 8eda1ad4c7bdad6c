"""A real notebook as a pipeline and as one notebook, and what the evidence costs in it."""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import notebooks
from benchmarks.report import Chapter, Line, line
from benchmarks.timing import in_turns, of_process

if TYPE_CHECKING:
    from pathlib import Path

    from benchmarks.timing import Sample

WHOLE = "Papermill, the whole notebook"


def measure(folder: Path, *, quick: bool) -> list[Chapter]:
    """Measure the examples, each command in a process of its own, and read the evidence's cost from their records."""
    lines: list[Line] = []
    shares: list[Line] = []
    for name in notebooks.EXAMPLES:
        place = folder / name
        path = notebooks.copy_example(name, place)
        if name == notebooks.EXAMPLES[0]:
            found = in_turns(
                {
                    "first": partial(_first, path),
                    "again": partial(of_process, ["mlops-nb", "run", path.name], path.parent),
                    # The lock of the first run is there, so what shares nothing runs side by side.
                    "parallel": partial(of_process, ["mlops-nb", "run", path.name, "--fresh"], path.parent),
                    WHOLE: partial(of_process, ["papermill", path.name, "whole.out.ipynb"], path.parent),
                },
                1 if quick else 3,
            )
            lines += [
                line(f"{name}, first run, a chain", found, "first", WHOLE),
                line(f"{name}, everything anew, in parallel", found, "parallel", WHOLE),
                line(f"{name}, nothing changed", found, "again", WHOLE),
            ]
        else:
            _first(path)
        shares += _shares(name, path)
    return [
        Chapter(
            "A notebook",
            "The example notebook as a pipeline and as one notebook, each command from its start to its end. The "
            "pipeline does not run cells tagged `skip` or `test` (exploration, checks), Papermill runs every "
            "cell: the ratio is what a person waits, not what a cell costs.",
            tuple(lines),
        ),
        Chapter(
            "Evidence",
            "How much of its steps' time (kernels included) a run spends on loading the state before each step, "
            "and on finding what changed and storing it after it; from the record of the newest run in which all "
            "steps ran.",
            tuple(shares),
        ),
    ]


def _first(path: Path) -> Sample:
    for left in (path.parents[1] / ".mlops_nb", path.parents[1] / "pipelines"):
        shutil.rmtree(left, ignore_errors=True)
    return of_process(["mlops-nb", "run", path.name], path.parent)


def _shares(name: str, path: Path) -> list[Line]:
    from mlops_nb.project import find_project

    with find_project(path).log() as log:
        records = [log.run(run.id) for run in log.runs(100)]
        record = next(one for one in records if all(step.status == "succeeded" for step in one.steps))
    seconds = sum(step.seconds or 0.0 for step in record.steps)
    spent = {kind: sum(_spent(step.outcome, kind) for step in record.steps) for kind in ("thaw", "freeze")}
    most = max(record.steps, key=lambda step: _spent(step.outcome, "freeze"))
    against = f"its {len(record.steps)} steps"
    return [
        Line(f"{name}, before the steps", spent["thaw"], against, seconds),
        Line(f"{name}, after the steps", spent["freeze"], against, seconds),
        Line(f"{name}, after `{most.step}`", _spent(most.outcome, "freeze"), "that step", most.seconds or 0.0),
    ]


def _spent(outcome: object, kind: str) -> float:
    assert isinstance(outcome, dict)
    return float(outcome["handover_seconds"][kind])
