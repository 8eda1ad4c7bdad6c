"""A run that waits for the person in front of JupyterLab: it says where, shows the step, and does as it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.lab import Lab, command, open_notebook, run_all, wait_until_idle
from tests.browser.pipeline_page import PATIENCE_MS, box, chip, panel, picture, verb
from tests.notebook_factory import write

if TYPE_CHECKING:
    from playwright.sync_api import Page

CELLS = [
    ("step:load", "ages = [23, 35, 41, 130]"),
    ("step:look", "oldest = max(ages)\nprint('the oldest is', oldest)", {"pause": True}),
    ("step:mean pipeline-metrics", "mean = sum(ages) / len(ages)"),
]


@pytest.mark.row(77)
def test_a_run_waits_for_the_person_who_looks_and_decides(lab: Lab, page: Page) -> None:
    write(lab.root / "ages" / "ages.ipynb", CELLS)
    open_notebook(page, lab, "ages/ages.ipynb")
    shown = panel(page)
    expect(shown).to_contain_text("3 of 3 steps to run")
    verb(page, "run").click()
    waiting = shown.locator(".mn-waiting")
    expect(waiting).to_contain_text("It waits for your decision at look", timeout=PATIENCE_MS)
    expect(chip(page, 2)).to_contain_text("paused")
    expect(box(page, "look")).to_contain_text("paused")
    expect(chip(page, 3)).not_to_contain_text("paused")
    expect(page.locator(".mn-run.mn-status-paused")).to_be_visible()
    # It goes on by a decision, and not without one.
    expect(verb(page, "resume")).to_have_count(0)

    # A reload loses nothing.
    open_notebook(page, lab, "ages/ages.ipynb")
    shown = panel(page)
    expect(waiting).to_contain_text("look")
    expect(chip(page, 2)).to_contain_text("paused")
    picture(page, "paused")

    # Look: the step's cell with what it showed, and what it left at a click.
    waiting.get_by_role("button", name="Open").click()
    opened = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
    expect(opened).to_contain_text("Your decision")
    expect(opened).to_contain_text("the oldest is 130")
    wait_until_idle(page)
    run_all(page)
    expect(opened).to_contain_text("Loaded, as the step left it", timeout=PATIENCE_MS)
    picture(page, "looked-at")
    open_notebook(page, lab, "ages/ages.ipynb")

    # Continue: it says what will happen, and wants a reason.
    shown = panel(page)
    waiting.get_by_role("button", name="Continue…").click()
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("The steps below run, from what this step made")
    expect(dialog.locator("button.jp-mod-accept")).to_be_disabled()
    dialog.get_by_label("Why").fill("she is a tortoise")
    picture(page, "continue")
    dialog.locator("button.jp-mod-accept").click()
    expect(page.locator(".mn-run.mn-status-succeeded")).to_be_visible(timeout=PATIENCE_MS)
    expect(waiting).to_have_count(0)
    expect(chip(page, 2)).to_contain_text("fresh", timeout=PATIENCE_MS)
    expect(chip(page, 3)).to_contain_text("fresh", timeout=PATIENCE_MS)

    # Both runs are listed, and the first says who decided what.
    command(page, "mlops-nb:show-runs")
    rows = page.locator(".mn-browser tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.last).to_contain_text("paused")
    rows.last.locator(".mn-link").click()
    expect(page.locator(".mn-run-detail")).to_contain_text("she is a tortoise")


@pytest.mark.row(77)
def test_a_run_is_ended_by_the_person_it_waits_for(lab: Lab, page: Page) -> None:
    write(lab.root / "stopped" / "ages.ipynb", CELLS)
    open_notebook(page, lab, "stopped/ages.ipynb")
    shown = panel(page)
    verb(page, "run").click()
    waiting = shown.locator(".mn-waiting")
    waiting.get_by_role("button", name="Stop…").click(timeout=PATIENCE_MS)
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("The run is over")
    dialog.get_by_label("Why").fill("nobody is 130")
    dialog.locator("button.jp-mod-accept").click()
    expect(page.locator(".mn-run.mn-status-cancelled")).to_be_visible()
    expect(waiting).to_have_count(0)
    expect(shown.locator(".mn-run")).to_contain_text("nobody is 130")
    # It is not gone on with by pressing another button.
    verb(page, "resume").click()
    expect(page.locator(".mn-run.mn-status-cancelled")).to_be_visible()
    expect(chip(page, 3)).to_contain_text("skipped")
