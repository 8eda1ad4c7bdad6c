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
    """Measure five steps against Papermill and Ploomber running the same cells, as one notebook and as five."""
    lines: list[Line] = []
    for told, imports in (("", ""), (", pandas and scikit-learn imported", HEAVY)):
        found = in_turns(_actions(folder / f"steps{len(imports)}", imports), 3 if quick else 7)
        five, one, empty = f"Papermill, {STEPS} notebooks", "Papermill, 1 notebook", "Papermill, an empty notebook"
        tasks = f"Ploomber, {STEPS} notebook tasks"
        found |= {"per step": Sample(found["ours"].wall / STEPS)}
        lines += [
            line(f"{STEPS} steps{told}", found, "ours", five),
            line(f"{STEPS} steps{told}", found, "ours", tasks),
            line(f"{STEPS} steps{told}", found, "ours", one),
            line(f"a step of them{told}", found, "per step", empty),
        ]
    how = (
        f"{STEPS} steps of one cell each, `value_2 = value_1 + 1`, run as a chain with nothing cached, in a "
        "process that has imported everything. A step has a kernel of its own, as a notebook of Papermill's has, "
        "and beside it hand-over, evidence and record. As one notebook, Papermill starts one kernel for all."
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

    def build() -> None:
        _built(folder / "tasks", five)

    def run() -> None:
        finished = lifecycle.run(ours, fresh=True, workers=1)
        assert finished.result.status == "succeeded"

    return {
        "ours": partial(of_call, run),
        f"Papermill, {STEPS} notebooks": partial(of_call, partial(execute, *five)),
        f"Ploomber, {STEPS} notebook tasks": partial(of_call, build),
        "Papermill, 1 notebook": partial(of_call, partial(execute, one)),
        "Papermill, an empty notebook": partial(of_call, partial(execute, empty)),
    }


def _built(folder: Path, notebooks_: list[Path]) -> None:
    """Run notebooks as a chain of Ploomber's own notebook tasks, whatever is up to date."""
    from ploomber import DAG
    from ploomber.executors import Serial
    from ploomber.products import File
    from ploomber.tasks import NotebookRunner

    dag = DAG(executor=Serial(build_in_subprocess=False))
    before = None
    for number, path in enumerate(notebooks_):
        product = File(folder / f"{number}.ipynb")
        task = NotebookRunner(
            path, product, dag, name=f"t{number}", kernelspec_name="python3", static_analysis="disable"
        )
        if before is not None:
            before >> task
        before = task
    dag.build(force=True)
