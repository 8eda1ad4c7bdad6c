"""What the panel offers beside a run: stop, compile, verify, the live kernel; and what a folder and a model offer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

import mlops_nb
from tests.browser.lab import Lab, command, open_notebook, run_all
from tests.browser.pipeline_page import PATIENCE_MS, box, chip, dirty, panel, picture, type_source, verb
from tests.judged import judged
from tests.jupyter.servers import eventually
from tests.notebook_factory import write

if TYPE_CHECKING:
    from playwright.sync_api import Page

SUMS = [
    ("step:load", "numbers = [1, 2, 3]"),
    ("step:total", "total = sum(numbers)"),
    ("step:tell", "print(total)"),
]
WAITS = "import time\nwhile True:\n    time.sleep(0.1)"
FIT = "model = Ridge(alpha=alpha).fit([[0.0], [1.0], [2.0]], [0.0, 2.0, 4.0])"
FITS = [
    ("imports", "from sklearn.linear_model import Ridge"),
    ("parameters", "alpha = 1.0"),
    ("step:train", FIT, {"outputs": {"line": {"type": "model", "variable": "model"}}}),
]


def test_a_run_is_stopped_and_goes_on_later(lab: Lab, page: Page) -> None:
    notebook = write(lab.root / "stopping" / "long.ipynb", [*SUMS[:2], ("step:wait", WAITS)])
    open_notebook(page, lab, "stopping/long.ipynb")
    shown = panel(page)
    verb(page, "run").click()
    expect(chip(page, 3)).to_contain_text("0/1", timeout=PATIENCE_MS)
    picture(page, "running")
    verb(page, "stop").click()
    expect(page.locator(".mn-run.mn-status-cancelled")).to_be_visible(timeout=PATIENCE_MS)
    expect(chip(page, 2)).to_contain_text("fresh", timeout=PATIENCE_MS)

    type_source(page, 3, "waited = True")
    expect(chip(page, 3)).to_contain_text("will run")
    verb(page, "resume").click()
    expect(shown).to_contain_text("All 3 steps stand", timeout=PATIENCE_MS)
    with mlops_nb.find_project(notebook.parent).log() as log:
        newest, stopped = log.runs(2, 0, pipeline="long")
    assert (stopped.status, newest.status) == ("cancelled", "succeeded")


def test_a_pipeline_is_compiled(lab: Lab, page: Page) -> None:
    notebook = write(lab.root / "compiling" / "addition.ipynb", SUMS)
    open_notebook(page, lab, "compiling/addition.ipynb")
    panel(page)
    expect(verb(page, "compile")).to_be_enabled()
    verb(page, "compile").click()
    built = mlops_nb.find_project(notebook.parent).pipeline("addition") / "pipeline.yaml"
    eventually(built.exists)
    assert "total" in built.read_text(encoding="utf-8")
    assert not dirty(page)


def test_a_verification_says_that_the_pipeline_computes_the_same(lab: Lab, page: Page) -> None:
    write(lab.root / "verifying" / "sums.ipynb", SUMS)
    open_notebook(page, lab, "verifying/sums.ipynb")
    shown = panel(page)
    verb(page, "verify").click()
    expect(shown.locator(".mn-verdict")).to_contain_text("identical", timeout=PATIENCE_MS)
    expect(shown.locator(".mn-good")).to_contain_text("variables")
    picture(page, "verified")


def test_a_kernel_that_holds_something_else_is_told_only_after_its_owner_agreed(lab: Lab, page: Page) -> None:
    notebook = write(lab.root / "hidden" / "sums.ipynb", SUMS)
    mlops_nb.run(notebook)
    open_notebook(page, lab, "hidden/sums.ipynb")
    run_all(page)
    # A cell that was run, and then edited back: what restarting would not bring.
    page.evaluate(
        """() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel
            .requestExecute({code: 'total = 600'}).done"""
    )
    shown = panel(page)
    expect(chip(page, 2)).to_contain_text("fresh")
    verb(page, "compare-kernel").click()
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("This code will run in your kernel")
    picture(page, "probe")
    dialog.get_by_role("button", name="Run It in My Kernel").click()
    expect(shown.locator(".mn-kernel-differs")).to_contain_text("total")
    expect(shown.locator(".mn-kernel-same")).to_contain_text("numbers")
    expect(box(page, "total")).to_be_visible()
    picture(page, "hidden-state")


def test_a_champion_is_rolled_back_after_saying_what_will_change(lab: Lab, page: Page) -> None:
    notebook = write(lab.root / "back" / "line.ipynb", FITS)
    for alpha in (1.0, 5.0):
        mlops_nb.run(notebook, [("the test", {"alpha": alpha})])
    with mlops_nb.find_project(notebook).log() as log:
        registry = mlops_nb.Registry(log)
        for version in (1, 2):
            judged(log, version, model="line", against=version - 1 or None)
            registry.promote("line", str(version), "a test says so")
    open_notebook(page, lab, "back/line.ipynb")
    command(page, "mlops-nb:show-models")
    page.locator('[data-model="line"]').click()
    expect(page.locator('[data-version="2"] .mn-alias').first).to_have_text("champion")
    page.get_by_role("button", name="Roll back…").click()
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("This will change, at once and for everyone")
    expect(dialog.locator("tbody tr").first).to_contain_text("champion")
    picture(page, "roll-back")
    page.get_by_label("Why").fill("it answers too slowly")
    dialog.locator(".jp-mod-accept").click()
    expect(page.locator('[data-version="1"] .mn-alias').first).to_have_text("champion")
    expect(page.locator(".mn-model")).to_contain_text("it answers too slowly")


def test_the_folder_of_a_pipeline_leads_to_its_notebook(lab: Lab, page: Page) -> None:
    notebook = write(lab.root / "opening" / "sums.ipynb", SUMS)
    mlops_nb.run(notebook)
    other = write(lab.root / "opening" / "other.ipynb", [("", "1")])
    open_notebook(page, lab, f"opening/{other.name}")
    command(page, "filebrowser:go-to-path", path="/opening/pipelines")
    page.locator('.jp-DirListing-item[data-isdir="true"]', has_text="sums").click(button="right")
    page.get_by_role("menuitem", name="Open Its Notebook and Pipeline").click()
    expect(page.locator(".mn-panel")).to_be_visible()
    expect(box(page, "total")).to_contain_text("fresh")
    picture(page, "opened-from-its-folder")
