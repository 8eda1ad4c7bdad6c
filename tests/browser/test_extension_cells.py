"""Cells in JupyterLab: tagged by mouse and keyboard, shown beside the code, mended at a click."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.browser.lab import Lab, command, open_notebook, save
from tests.browser.pipeline_page import activate, box, chip, dirty, panel, picture, press, settings, tags, verb
from tests.notebook_factory import write

if TYPE_CHECKING:
    from playwright.sync_api import Page, Route

PLAIN = [
    ("", "import math"),
    ("", "numbers = [1, 2, 3]"),
    ("", "total = sum(numbers)"),
    ("", "mean = total / len(numbers)"),
    ("", "print(mean)"),
]


@pytest.mark.row(24)
def test_a_fresh_notebook_is_tagged_by_mouse_and_by_keyboard_and_undone(lab: Lab, page: Page) -> None:
    write(lab.root / "tagging" / "plain.ipynb", PLAIN)
    open_notebook(page, lab, "tagging/plain.ipynb")
    expect(page.locator(".mn-chip")).to_have_count(0)

    # By keyboard.
    activate(page, 1)
    press(page, "t", "i")
    expect(chip(page, 1)).to_contain_text("imports")
    activate(page, 2)
    press(page, "t", "n")
    page.get_by_label("Name of the step that begins here").fill("load data")
    expect(page.locator(".jp-Dialog [role=alert]")).to_contain_text("A name is a letter")
    expect(page.locator(".jp-Dialog .jp-mod-accept")).to_be_disabled()
    page.get_by_label("Name of the step that begins here").fill("load")
    press(page, "Enter")
    expect(chip(page, 2)).to_contain_text("load")
    expect(chip(page, 5)).to_contain_text("load")

    # By mouse: the cell's toolbar, then a chip's menu.
    activate(page, 4)
    page.locator(
        '.jp-cell-toolbar [data-command="mlops-nb:tag-menu"], .jp-cell-toolbar [title*="Tag this cell"]'
    ).first.click()
    page.get_by_role("menuitem", name="New Step Here…").click()
    page.get_by_label("Name of the step that begins here").fill("report")
    page.locator(".jp-Dialog .jp-mod-accept").click()
    expect(chip(page, 4)).to_contain_text("report")
    chip(page, 4).click()
    page.get_by_role("menuitem", name="Publish Metrics").click()
    expect(chip(page, 4)).to_contain_text("metrics")
    activate(page, 5)
    press(page, "t", "s")
    expect(chip(page, 5)).to_contain_text("skip")
    assert tags(page) == ["imports", "step:load", "", "step:report pipeline-metrics", "skip"]

    # The server reads the tags as the margin does.
    panel(page)
    expect(box(page, "report")).to_contain_text("may run")
    expect(chip(page, 2)).to_contain_text("will run")
    picture(page, "tagged")

    # Every edit is one step of undo.
    for left in ("step:report pipeline-metrics", "step:report"):
        command(page, "notebook:undo-cell-action")
        assert tags(page)[3:] == [left, ""]
    expect(chip(page, 5)).to_contain_text("report")


def test_joining_depending_renaming_and_removing_touch_no_other_cell(lab: Lab, page: Page) -> None:
    tagged = [("step:a", "x = 1"), ("step:b", "y = 2"), ("", "z = y"), ("step:c", "w = 3")]
    write(lab.root / "tagging" / "steps.ipynb", tagged)
    open_notebook(page, lab, "tagging/steps.ipynb")
    expect(chip(page, 2)).to_contain_text("b")

    activate(page, 2)
    command(page, "mlops-nb:join-step-above")
    assert tags(page) == ["step:a", "", "step:b", "step:c"]
    chip(page, 4).click()
    page.get_by_text("Depends on", exact=True).hover()
    page.locator(".lm-Menu-item[data-command=a]").click()
    assert tags(page) == ["step:a", "", "step:b", "step:c prev:a"]
    activate(page, 1)
    press(page, "t", "r")
    page.get_by_label("New name of step a").fill("load")
    press(page, "Enter")
    expect(chip(page, 1)).to_contain_text("load")
    assert tags(page) == ["step:load", "", "step:b", "step:c prev:load"]
    activate(page, 3)
    press(page, "t", "x")
    expect(chip(page, 3)).to_contain_text("load")
    assert tags(page) == ["step:load", "", "", "step:c prev:load"]


def test_looking_at_a_notebook_changes_nothing(lab: Lab, page: Page) -> None:
    notebook = write(lab.root / "looking" / "seen.ipynb", [("step:load", "x = 1"), ("step:use", "y = x + 1")])
    open_notebook(page, lab, "looking/seen.ipynb")
    # JupyterLab itself writes the kernel's name and version into a notebook that another program made.
    save(page)
    before = notebook.read_bytes()
    open_notebook(page, lab, "looking/seen.ipynb")
    panel(page)
    expect(box(page, "use")).to_contain_text("may run")
    box(page, "use").click()
    expect(page.locator(".jp-Cell").nth(1)).to_have_class(re.compile("jp-mod-active"))
    box(page, "use").focus()
    page.locator(".mn-edge").first.focus()
    expect(page.locator(".mn-card")).to_contain_text("x")
    assert not dirty(page)
    assert notebook.read_bytes() == before


def test_a_server_that_was_out_of_reach_is_asked_again_by_itself(lab: Lab, page: Page) -> None:
    answers = [503, 500]

    def busy(route: Route) -> None:
        route.fulfill(status=answers.pop(0), body="busy") if answers else route.continue_()

    page.route("**/mlops-nb/api/plan*", busy)
    write(lab.root / "busy" / "later.ipynb", [("step:load", "x = 1"), ("step:use", "y = x + 1")])
    open_notebook(page, lab, "busy/later.ipynb")

    expect(chip(page, 1)).to_contain_text("will run")
    assert answers == []


def test_settings_that_do_not_fit_are_refused_with_the_reason(lab: Lab, page: Page) -> None:
    write(lab.root / "settings" / "train.ipynb", [("step:train", "model = 1", {"timeout_s": 60})])
    open_notebook(page, lab, "settings/train.ipynb")
    expect(chip(page, 1)).to_contain_text("train")
    activate(page, 1)
    press(page, "t", "e")
    page.locator("[data-setting=retries] input").fill("-1")
    expect(page.locator("[data-setting=retries] [role=alert]")).to_have_text("must be at least 0, and is -1")
    expect(page.locator(".jp-Dialog .jp-mod-accept")).to_be_disabled()
    picture(page, "settings")
    page.locator("[data-setting=retries] input").fill("2")
    page.get_by_role("button", name="Add output").click()
    page.get_by_label("output", exact=True).fill("answer")
    page.get_by_label("type", exact=True).select_option("value")
    page.get_by_label("variable", exact=True).fill("model")
    page.locator(".jp-Dialog .jp-mod-accept").click()
    expect(page.locator(".jp-Dialog")).to_have_count(0)
    outputs = {"answer": {"type": "value", "variable": "model"}}
    assert settings(page, 1) == {"timeout_s": 60, "retries": 2, "outputs": outputs}


def test_a_diagnostic_leads_to_its_line_and_is_mended_at_a_click(lab: Lab, page: Page) -> None:
    cells = [("step:load", "x = 1"), ("setp:train", "y = x"), ("step:use", "z = 1\nprint(missing)")]
    write(lab.root / "problems" / "slips.ipynb", cells)
    open_notebook(page, lab, "problems/slips.ipynb")
    shown = panel(page)
    expect(shown.locator('[data-code="MN301"]')).to_contain_text("missing")
    expect(verb(page, "verify")).to_be_disabled()
    picture(page, "problems")
    shown.locator('[data-code="MN301"] .mn-jump').click()
    expect(page.locator(".jp-StatusBar-Widget, #jp-main-statusbar")).to_contain_text("Ln 2")
    shown.get_by_role("button", name="Write step:train").click()
    assert tags(page)[1] == "step:train"
    expect(shown.locator('[data-code="MN101"]')).to_have_count(0)


def test_tags_are_suggested_and_written_only_after_consent(lab: Lab, page: Page) -> None:
    write(lab.root / "suggesting" / "plain.ipynb", PLAIN)
    open_notebook(page, lab, "suggesting/plain.ipynb")
    panel(page)
    verb(page, "suggest").click()
    expect(page.locator(".mn-proposal tbody tr").first).to_be_visible()
    picture(page, "suggested")
    assert not any(tags(page))
    page.locator(".jp-Dialog .jp-mod-accept").click()
    expect(page.locator(".mn-chip").first).to_be_visible()
    assert any(tag.startswith("step:") for tag in tags(page))
    command(page, "notebook:undo-cell-action")
    assert not any(tags(page))
