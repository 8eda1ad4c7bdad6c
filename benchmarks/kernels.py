"""What a kernel costs, forked and cold: a notebook from the start of its kernel to its end."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from benchmarks import notebooks
from benchmarks.report import Chapter, Line, line
from benchmarks.timing import Sample, in_turns, of_call

if TYPE_CHECKING:
    from pathlib import Path

HEAVY = "import pandas, sklearn.linear_model"


def measure(folder: Path, *, quick: bool) -> Chapter:
    """Measure a kernel of ours against one of Papermill's and against a cold one of ours."""
    import papermill

    from mlops_nb.execution import Kernels, Limits, Watch

    packages = ("pandas", "sklearn.linear_model")
    lines: list[Line] = []
    for told, source in (("an empty notebook", "1"), ("a notebook that imports pandas and scikit-learn", HEAVY)):
        place = notebooks.write(folder / f"kernel{len(source)}" / "one.ipynb", [("", source)])
        document = place.read_text(encoding="utf-8")

        def ours(kernels: Kernels, place: Path = place, document: str = document) -> None:
            place.write_text(document, encoding="utf-8")
            with kernels("python3", place.parent, Watch()) as session:
                ending = session.run(place, {}, Limits(), lambda *_: None)
            assert not ending.crashed
            cells = json.loads(place.read_text(encoding="utf-8"))["cells"]
            assert not any(output["output_type"] == "error" for cell in cells for output in cell["outputs"])

        def theirs(place: Path = place) -> None:
            papermill.execute_notebook(place, place.with_suffix(".out.ipynb"), cwd=place.parent, progress_bar=False)

        # The template is started once, by whoever comes first; a run's later steps and later runs find it.
        ours(Kernels("fork", packages))
        found: dict[str, Sample] = in_turns(
            {
                "forked": partial(of_call, partial(ours, Kernels("fork", packages))),
                "cold": partial(of_call, partial(ours, Kernels("cold"))),
                "Papermill": partial(of_call, theirs),
            },
            5 if quick else 15,
        )
        lines += [line(told, found, "forked", "Papermill"), line(told, found, "forked", "cold")]
    how = (
        "One notebook of one cell, from the start of its kernel to its end, in a process that has imported "
        "everything; the template is warm. *cold* is our own kernel without a template."
    )
    return Chapter("A kernel", how, tuple(lines))
