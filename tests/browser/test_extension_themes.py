"""What the extension says can be read in every theme of JupyterLab: in its margin, panel, dialogs and pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

import mlops_nb
from tests.browser.lab import DARK, HIGH_CONTRAST, LIGHT, command, open_notebook, start_lab
from tests.browser.pipeline_page import activate, chip, panel, picture, press, type_source
from tests.judged import judged
from tests.notebook_factory import edit, write

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

FIT = "model = Ridge(alpha=alpha).fit([[0.0], [1.0], [2.0]], [0.0, 2.0, 4.0])"
CELLS = [
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
# Text needs a contrast of 4.5:1, large text and signs one of 3:1 (WCAG 2.2, 1.4.3 and 1.4.11). What cannot be used at
# the moment is exempt.
UNREADABLE = """() => {
    const parse = text => {
        const found = /^rgba?\\(([^)]*)\\)$/.exec(text);
        if (!found) throw new Error(`unknown colour: ${text}`);
        const [r, g, b, a = 1] = found[1].split(/[ ,/]+/).map(Number);
        return [r, g, b, a];
    };
    const over = ([r, g, b, a], under) => [r, g, b].map((c, i) => c * a + under[i] * (1 - a)).concat(1);
    const ancestors = node => { const all = []; for (let at = node; at; at = at.parentElement) all.push(at); return all; };
    const opacity = node => ancestors(node).reduce((all, at) => all * Number(getComputedStyle(at).opacity), 1);
    const behind = node => ancestors(node).reverse()
        .reduce((colour, at) => over(parse(getComputedStyle(at).backgroundColor), colour), [255, 255, 255, 1]);
    const light = colour => colour.slice(0, 3)
        .map(c => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const contrast = (text, node, background) => {
        const [r, g, b, a] = parse(text);
        const [one, two] = [light(over([r, g, b, a * opacity(node)], background)), light(background)];
        return (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05);
    };
    const seen = node => node.getClientRects().length && node.checkVisibility({visibilityProperty: true});
    const told = new Set();
    const check = (node, colour, background, least, what) => {
        const found = contrast(colour, node, background);
        if (found < least) {
            const named = node.closest('[class*="mn-"]')?.getAttribute('class');
            told.add(`${what} in ${node.tagName.toLowerCase()}, ${named}: ${found.toFixed(2)}`);
        }
    };
    for (const node of document.querySelectorAll('[class*="mn-"], [class*="mn-"] *')) {
        if (!seen(node) || node.matches(':disabled, :disabled *') || node.closest('.mn-figures, .jp-Cell-inputWrapper')) {
            continue;
        }
        const style = getComputedStyle(node);
        const drawn = node instanceof SVGElement;
        const text = [...node.childNodes].filter(each => each.nodeType === 3).map(each => each.data).join('').trim();
        if (text && node.tagName !== 'title' && node.tagName !== 'OPTION') {
            const size = parseFloat(style.fontSize);
            const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
            check(node, drawn ? style.fill : style.color, behind(node), large ? 3 : 4.5, `"${text.slice(0, 30)}"`);
        }
        if (node.matches('input.mn-input, select.mn-input, textarea.mn-input')) {
            check(node, style.color, behind(node), 4.5, `"${node.value.slice(0, 30)}"`);
            check(node, style.borderTopColor, behind(node.parentElement), 3, 'the border');
            if (node.placeholder) {
                check(node, getComputedStyle(node, '::placeholder').color, behind(node), 4.5, `"${node.placeholder}"`);
            }
        }
        if (node.matches('.mn-sign')) check(node, style.stroke, behind(node), 3, 'a sign');
        if (node.matches('.mn-stripe')) check(node, style.fill, behind(node), 3, 'a stripe');
        if (node.matches('.mn-bar')) check(node, style.backgroundColor, behind(node.parentElement), 3, 'a bar');
    }
    return [...told];
}"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a project whose record has something of everything: runs that did well, one that failed, a model."""
    made = tmp_path_factory.mktemp("themes")
    notebook = write(made / "line.ipynb", CELLS)
    for alpha in (1.0, 5.0):
        mlops_nb.run(notebook, [("the test", {"alpha": alpha})])
    with mlops_nb.find_project(notebook).log() as log:
        judged(log, 1, model="line")
        mlops_nb.Registry(log).promote("line", "1", "a test says so")
    edit(notebook, EVALUATE, "mae = nothing['at all']\nnothing = {}")
    with pytest.raises(mlops_nb.RunError):
        mlops_nb.run(notebook)
    return made


@pytest.mark.parametrize("theme", [LIGHT, DARK, HIGH_CONTRAST])
def test_everything_can_be_read(page: Page, root: Path, theme: str) -> None:
    name = theme.removeprefix("JupyterLab ").replace(" ", "-").lower()
    told: list[str] = []

    def look(at: str) -> None:
        picture(page, f"{name}-{at}")
        told.extend(f"{at}: {each}" for each in page.evaluate(UNREADABLE))

    with start_lab(root, theme=theme) as lab:
        open_notebook(page, lab, "line.ipynb")
        shown = panel(page)
        expect(chip(page, EVALUATE)).to_contain_text("failed")
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
        expect(page.locator(".mn-browser tbody tr")).to_have_count(3)
        look("runs")
        page.locator(".mn-browser tbody tr").first.locator(".mn-link").click()
        expect(page.locator(".mn-run-detail .mn-failed-step")).to_be_visible()
        look("run")
        page.locator(".mn-tabs .mn-link").click()
        for row in (1, 2):
            page.locator(".mn-browser tbody tr").nth(row).locator("input").check()
        page.get_by_role("button", name="Compare 2").click()
        expect(page.locator(".mn-comparison")).to_be_visible()
        look("compared")
        command(page, "mlops-nb:show-models")
        page.locator('[data-model="line"]').click()
        expect(page.locator('[data-version="1"] .mn-alias').first).to_be_visible()
        look("model")
    assert told == []
