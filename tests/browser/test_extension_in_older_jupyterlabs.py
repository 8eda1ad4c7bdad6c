"""The same extension in the oldest JupyterLab that it is for: an example is tagged, run, and read again.

`JUPYTERLABS="4.2 4.3 4.4 4.5"` in the environment tries others too.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.lab import open_notebook
from tests.browser.others import start_other_lab
from tests.browser.pipeline_page import (
    PATIENCE_MS,
    activate,
    box,
    chip,
    panel,
    parameter,
    picture,
    press,
    source,
    tags,
    troubles,
    type_source,
    unreadable,
    verb,
)
from tests.examples.test_examples import FEWER, NOTEBOOKS

if TYPE_CHECKING:
    from playwright.sync_api import Page

IMPORTS, LOAD, RULE, GROUPS = 2, 7, 27, 41
# Ploomber brings it, and the one of today does not load in a JupyterLab that is older than its builder.
JUPYTEXT = "/lab/extensions/jupyterlab-jupytext/"
VERSIONS = os.environ.get("JUPYTERLABS", "4.2").split()


@pytest.mark.parametrize("version", VERSIONS)
def test_an_example_is_tagged_run_and_reused(
    page: Page, tmp_path_factory: pytest.TempPathFactory, version: str
) -> None:
    root = tmp_path_factory.mktemp("older")
    shutil.copytree(NOTEBOOKS, root, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    (root / "pyproject.toml").touch()
    told = troubles(page)
    with start_other_lab(root, version) as started:
        open_notebook(page, started, "taxi_tips.ipynb")
        assert page.evaluate("() => window.jupyterapp.version").startswith(f"{version}.")
        expect(chip(page, IMPORTS)).to_contain_text("will run", timeout=PATIENCE_MS)

        # Tag a cell by keyboard; the server reads it as the margin does.
        activate(page, GROUPS)
        press(page, "t", "n")
        page.get_by_label("Name of the step that begins here").fill("groups")
        press(page, "Enter")
        expect(chip(page, GROUPS)).to_contain_text("groups")
        assert tags(page)[GROUPS - 1] == "step:groups"
        shown = panel(page)
        expect(box(page, "groups")).to_contain_text("may run")

        # Run it from the panel, with fewer trees.
        for name, value in FEWER.items():
            parameter(page, name).fill(str(value))
            press(page, "Enter")
        picture(page, f"lab-{version}")
        verb(page, "run").click()
        expect(shown).to_contain_text("steps stand; nothing has to run", timeout=PATIENCE_MS)
        expect(page.locator(".mn-run.mn-status-succeeded")).to_be_visible()
        expect(box(page, "groups")).to_contain_text("fresh")
        expect(chip(page, LOAD)).to_contain_text("fresh")
        picture(page, f"lab-{version}-ran")

        # A step that was changed, run and put back is there already.
        before = source(page, RULE)
        type_source(page, RULE, f"{before}\nanother = 1")
        expect(chip(page, RULE)).to_contain_text("will run")
        activate(page, RULE)
        verb(page, "run-to-here").click()
        expect(chip(page, RULE)).to_contain_text("fresh", timeout=PATIENCE_MS)
        type_source(page, RULE, before)
        expect(chip(page, RULE)).to_contain_text("cached")
        expect(box(page, "train_rule")).to_contain_text("cached")
        picture(page, f"lab-{version}-cached")

        # It looks as it should, its dialogs too.
        activate(page, RULE)
        press(page, "t", "e")
        expect(page.locator(".mn-settings [data-setting=pause] select")).to_be_visible()
        picture(page, f"lab-{version}-settings")
        assert unreadable(page) == []
    assert [each for each in told if JUPYTEXT not in each] == []
