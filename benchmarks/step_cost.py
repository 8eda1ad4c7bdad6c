"""What a step costs beside what its cells cost: five steps that do next to nothing."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from benchmarks import notebooks
from benchmarks.report import Chapter, Line, line
from benchmarks.timing import Sample, in_turns, of_call

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STEPS = 5
HEAVY = "import pandas, sklearn.linear_model"


def measure(folder: Path, *, quick: bool) -> Chapter:
    """Measure five steps against Papermill running the same cells, as one notebook and as five."""
    lines: list[Line] = []
    for told, imports in (("", ""), (" that import pandas and scikit-learn", HEAVY)):
        found = in_turns(_actions(folder / f"steps{len(imports)}", imports), 3 if quick else 7)
        five, one, empty = f"Papermill, {STEPS} notebooks", "Papermill, 1 notebook", "Papermill, an empty notebook"
        found |= {"per step": Sample(found["ours"].wall / STEPS)}
        found |= {"beside its kernel": Sample(found["ours"].wall / STEPS - found[empty].wall)}
        lines += [
            line(f"{STEPS} steps{told}", found, "ours", five),
            line(f"{STEPS} steps{told}", found, "ours", one),
            line(f"a step{told}", found, "per step", empty),
            line(f"a step{told}, beside its kernel", found, "beside its kernel", empty),
        ]
    how = (
        f"{STEPS} steps of one cell each, `value_2 = value_1 + 1`, run as a chain with nothing cached, in a "
        "process that has imported everything. A step has a kernel of its own, as a notebook of Papermill's has; "
        "*beside its kernel* is what is left of a step when the time of an empty notebook is taken off: "
        "hand-over, evidence, record, Ploomber."
    )
    return Chapter("A step", how, tuple(lines))


def _actions(folder: Path, imports: str) -> dict[str, Callable[[], Sample]]:
    import papermill

    from mlops_nb import lifecycle

    cells = notebooks.trivial_cells(STEPS, imports=imports)
    # What a cell takes from the one before it stands in its own notebook, where there is no hand-over.
    before = [[], *([("", f"{imports}\nvalue_{number} = {number}")] for number in range(STEPS - 1))]
    ours = notebooks.write(folder / "ours" / "five.ipynb", cells)
    one = notebooks.write(folder / "one" / "one.ipynb", cells)
    five = [
        notebooks.write(folder / "five" / f"{number}.ipynb", [*before[number], cell])
        for number, cell in enumerate(cells)
    ]
    empty = notebooks.write(folder / "empty" / "empty.ipynb", [])

    def execute(*paths: Path) -> None:
        for path in paths:
            papermill.execute_notebook(path, path.with_suffix(".out.ipynb"), cwd=path.parent, progress_bar=False)

    def run() -> None:
        finished = lifecycle.run(ours, fresh=True, workers=1)
        assert finished.result.status == "succeeded"

    return {
        "ours": partial(of_call, run),
        f"Papermill, {STEPS} notebooks": partial(of_call, partial(execute, *five)),
        "Papermill, 1 notebook": partial(of_call, partial(execute, one)),
        "Papermill, an empty notebook": partial(of_call, partial(execute, empty)),
    }
