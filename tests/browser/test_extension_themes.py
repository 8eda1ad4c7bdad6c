"""What the extension says can be read in every theme of JupyterLab: in its margin, panel, dialogs and pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

import mlops_nb
from tests.browser.lab import DARK, HIGH_CONTRAST, LIGHT, Lab, command, open_notebook, start_lab
from tests.browser.pipeline_page import (
    PATIENCE_MS,
    activate,
    chip,
    panel,
    picture,
    press,
    type_source,
    unreadable,
    verb,
)
from tests.judged import judged
from tests.notebook_factory import edit, write

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.notebook_factory import Cell

FIT = "model = Ridge(alpha=alpha).fit([[0.0], [1.0], [2.0]], [0.0, 2.0, 4.0])"
CELLS: list[Cell] = [
    ("imports", "from sklearn.linear_model import Ridge"),
    ("parameters", "alpha = 1.0\nrows = 3"),
    ("step:load", "numbers = list(range(rows))"),
    ("", "doubled = [2 * each for each in numbers]"),
    ("step:train", FIT, {"outputs": {"line": {"type": "model", "variable": "model"}}, "timeout_s": 60}),
    ("skip", "doubled"),
    ("step:evaluate pipeline-metrics", "mae = abs(model.predict([[1.0]])[0] - 2.0)"),
    ("step:report", "print(mae, doubled)"),
    ("test", "assert mae < 10"),
]
EVALUATE, TRAIN = 7, 5
# How the field of each setting looks, those of the outputs' table apart.
FIELDS = """() => [...document.querySelectorAll('.mn-settings .mn-field:not(:has(table))')].map(field => {
    const control = field.querySelector('.mn-input');
    const {backgroundColor, borderTopColor, color, fontSize} = getComputedStyle(control);
    const {left, right, bottom} = control.getBoundingClientRect();
    const gap = field.querySelector('p').getBoundingClientRect().top - bottom;
    const look = {backgroundColor, borderTopColor, color, fontSize, left, right, gap};
    return [field.dataset.setting, JSON.stringify(look)];
})"""
# The choices whose text lies below their arrow.
COVERED = """() => [...document.querySelectorAll('.mn-settings select')].filter(select => {
    const {font, paddingLeft, paddingRight} = getComputedStyle(select);
    const [before, after] = [paddingLeft, paddingRight].map(parseFloat);
    const brush = document.createElement('canvas').getContext('2d');
    brush.font = font;
    const text = brush.measureText(select.selectedOptions[0].text).width;
    return after < 20 || before + text + after > select.offsetWidth;
}).map(select => select.ariaLabel)"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a project with two runs and a model, and a notebook that will fail."""
    made = tmp_path_factory.mktemp("themes")
    notebook = write(made / "line.ipynb", CELLS)
    for alpha in (1.0, 5.0):
        mlops_nb.run(notebook, [("the test", {"alpha": alpha})])
    with mlops_nb.find_project(notebook).log() as log:
        judged(log, 1, model="line")
        mlops_nb.Registry(log).promote("line", "1", "a test says so")
    edit(notebook, EVALUATE, "mae = nothing['at all']\nnothing = {}")
    return made


@pytest.mark.parametrize("theme", [LIGHT, DARK, HIGH_CONTRAST])
def test_everything_can_be_read(page: Page, root: Path, theme: str) -> None:
    name = theme.removeprefix("JupyterLab ").replace(" ", "-").lower()
    told: list[str] = []

    def look(at: str) -> None:
        picture(page, f"{name}-{at}")
        told.extend(f"{at}: {each}" for each in unreadable(page))

    with start_lab(root, theme=theme) as lab:
        open_notebook(page, lab, "line.ipynb")
        shown = panel(page)
        verb(page, "run").click()
        expect(chip(page, EVALUATE)).to_contain_text("failed", timeout=PATIENCE_MS)
        expect(shown.locator(".mn-failure")).to_be_visible()
        look("failed")
        type_source(page, EVALUATE, CELLS[EVALUATE - 1][1])
        type_source(page, EVALUATE + 1, "print(mae, doubled, misspelt)")
        expect(shown.locator('[data-code="MN301"]')).to_be_visible()
        page.locator(".mn-edge").first.hover()
        look("problem")

        activate(page, TRAIN)
        press(page, "t", "e")
        page.locator("[data-setting=retries] input").fill("-1")
        expect(page.locator("[data-setting=retries] [role=alert]")).to_be_visible()
        look("settings")
        page.locator("[data-setting=pause]").scroll_into_view_if_needed()
        look("settings-below")
        press(page, "Escape")

        command(page, "mlops-nb:show-runs")
        rows = page.locator(".mn-browser tbody tr")
        expect(rows.first).to_contain_text("failed")
        look("runs")
        rows.first.locator(".mn-link").click()
        expect(page.locator(".mn-run-detail .mn-failed-step")).to_be_visible()
        look("run")
        page.locator(".mn-tabs").get_by_role("button", name="Runs").click()
        for row in (-1, -2):
            rows.nth(row).locator("input").check()
        page.get_by_role("button", name="Compare 2").click()
        expect(page.locator(".mn-comparison")).to_be_visible()
        look("compared")
        command(page, "mlops-nb:show-models")
        page.locator('[data-model="line"]').click()
        expect(page.locator('[data-version="1"] .mn-alias').first).to_be_visible()
        look("model")
    assert told == []


def test_the_fields_of_a_step_stand_in_one_line_and_look_alike(lab: Lab, page: Page) -> None:
    write(lab.root / "fields" / "train.ipynb", [("step:train", "model = 1", {"outputs": {"line": {"type": "value"}}})])
    open_notebook(page, lab, "fields/train.ipynb")
    expect(chip(page, 1)).to_contain_text("train")
    activate(page, 1)
    press(page, "t", "e")
    expect(page.locator(".mn-settings [data-setting=pause] select")).to_be_visible()
    # What has the focus looks otherwise.
    page.locator(".jp-Dialog-header").click()
    looks = dict(page.evaluate(FIELDS))
    assert {"retries", "pause", "search"} <= set(looks)
    assert len(set(looks.values())) == 1, looks
    page.get_by_label("type", exact=True).select_option("dataset")
    assert page.evaluate(COVERED) == []
    for name in ("Add output", "Remove output line"):
        expect(page.get_by_role("button", name=name)).to_have_css("border-top-width", "1px")
    picture(page, "fields")
