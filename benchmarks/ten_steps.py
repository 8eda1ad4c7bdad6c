"""A notebook of ten steps that compute, as a chain and with two independent halves, against one Papermill run of it."""

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

IMPORTS = "import numpy as np\nimport pandas as pd\nfrom sklearn.ensemble import RandomForestRegressor"
START = """\
draw_{half} = np.random.default_rng({half})
table_{half}_0 = pd.DataFrame(draw_{half}.normal(size=(4000, 8)), columns=list("abcdefgh"))"""
STEP = """\
forest_{half} = RandomForestRegressor(12, random_state=0, n_jobs=1)
forest_{half}.fit(table_{half}_{before}, table_{half}_{before}["a"])
table_{half}_{number} = table_{half}_{before}.assign(a=forest_{half}.predict(table_{half}_{before}))"""
HALF = 5
WHOLE = "Papermill, the same notebook"


def measure(folder: Path, *, quick: bool) -> Chapter:
    """Measure the ten steps as commands from start to end, everything anew."""
    lines = []
    for told, halves, workers in (("a chain", 1, "1"), ("two halves, two at a time", 2, "2")):
        place = notebooks.write(folder / f"halves{halves}" / "ten.ipynb", _cells(halves))
        ours = ["mlops-nb", "run", place.name, "--fresh", "--workers", workers]
        # Only a run shows what the halves share; until then they are a chain.
        of_process(ours, place.parent)
        actions: dict[str, Callable[[], Sample]] = {
            "ours": partial(of_process, ours, place.parent),
            WHOLE: partial(of_process, ["papermill", place.name, "ten.out.ipynb"], place.parent),
        }
        lines.append(line(f"ten steps, {told}", in_turns(actions, 1 if quick else 3), "ours", WHOLE))
    how = (
        "Ten steps, each fits a forest on one thread and makes a table for the next. As a chain, each takes from the "
        "one before it; in two halves, five and five share nothing but the imports. The commands, with all imports."
    )
    return Chapter("Ten steps", how, tuple(lines))


def _cells(halves: int) -> list[tuple[str, str]]:
    cells = [("imports", IMPORTS)]
    for half in range(halves):
        for number in range(1, 2 * HALF // halves + 1):
            start = f"{START.format(half=half)}\n" if number == 1 else ""
            step = STEP.format(half=half, number=number, before=number - 1)
            cells.append((f"step:s{half}_{number}", start + step))
    return cells
