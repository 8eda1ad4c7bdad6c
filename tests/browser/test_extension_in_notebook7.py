"""The same extension in Notebook 7."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.others import start_notebook7
from tests.browser.pipeline_page import PATIENCE_MS, activate, box, chip, panel, picture, press, tags, verb
from tests.notebook_factory import write

if TYPE_CHECKING:
    import pytest
    from playwright.sync_api import Page


def test_a_notebook_is_tagged_and_run_in_notebook_7(page: Page, tmp_path_factory: pytest.TempPathFactory) -> None:
    root = tmp_path_factory.mktemp("notebook7")
    write(root / "tips.ipynb", [("step:load", "x = 1"), ("", "y = x + 1"), ("", "print(y)")])
    with start_notebook7(root) as started:
        page.goto(f"{started.url}/notebooks/tips.ipynb?token={started.token}")
        expect(chip(page, 1)).to_contain_text("will run", timeout=PATIENCE_MS)
        activate(page, 2)
        press(page, "t", "n")
        page.get_by_label("Name of the step that begins here").fill("use")
        press(page, "Enter")
        expect(chip(page, 2)).to_contain_text("use")
        assert tags(page) == ["step:load", "step:use", ""]
        shown = panel(page)
        expect(box(page, "use")).to_contain_text("run")
        verb(page, "run").click()
        expect(shown).to_contain_text("All 2 steps stand", timeout=PATIENCE_MS)
        expect(chip(page, 2)).to_contain_text("fresh")
        picture(page, "notebook7")
