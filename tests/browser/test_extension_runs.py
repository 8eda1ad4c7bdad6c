"""A pipeline in JupyterLab, from its first run to the promoted model: watched, broken, mended, resumed, compared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

import mlops_nb
from tests.browser.lab import Lab, command, open_notebook
from tests.browser.pipeline_page import PATIENCE_MS, activate, chip, panel, picture, type_source, verb
from tests.judged import judged
from tests.notebook_factory import write

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

FIT = "model = Ridge(alpha=alpha).fit(rides[['distance']], rides['tip'])"
TIPS = [
    ("imports", "import pandas as pd\nfrom sklearn.linear_model import Ridge"),
    ("parameters", "alpha = 1.0\nrows = 60"),
    ("step:load", "rides = pd.DataFrame({'distance': [i % 9 / 2 for i in range(rows)]})"),
    ("", "rides['tip'] = rides['distance'] * 0.7 + 1"),
    ("step:train", FIT, {"outputs": {"tips": {"type": "model", "variable": "model"}}}),
    ("step:evaluate pipeline-metrics", "mae = (model.predict(rides[['distance']]) - rides['tip']).abs().mean()"),
]


@pytest.mark.row(3)
@pytest.mark.row(24)
@pytest.mark.row(62)
def test_a_pipeline_is_run_watched_broken_mended_and_resumed(lab: Lab, page: Page) -> None:
    write(lab.root / "story" / "tips.ipynb", TIPS)
    open_notebook(page, lab, "story/tips.ipynb")
    shown = panel(page)
    expect(shown).to_contain_text("4 of 4 steps to run")
    expect(page.locator(".mn-edge.mn-assumed").first).to_be_attached()
    type_source(page, 5, FIT.replace("Ridge(", "Rdge("))

    # Run and watch it fail; what needs the failed step is not run.
    expect(shown.locator('[data-code="MN301"]')).to_contain_text("Rdge")
    type_source(page, 5, FIT.replace("'tip'", "'tips'"))
    expect(shown.locator('[data-code="MN301"]')).to_have_count(0)
    verb(page, "run").click()
    expect(verb(page, "stop")).to_be_visible()
    expect(shown.locator(".mn-failure")).to_contain_text("KeyError", timeout=PATIENCE_MS)
    expect(chip(page, 5)).to_contain_text("failed")
    expect(chip(page, 3)).to_contain_text("fresh", timeout=PATIENCE_MS)
    picture(page, "failed")
    shown.locator(".mn-failure").click()
    expect(page.locator(".jp-Cell").nth(4)).to_have_class(_active())

    # The page of the run has the cell and the traceback, and opens the step with its inputs.
    shown.locator(".mn-run .mn-link").click()
    detail = page.locator(".mn-run-detail")
    expect(detail.locator(".mn-failed-step")).to_contain_text("cell 5")
    detail.get_by_text("Traceback", exact=True).click()
    expect(detail.locator(".mn-failed-step pre")).to_contain_text("KeyError: 'tips'")
    picture(page, "failed-run")

    # A reload loses nothing: the run can still go on.
    open_notebook(page, lab, "story/tips.ipynb")
    panel(page)
    type_source(page, 5, FIT)
    expect(chip(page, 5)).to_contain_text("will run")
    verb(page, "resume").click()
    expect(page.locator(".mn-run.mn-status-succeeded")).to_be_visible(timeout=PATIENCE_MS)
    expect(shown).to_contain_text("All 4 steps stand", timeout=PATIENCE_MS)
    expect(page.locator(".mn-edge.mn-assumed")).to_have_count(0)
    expect(chip(page, 6)).to_contain_text("fresh")
    page.locator(".mn-edge").last.hover()
    expect(page.locator(".mn-card")).to_contain_text("model")
    picture(page, "resumed")

    # One cell changed: only its step and what follows runs.
    type_source(page, 6, f"{TIPS[5][1]}\nworst = 1.0")
    expect(chip(page, 6)).to_contain_text("will run")
    expect(chip(page, 6)).to_contain_text("edited")
    expect(chip(page, 5)).to_contain_text("fresh")
    activate(page, 6)
    verb(page, "run-to-here").click()
    expect(shown).to_contain_text("All 4 steps stand", timeout=PATIENCE_MS)

    # Every one of them is recorded as started from here.
    command(page, "mlops-nb:show-runs")
    started = page.locator(".mn-browser tbody tr")
    expect(started).to_have_count(3)
    assert all("jupyter" in text for text in started.all_inner_texts())


@pytest.fixture(scope="module")
def two_runs(lab: Lab) -> Path:
    """Two runs of one notebook that differ by a parameter, each with a model."""
    notebook = write(lab.root / "twice" / "tips.ipynb", TIPS)
    for alpha in (1.0, 50.0):
        mlops_nb.run(notebook, [("the test", {"alpha": alpha})])
    with mlops_nb.find_project(notebook).log() as log:
        judged(log, 1)
    return notebook


@pytest.mark.row(4)
@pytest.mark.usefixtures("two_runs")
def test_runs_are_searched_compared_and_their_model_is_promoted(lab: Lab, page: Page) -> None:
    open_notebook(page, lab, "twice/tips.ipynb")
    command(page, "mlops-nb:show-runs")
    rows = page.locator(".mn-browser tbody tr")
    expect(rows).to_have_count(2)
    page.get_by_label("Condition").fill("mae < 0.001 and")
    page.keyboard.press("Enter")
    expect(page.locator(".mn-browser [role=status]")).not_to_be_empty()
    page.get_by_label("Condition").fill("params.alpha > 10")
    page.keyboard.press("Enter")
    expect(rows).to_have_count(1)
    page.get_by_label("Condition").fill("")
    page.keyboard.press("Enter")
    expect(rows).to_have_count(2)
    picture(page, "runs")

    for row in (0, 1):
        rows.nth(row).locator("input").check()
    page.get_by_role("button", name="Compare 2").click()
    compared = page.locator(".mn-comparison")
    expect(compared.locator('tr[data-name="mae"] .mn-difference')).to_contain_text("+")
    expect(compared.locator('tr[data-name="alpha"]')).to_contain_text("50")
    expect(compared.locator('tr[data-name="rows"]')).to_have_count(0)
    picture(page, "compared")

    page.get_by_role("button", name="Models").click()
    page.locator('[data-model="tips"]').click()
    page.locator('[data-version="1"]').get_by_role("button", name="Promote…").click()
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("champion")
    expect(dialog.locator(".jp-mod-accept")).to_be_disabled()
    picture(page, "promote")
    page.get_by_label("Why").fill("the better of the two")
    dialog.locator(".jp-mod-accept").click()
    expect(page.locator('[data-version="1"] .mn-alias').first).to_have_text("champion")
    expect(page.locator(".mn-model")).to_contain_text("the better of the two")
    picture(page, "promoted")


@pytest.mark.usefixtures("two_runs")
def test_a_run_shows_its_executed_steps_and_its_report_without_scripts(lab: Lab, page: Page) -> None:
    open_notebook(page, lab, "twice/tips.ipynb")
    command(page, "mlops-nb:show-runs", run="last")
    detail = page.locator(".mn-run-detail")
    expect(detail).to_contain_text("mae")
    picture(page, "run")
    detail.locator("tr", has_text="train").get_by_role("button", name="Cells").click()
    expect(page.locator('.mn-executed[data-step="train"]')).to_contain_text("Ridge(alpha=alpha)")
    picture(page, "executed")
    page.locator(".mn-tabs .mn-link").click()
    page.locator(".mn-run-detail").get_by_role("button", name="Report").click()
    frame = page.locator("iframe.mn-report")
    expect(frame).to_have_attribute("sandbox", "")
    expect(page.frame_locator("iframe.mn-report").locator("body")).to_contain_text("mae")
    picture(page, "report")


def _active() -> re.Pattern[str]:
    return re.compile(r"jp-mod-active")
