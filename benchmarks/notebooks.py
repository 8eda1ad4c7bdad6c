"""The notebooks that are measured, and the past of those that are too long to run first."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops_nb.pipeline import PlannedStep

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ("adult_income", "taxi_tips")


def write(path: Path, cells: Iterable[tuple[str, str]]) -> Path:
    """Write a notebook of (tags, source) cells, in a project of its own folder; return its path."""
    document = {
        "cells": [
            {
                "cell_type": "code",
                "id": f"c{number}",
                "metadata": {"tags": tags.split()} if tags else {},
                "execution_count": None,
                "outputs": [],
                "source": source,
            }
            for number, (tags, source) in enumerate(cells, 1)
        ],
        "metadata": {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    (path.parent / "pyproject.toml").touch()
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def trivial_cells(count: int, *, imports: str = "") -> list[tuple[str, str]]:
    """Return so many cells that do next to nothing, each a step that takes one value and makes one."""
    first = f"{imports}\nvalue_0 = 0" if imports else "value_0 = 0"
    following = [(f"step:s{number}", f"value_{number} = value_{number - 1} + 1") for number in range(1, count)]
    return [("step:s0", first), *following]


def copy_example(name: str, folder: Path) -> Path:
    """Copy an example notebook with its data into a project of its own; return its path."""
    import shutil

    place = folder / "notebooks"
    shutil.copytree(ROOT / "notebooks" / "data", place / "data", dirs_exist_ok=True)
    shutil.copyfile(ROOT / "notebooks" / f"{name}.ipynb", place / f"{name}.ipynb")
    (folder / "pyproject.toml").touch()
    return place / f"{name}.ipynb"


def plant_past(notebook: Path) -> int:
    """Record a first run of a notebook of `trivial_cells` as if its steps had run; return how many there are.

    Two hundred kernels take minutes, and what is measured is the run after. What is left in the store and the log is
    made by the code that a run uses: `freeze` for the values, the plan's own keys. Whether it is what a run leaves
    shows when it is planned: every step must come out cached.
    """
    from mlops_nb import lifecycle
    from mlops_nb.handover import Delta, Process, State, freeze
    from mlops_nb.metadata import Origin, PipelineVersion, RunStart, StepEnd, StepStart
    from mlops_nb.metadata import PlannedStep as Recorded
    from mlops_nb.pipeline import DataflowLock, StepEvidence, components, key_of, write_lock
    from mlops_nb.pipeline.lock import FILE

    pipeline = lifecycle.read(notebook)
    with lifecycle.stores(pipeline) as opened:
        planned, context = lifecycle.plan(pipeline, opened)
        steps = tuple(Recorded(step.name, step.source) for step in planned.steps)
        version = PipelineVersion(pipeline.name, "planted", {"steps": [], "edges": []})
        opened.log.start_run(RunStart("planted", version, str(notebook), Origin("api"), steps))
        state, values = State(), Process(opened.artifacts, {})
        evidence = {}
        for number, step in enumerate(planned.steps):
            name = f"value_{number}"
            delta = Delta(changed=freeze({name: number}, state, values, step.name))
            digest, _ = opened.artifacts.put(delta.to_json().encode())
            reads = (f"value_{number - 1}",) if number else ()
            seen = evidence[step.name] = StepEvidence(step.source, reads, (name,))
            parts = components(step.step, state, context, seen)
            outcome = _outcome(step, digest, reads, name)
            opened.log.start_step("planted", step.name, StepStart(key_of(parts), parts))
            opened.log.finish_step("planted", step.name, StepEnd("succeeded", outcome=outcome, seconds=1.0))
            state = state.after(delta)
        opened.log.finish_run("planted", "succeeded")
    write_lock(pipeline.folder / FILE, DataflowLock(evidence))
    return len(steps)


def _outcome(step: PlannedStep, delta: str, reads: tuple[str, ...], writes: str) -> dict[str, Any]:
    del step
    return {
        "delta": delta,
        "evidence": {
            "reads": list(reads),
            "writes": [writes],
            "streams": [],
            "reads_files": [],
            "writes_files": [],
            "stays": {},
        },
        "files": {},
    }
