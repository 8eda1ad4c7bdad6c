"""What a command costs when there is nothing to do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks import notebooks
from benchmarks.report import Chapter, line
from benchmarks.timing import in_turns, of_process

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from benchmarks.timing import Sample

SIZES = (20, 200)
EMPTY = "Papermill, an empty notebook"


def measure(folder: Path, *, quick: bool) -> Chapter:
    """Measure cached runs, plans and help against Papermill running an empty notebook."""
    empty = notebooks.write(folder / "empty" / "empty.ipynb", [])
    actions: dict[str, Callable[[], Sample]] = {
        EMPTY: partial(of_process, ["papermill", empty.name, "empty.out.ipynb"], empty.parent),
        "help": partial(of_process, ["mlops-nb", "--help"], folder),
        "python": partial(of_process, ["python", "-c", "pass"], folder),
    }
    for size in SIZES:
        path = notebooks.write(folder / f"many{size}" / "many.ipynb", notebooks.trivial_cells(size))
        assert notebooks.plant_past(path) == size
        assert _cached(path) == size, "a past run was planted that the plan does not take for one"
        for verb in ("plan", "run"):
            actions[f"{verb} {size}"] = partial(of_process, ["mlops-nb", verb, path.name], path.parent)
    found = in_turns(actions, 3 if quick else 9)
    lines = [
        line(f"`mlops-nb {verb}`, {size} steps, all cached", found, f"{verb} {size}", EMPTY)
        for size in SIZES
        for verb in ("plan", "run")
    ]
    lines += [line("`mlops-nb --help`", found, "help", EMPTY), line("`python -c pass`", found, "python", EMPTY)]
    how = (
        "Each command from its start to its end, most of which is imports. A run in which everything is cached "
        "still reads the notebook, plans, hashes the files, records the run with all its steps and checks it. The "
        "past of these notebooks is planted, not run: see `plant_past`."
    )
    return Chapter("Nothing to do", how, tuple(lines))


def _cached(path: Path) -> int:
    from mlops_nb import lifecycle

    return sum(step.hit is not None for step in lifecycle.plan_run(path).steps)
