"""The notebook's code sees its own cells and none that the pipeline added, in real kernels."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import nbformat
import pytest
from nbclient import NotebookClient

from mlops_nb.lifecycle import run
from tests.execution.planned import told
from tests.notebook_factory import Cell, document, write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TELL = "import json\nfrom pathlib import Path\n"

COUNT = """\
calls = dict.fromkeys(("pre_run_cell", "post_run_cell", "pre_execute", "post_execute"), 0)
more = []
def counted(event):
    def count(*_):
        calls[event] += 1
    return count
for event in calls:
    get_ipython().events.register(event, counted(event))
get_ipython().events.register("pre_execute", functools.partial(more.append, 1))"""

COUNT_BY_METHOD = """\
class Counter:
    calls = 0
    def count(self):
        self.calls += 1
counter = Counter()
shell.events.register("post_execute", counter.count)"""


@pytest.mark.parametrize(
    ("cells", "what"),
    [
        pytest.param([("step:a", "1 + 1"), ("step:b", "20"), ("step:c", "300;")], "[_, __, ___]", id="shown"),
        pytest.param([("step:a", "[1]"), ("step:b", "_ = 5"), ("step:c", "20")], "[_, __]", id="bound"),
        pytest.param(
            [("step:a", "x = 1"), ("step:b", "y = 2"), ("step:c", "z = 3")],
            "[_i, _ii, _iii, _i1, In[:4], len(In), sorted(Out)]",
            id="typed",
        ),
        pytest.param(
            [("step:a", "x = 1"), ("step:b", "%macro -q again 1"), ("step:c", "again")], "len(In)", id="macro"
        ),
        pytest.param(
            [("imports", "import functools"), ("step:a", COUNT), ("step:b", "x = 1")], "[calls, len(more)]", id="hooks"
        ),
        pytest.param(
            [("imports", "import functools"), ("functions", COUNT), ("step:a", "x = 1"), ("step:b", "x = 2")],
            "[calls, len(more)]",
            id="hooks-of-a-functions-cell",
        ),
        pytest.param(
            [("functions", "shell = get_ipython()\n" + COUNT_BY_METHOD), ("step:a", "x = 1"), ("step:b", "x = 2")],
            "counter.calls",
            id="hooks-by-a-method",
        ),
    ],
)
def test_cells_that_the_pipeline_added_are_unseen(tmp_path: Path, cells: Sequence[Cell], what: str) -> None:
    cells = [*cells, ("step:tell", f"{TELL}Path('told.json').write_text(json.dumps({what}))")]
    notebook = write(tmp_path / "seen.ipynb", cells)
    whole = nbformat.from_dict(document(cells))  # type: ignore[no-untyped-call]
    NotebookClient(whole, resources={"metadata": {"path": str(tmp_path)}}).execute()
    expected = json.loads((tmp_path / "told.json").read_text(encoding="utf-8"))
    for fresh in (False, True):
        (tmp_path / "told.json").unlink()
        assert told(run(notebook, fresh=fresh), notebook) == expected
