"""`mlops_nb.compare` and `mlops_nb.show` as a person has them: in JupyterLab, with mouse, keyboard and themes."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from mlops_nb.project import find_project
from mlops_nb.registry import Registry
from tests.browser.lab import DARK, HIGH_CONTRAST, LIGHT, Lab, command, open_notebook, output_of, run_all, save
from tests.judged import judged
from tests.jupyter.servers import eventually
from tests.notebook_factory import write
from tests.widgets.recorded import many_runs, three_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Locator, Page

CELLS = [
    ("", "import mlops_nb\nmlops_nb.compare(pipeline='income')"),
    ("", "mlops_nb.compare(model='income')"),
    ("", "mlops_nb.compare(project='../thousand')"),
    ("", "mlops_nb.show('last')"),
    ("", "mlops_nb.show('income@1')"),
    (
        "",
        """from mlops_nb.validation import Finding, Verdict
found = Finding('NEW_COLUMN', 'color', 'The column <img src=x onerror=alert(1)> is new.')
mlops_nb.show(Verdict('data-schema', 'rides', 'stop', (found,)))""",
    ),
]
# A cold JupyterLab and three runs take their time on a busy machine.
pytestmark = pytest.mark.timeout(600)
RUNS, VERSIONS, THOUSAND, RUN, LINEAGE, VERDICT = range(1, 7)


@dataclass(frozen=True)
class Desk:
    """A notebook with comparisons, opened and run; `runs` are the ids of the compared runs, oldest first."""

    page: Page
    lab: Lab
    notebook: Path
    runs: tuple[str, ...]

    def view(self, cell: int) -> Locator:
        """Return the widget below a cell, in sight."""
        found = output_of(self.page, cell).locator(".mn-widget")
        found.scroll_into_view_if_needed()
        return found


@pytest.fixture(scope="module")
def desk(browser: Browser, lab: Lab) -> Iterator[Desk]:
    """Open the notebook and run it; each test leaves the comparison as it found it."""
    folder = lab.root / "income"
    runs = three_runs(folder)
    many_runs(lab.root / "thousand")
    notebook = write(folder / "look.ipynb", CELLS)
    context = browser.new_context(viewport={"width": 1400, "height": 1100})
    page = context.new_page()
    page.set_default_timeout(60_000)
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    page.on("dialog", lambda dialog: broken.append(dialog.message))
    open_notebook(page, lab, "income/look.ipynb", workspace="comparison")
    run_all(page)
    for cell in (RUNS, VERSIONS, THOUSAND):
        expect(output_of(page, cell).locator(".mn-widget tbody tr[data-id]").first).to_be_visible(timeout=120_000)
    yield Desk(page, lab, notebook, runs)
    context.close()
    assert not broken


def ids(view: Locator) -> list[Any]:
    return list(view.locator("tbody tr[data-id]").evaluate_all("rows => rows.map(row => row.dataset.id)"))


def becomes(ask: Callable[[], object], expected: object) -> None:
    """Wait until an answer of the page is what it should be."""
    with suppress(AssertionError):
        eventually(lambda: ask() == expected, timeout=30)
    assert ask() == expected


def header(view: Locator, name: str) -> Locator:
    return view.locator("th[role=columnheader]").filter(has=view.page.locator(f'.mn-label:text-is("{name}")'))


def selected(view: Locator) -> list[Any]:
    return list(view.locator("tr[aria-selected=true]").evaluate_all("rows => rows.map(row => row.dataset.id)"))


def lines(view: Locator) -> list[Any]:
    """Return the ids whose lines the first chart shows."""
    found = view.locator(".mn-chart").first.locator("polyline[data-id]")
    return list(found.evaluate_all("lines => lines.map(line => line.dataset.id)"))


# --- the table --------------------------------------------------------------------------------------------------------


@pytest.mark.row(4)
def test_a_click_on_a_metric_puts_its_best_first_and_another_turns_it_round(desk: Desk) -> None:
    view = desk.view(RUNS)
    becomes(lambda: ids(view), list(reversed(desk.runs)))
    assert view.locator("td.mn-best").count() >= 3
    loss = header(view, "log_loss")
    expect(loss).to_contain_text("lower is better")

    loss.locator("button").click()
    expect(loss).to_have_attribute("aria-sort", "ascending")
    rising = ids(view)
    expect(view.locator("tbody tr[data-id]").first.locator(".mn-star").first).to_be_visible()
    loss.locator("button").click()
    expect(loss).to_have_attribute("aria-sort", "descending")
    becomes(lambda: ids(view), list(reversed(rising)))
    loss.locator("button").click()
    expect(loss).to_have_attribute("aria-sort", "none")
    becomes(lambda: ids(view), list(reversed(desk.runs)))


def test_the_keyboard_alone_sorts_walks_the_rows_and_selects(desk: Desk) -> None:
    view, page = desk.view(RUNS), desk.page
    header(view, "c").locator("button").focus()
    page.keyboard.press("Enter")
    expect(header(view, "c")).to_have_attribute("aria-sort", "ascending")
    # The focus stays where the keyboard was, though the row of headers is new.
    page.keyboard.press("Enter")
    expect(header(view, "c")).to_have_attribute("aria-sort", "descending")
    page.keyboard.press("Enter")
    expect(header(view, "c")).to_have_attribute("aria-sort", "none")

    before = selected(view)
    view.locator('tr[tabindex="0"]').focus()
    page.keyboard.press("ArrowDown")
    focused = ids(view)[1]
    becomes(lambda: page.evaluate("() => document.activeElement.dataset.id"), focused)
    page.keyboard.press("Space")
    expect(view.locator(f'tr[data-id="{focused}"]')).to_have_attribute("aria-selected", "false")
    # Keys that mean something to JupyterLab, `d` `d` deletes a cell, do not reach it from here.
    page.keyboard.press("d")
    page.keyboard.press("d")
    page.keyboard.press("Space")
    expect(view.locator(f'tr[data-id="{focused}"]')).to_have_attribute("aria-selected", "true")
    becomes(lambda: sorted(selected(view)), sorted(before))
    assert page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell").count() == len(CELLS)


def test_words_and_conditions_filter_the_rows(desk: Desk) -> None:
    view = desk.view(RUNS)
    box = view.get_by_label("Filter rows")

    box.fill("c < 2")
    expect(view.locator(".mn-count")).to_have_text("2 of 3")
    becomes(lambda: ids(view), [desk.runs[1], desk.runs[0]])
    box.fill(f"c<2 {desk.runs[0]}")
    expect(view.locator(".mn-count")).to_have_text("1 of 3")
    box.fill("nothing is called so")
    expect(view.locator(".mn-none")).to_have_text("Nothing fits the filter.")
    box.fill("")
    expect(view.locator(".mn-count")).to_have_text("3 of 3")


def test_values_are_text_and_never_markup(desk: Desk) -> None:
    view = desk.view(RUNS)
    view.locator(".mn-same summary").click()

    expect(view.locator(".mn-same dd")).to_have_text(["<b>plain</b>"])
    assert view.locator(".mn-same b").count() == 0
    view.locator(".mn-same summary").click()
    verdict = output_of(desk.page, VERDICT)
    expect(verdict).to_contain_text("The column <img src=x onerror=alert(1)> is new.")
    assert verdict.locator("img").count() == 0


def test_of_a_thousand_runs_only_those_in_sight_are_in_the_page(desk: Desk) -> None:
    view, page = desk.view(THOUSAND), desk.page
    expect(view.locator("table[role=grid]")).to_have_attribute("aria-rowcount", "1001")
    assert view.locator("tbody tr[data-id]").count() < 50

    view.locator('tr[tabindex="0"]').focus()
    page.keyboard.press("End")
    expect(view.locator('tr[data-id="20260101-000000-000000"]')).to_be_focused()
    expect(view.locator('tr[data-id="20260101-000000-000000"]')).to_be_in_viewport()
    assert view.locator("tbody tr[data-id]").count() < 50
    box = view.get_by_label("Filter rows")
    box.press_sequentially("model=forest mae<0.5", delay=5)
    wanted = [n for n in range(1000) if n % 3 == 0 and (n * 7919 % 1009) / 100 < 0.5]
    expect(view.locator(".mn-count")).to_have_text(f"{len(wanted)} of 1,000")
    becomes(lambda: ids(view), [f"20260101-000000-{number:06x}" for number in reversed(wanted)])
    box.fill("")


# --- the charts -------------------------------------------------------------------------------------------------------


def test_the_curves_of_the_selected_lie_over_each_other_in_the_colours_of_their_rows(desk: Desk) -> None:
    view = desk.view(RUNS)

    expect(view.locator(".mn-chart .mn-title")).to_have_text(["ROC", "Precision and recall", "Calibration"])
    becomes(lambda: (sorted(lines(view)), sorted(selected(view))), (sorted(desk.runs), sorted(desk.runs)))
    for run in desk.runs:
        stroke = view.locator(f'.mn-chart polyline[data-id="{run}"]').first.evaluate("e => getComputedStyle(e).stroke")
        row = view.locator(f'tr[data-id="{run}"] td.mn-pick').evaluate("e => getComputedStyle(e).boxShadow")
        assert stroke.startswith("rgb")
        assert stroke in row
    # Whoever is taken away from the selection leaves every chart.
    view.locator(f'tr[data-id="{desk.runs[0]}"] input').click()
    expect(view.locator(f'.mn-chart polyline[data-id="{desk.runs[0]}"]')).to_have_count(0)
    view.locator(f'tr[data-id="{desk.runs[0]}"] input').click()
    expect(view.locator(f'.mn-chart polyline[data-id="{desk.runs[0]}"]')).to_have_count(3)


def test_the_legend_hides_a_curve_and_shows_it_again(desk: Desk) -> None:
    view = desk.view(RUNS)
    key = view.locator(".mn-key").first
    name = key.get_attribute("title")

    key.click()
    expect(key).to_have_attribute("aria-pressed", "false")
    becomes(lambda: name in lines(view), expected=False)
    key.press("Enter")
    expect(key).to_have_attribute("aria-pressed", "true")
    becomes(lambda: name in lines(view), expected=True)


def test_a_chart_tells_its_values_to_the_pointer_and_to_the_keyboard(desk: Desk) -> None:
    view, page = desk.view(RUNS), desk.page
    chart = view.locator(".mn-chart").first
    chart.scroll_into_view_if_needed()
    chart.hover(position={"x": 180, "y": 120})
    expect(view.locator(".mn-tip-line")).to_have_count(3)
    page.mouse.move(5, 5)
    expect(view.locator(".mn-tip")).to_be_hidden()

    chart.focus()
    page.keyboard.press("ArrowRight")
    expect(view.locator(".mn-unseen[aria-live]")).to_contain_text(
        re.compile(r"false positive rate 0\.54\d*: .* 0\.\d+")
    )
    page.keyboard.press("Escape")
    expect(view.locator(".mn-tip")).to_be_hidden()


def test_slices_and_parallel_coordinates_are_a_key_away(desk: Desk) -> None:
    view, page = desk.view(RUNS), desk.page
    view.get_by_role("tab", name="Curves").focus()

    page.keyboard.press("ArrowRight")
    heat = view.locator(".mn-heat")
    expect(heat.locator("tbody th")).to_have_text(["sex: Female", "sex: Male"])
    expect(heat.locator("tbody td")).to_have_count(2 * len(desk.runs))
    view.get_by_label("Measure").select_option("people")
    # Groups of people, and no shares any more.
    expect(heat.locator("tbody td").first).to_have_text(re.compile(r"^\d{3,}$"))
    shown = heat.locator("tbody td").all_inner_texts()
    assert sum(map(float, shown)) == 1500 * len(desk.runs)

    view.get_by_role("tab", name="Slices").focus()
    page.keyboard.press("ArrowRight")
    paths = view.locator(".mn-chart path[data-id]")
    becomes(lambda: set(paths.evaluate_all("e => e.map(each => each.dataset.id)")), set(desk.runs))
    page.keyboard.press("ArrowRight")
    expect(view.get_by_role("tab", name="Curves")).to_have_attribute("aria-selected", "true")


# --- promoting --------------------------------------------------------------------------------------------------------


def champion(desk: Desk) -> tuple[int | None, str]:
    with find_project(desk.notebook.parent).log() as log:
        registry = Registry(log)
        (model,) = registry.models()
        moves = registry.alias_history("income", "champion")
        return model.aliases.get("champion"), moves[0].why if moves else ""


def test_a_promotion_asks_first_and_then_moves_the_alias(desk: Desk) -> None:
    view, page = desk.view(VERSIONS), desk.page
    assert champion(desk) == (None, "")
    with find_project(desk.notebook.parent).log() as log:
        judged(log, 2, model="income")
    view.get_by_role("button", name="Promote").click()
    dialog = view.get_by_role("dialog")
    dialog.get_by_label("Version").select_option("income@2")
    expect(dialog.get_by_role("status")).to_have_text("champion of income moves from nothing to version 2")
    yes = dialog.get_by_role("button", name="Promote")
    expect(yes).to_be_disabled()
    assert champion(desk) == (None, "")

    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert champion(desk) == (None, "")

    view.get_by_role("button", name="Promote").click()
    dialog.get_by_label("Version").select_option("income@2")
    dialog.get_by_label("Reason").fill("its penalty is the strongest")
    expect(yes).to_be_enabled()
    yes.click()

    expect(view.locator(".mn-news")).to_have_text("income: champion is version 2.")
    expect(view.locator('tr[data-id="income@2"] .mn-badge')).to_have_text("champion")
    assert champion(desk) == (2, "its penalty is the strongest")


def test_a_promotion_that_somebody_overtook_is_refused_and_told(desk: Desk) -> None:
    view = desk.view(VERSIONS)
    with find_project(desk.notebook.parent).log() as log:
        for version in (1, 3):
            judged(log, version, model="income", against=2)
    view.get_by_role("button", name="Promote").click()
    dialog = view.get_by_role("dialog")
    dialog.get_by_label("Version").select_option("income@3")
    dialog.get_by_label("Reason").fill("it is the newest")
    yes = dialog.get_by_role("button", name="Promote")
    expect(yes).to_be_enabled()
    with find_project(desk.notebook.parent).log() as log:
        Registry(log).promote("income", "1", "somebody was faster")

    yes.click()

    expect(dialog.get_by_role("status")).to_contain_text("points to version 1 now")
    dialog.get_by_role("button", name="Cancel").click()
    assert champion(desk) == (1, "somebody was faster")


# --- show, themes, and life without a kernel --------------------------------------------------------------------------


@pytest.mark.row(61)
def test_a_run_and_a_lineage_are_shown_as_pictures_with_their_words(desk: Desk) -> None:
    run, lineage = output_of(desk.page, RUN), output_of(desk.page, LINEAGE)

    expect(run.locator("svg text", has_text="evaluate").first).to_be_visible()
    expect(run).to_contain_text("succeeded")
    expect(run).to_contain_text("roc_auc")
    # From the model version back to the data that it was made from.
    for name in ("income@1", "train", "load", "adult-income.csv"):
        expect(lineage.locator("svg text", has_text=name).first).to_be_attached()
    lineage.locator("summary").focus()
    desk.page.keyboard.press("Enter")
    expect(lineage.get_by_role("cell", name="model", exact=True).first).to_be_visible()


@pytest.mark.parametrize("theme", [DARK, HIGH_CONTRAST, LIGHT])
def test_a_comparison_follows_the_theme(desk: Desk, tmp_path: Path, theme: str) -> None:
    view, page = desk.view(RUNS), desk.page
    command(page, "apputils:change-theme", theme=theme)
    page.wait_for_function("theme => document.body.dataset.jpThemeName === theme", arg=theme)
    paper, ink, wanted = view.evaluate(
        """view => {
            const probe = document.createElement("div");
            probe.style.cssText = "background: var(--jp-layout-color1); color: var(--jp-ui-font-color1)";
            view.append(probe);
            const told = getComputedStyle(probe);
            const wanted = [told.backgroundColor, told.color];
            probe.remove();
            const table = getComputedStyle(view.querySelector(".mn-table"));
            return [table.backgroundColor, getComputedStyle(view).color, wanted];
        }"""
    )

    assert [paper, ink] == wanted
    page.screenshot(path=tmp_path / "comparison.png")


def test_a_saved_comparison_lives_on_when_its_kernel_is_gone(desk: Desk, browser: Browser) -> None:
    save(desk.page)
    saved = json.loads(desk.notebook.read_text(encoding="utf-8"))
    for cell in (RUNS, VERSIONS, THOUSAND):
        (output,) = saved["cells"][cell - 1]["outputs"]
        # For viewers that know no widgets.
        assert "<table" in "".join(output["data"]["text/html"])
    command(desk.page, "kernelmenu:shutdown")

    context = browser.new_context(viewport={"width": 1400, "height": 1100})
    page = context.new_page()
    page.set_default_timeout(30_000)
    open_notebook(page, desk.lab, "income/look.ipynb", workspace="later")
    view = output_of(page, RUNS).locator(".mn-widget")
    expect(view.locator("tbody tr[data-id]")).to_have_count(3, timeout=120_000)
    becomes(lambda: ids(view), list(reversed(desk.runs)))
    header(view, "c").locator("button").click()
    expect(header(view, "c")).to_have_attribute("aria-sort", "ascending")
    assert ids(view) == [desk.runs[1], desk.runs[0], desk.runs[2]]
    view.get_by_label("Filter rows").fill("c < 2")
    expect(view.locator(".mn-count")).to_have_text("2 of 3")
    assert set(lines(view)) == set(desk.runs)
    context.close()
