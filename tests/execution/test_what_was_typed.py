"""Comments are part of a step where the notebook's code asks for text, with real kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mlops_nb.lifecycle import run
from tests.notebook_factory import edit, statuses, write

if TYPE_CHECKING:
    from pathlib import Path

DOUBLE = "def double(value):\n    return 2 * value"


@pytest.mark.parametrize("asks", ["import inspect\nsaid = inspect.getsource(double)", "said = In[1]"])
def test_a_comment_counts_where_code_asks_for_what_was_typed(tmp_path: Path, asks: str) -> None:
    tell = "from pathlib import Path\nPath('said.txt').write_text(said)"
    cells = [("step:a", DOUBLE), ("step:b", "four = double(2)"), ("step:c", asks), ("step:d", tell)]
    notebook = write(tmp_path / "typed.ipynb", cells)
    run(notebook)
    assert set(statuses(run(notebook).result.record).values()) == {"cached"}
    edit(notebook, 1, f"{DOUBLE}  # once more")
    run(notebook)
    assert "once more" in (tmp_path / "said.txt").read_text()
