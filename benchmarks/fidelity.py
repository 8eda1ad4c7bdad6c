"""Verify every notebook below a folder: whether it computes as a pipeline what it computes as a notebook.

    python benchmarks/fidelity.py FOLDER [--only PATTERN] [--limit SECONDS] [--may-raise] [--json FILE]

Each notebook is split by its headings, as `mlops-nb suggest` would, with every cell kept; a cell whose saved output is
an exception is expected to raise it (`--may-raise` expects it of every cell, for notebooks that were saved without
outputs and show errors on purpose). The folder itself is not written to: everything happens in a copy. The table says
for each notebook whether it is equal, refused and by which diagnostic, different and where first, broken in itself and
by which cell, or took longer than the limit.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import sys
import tempfile
import threading
import time
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mlops_nb.errors import MlopsNbError
from mlops_nb.execution import Watch
from mlops_nb.execution.verifying.copies import copy_project
from mlops_nb.lifecycle import read, verify
from mlops_nb.notebook import read_notebook, write_notebook
from mlops_nb.steps.suggest import suggest

_WORDS = {"identical": "equal", "equal within tolerance": "equal within tolerance"}


@dataclass(frozen=True)
class Row:
    """One notebook's line of the table."""

    notebook: str
    cells: int
    steps: int
    verdict: str
    why: str
    seconds: float
    unstable: int = 0
    answer: dict[str, Any] = field(default_factory=dict)


def split(source: Path, target: Path, *, may_raise: bool) -> None:
    """Write a notebook with a step for each of its sections, and its cells that raised marked as expected to."""
    notebook = read_notebook(source)
    document: dict[str, Any] = deepcopy(suggest(notebook).apply(notebook))
    document |= {"nbformat": 4, "nbformat_minor": 5}
    started = False
    for number, cell in enumerate(document["cells"]):
        cell["id"] = f"cell-{number}"
        if cell["cell_type"] != "code":
            continue
        tags = [tag for tag in cell["metadata"].get("tags", []) if tag not in {"skip", "parameters"}]
        started = started or any(tag.startswith("step:") for tag in tags)
        if not started and not tags and "".join(cell["source"]).strip():
            tags, started = ["step:begin"], True
        if may_raise or any(output["output_type"] == "error" for output in cell["outputs"]):
            tags.append("raises-exception")
        cell["metadata"]["tags"] = tags
        cell["outputs"], cell["execution_count"] = [], None
    document["metadata"].setdefault("kernelspec", {"name": "python3", "display_name": "Python 3"})["name"] = "python3"
    write_notebook(document, target)


def examine(notebook: Path, name: str, limit_s: float) -> Row:
    """Return the line of one notebook that was split."""
    started = time.monotonic()
    watch = Watch()
    timer = threading.Timer(limit_s, watch.cancel, [f"it took longer than {limit_s:g} s"])
    cells = steps = 0
    try:
        graph = read(notebook).graph
        cells, steps = len(graph.notebook.code_cells), len(graph.steps)
        timer.start()
        found = verify(notebook, watch=watch)
    except MlopsNbError as error:
        return Row(name, cells, steps, error.code, error.message, time.monotonic() - started)
    except Exception as error:  # noqa: BLE001 - a fault of ours is a line of the table, and the others go on
        return Row(name, cells, steps, "our fault", f"{type(error).__name__}: {error}", time.monotonic() - started)
    finally:
        timer.cancel()
    verdict = _WORDS.get(found.verdict.value, found.verdict.value)
    why = found.reason
    if found.unstable:
        why = "; ".join(filter(None, (why, f"{len(found.unstable)} differ from themselves")))
    seconds = time.monotonic() - started
    return Row(name, cells, steps, verdict, why, seconds, len(found.unstable), found.as_dict())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", action="append", help="A pattern of paths below the folder; may be given again.")
    parser.add_argument("--limit", type=float, default=600.0, help="Seconds that one notebook may take.")
    parser.add_argument("--may-raise", action="store_true", help="Expect any cell to raise.")
    parser.add_argument("--json", type=Path, help="Where to write a report with every difference.")
    given = parser.parse_args()
    folder = given.folder.resolve()
    names = sorted(path.relative_to(folder) for path in folder.rglob("*.ipynb"))
    names = [name for name in names if not any(part.startswith(".") for part in name.parts)]
    if given.only:
        names = [name for name in names if any(fnmatch.fnmatch(str(name), pattern) for pattern in given.only)]
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="mlnb-fidelity-") as place:
        copy = Path(place, folder.name)
        for name in names:
            copy_project(folder, copy, keep=folder / name)
            split(folder / name, copy / name, may_raise=given.may_raise)
            row = examine(copy / name, str(name), given.limit)
            rows.append(row)
            counts = f"{row.cells:4} cells {row.steps:3} steps {row.seconds:5.0f} s"
            print(f"{row.notebook:48} {counts}  {row.verdict:24} {row.why[:160]}", flush=True)
            if given.json:
                given.json.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")
    verdicts = [row.verdict for row in rows]
    print(", ".join(f"{verdicts.count(verdict)} {verdict}" for verdict in dict.fromkeys(verdicts)))
    sys.exit(int("different" in verdicts))


if __name__ == "__main__":
    main()
