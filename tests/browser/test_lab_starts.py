"""The fixtures of this folder do what the tests beside them stand on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.browser.lab import Lab, open_notebook, output_of, run_all, save
from tests.notebook_factory import write

if TYPE_CHECKING:
    from playwright.sync_api import Page


def test_a_notebook_opens_runs_and_is_saved(lab: Lab, page: Page) -> None:
    notebook = write(lab.root / "starts" / "sum.ipynb", [("", "print(1 + 1)"), ("", "print('second')")])

    open_notebook(page, lab, "starts/sum.ipynb")
    run_all(page)

    assert output_of(page, 1).inner_text().strip() == "2"
    assert output_of(page, 2).inner_text().strip() == "second"
    save(page)
    assert '"second\\n"' in notebook.read_text(encoding="utf-8")
