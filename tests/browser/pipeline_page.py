"""What a person sees of a pipeline in JupyterLab: chips beside cells, boxes of the graph, the panel's buttons."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import expect

from tests.browser.lab import command

if TYPE_CHECKING:
    from playwright.sync_api import ConsoleMessage, Locator, Page

# A run is two processes and a kernel a step; on a busy machine that takes its time.
PATIENCE_MS = 240_000
expect.set_options(timeout=60_000)
_OURS = "/lab/extensions/mlops-nb/"
_CELLS = """() => window.jupyterapp.shell.currentWidget.context.model.sharedModel.cells.map(
    cell => [(cell.getMetadata('tags') ?? []).join(' '), cell.getMetadata('mlops_nb') ?? {}, cell.getSource()]
)"""
_SOURCE = """([cell, source]) => window.jupyterapp.shell.currentWidget.context.model.sharedModel
    .getCell(cell).setSource(source)"""

_UNREADABLE = Path(__file__).with_name("unreadable.js").read_text(encoding="utf-8")


def chip(page: Page, cell: int) -> Locator:
    """Return the chip of a cell, counted from 1."""
    return page.locator(f'.jp-NotebookPanel:not(.lm-mod-hidden) .mn-chip[data-cell="{cell - 1}"]')


def box(page: Page, step: str) -> Locator:
    """Return a step's box in the graph."""
    return page.locator(f'.mn-panel .mn-node[data-step="{step}"]')


def panel(page: Page) -> Locator:
    """Show the panel, and return it."""
    command(page, "mlops-nb:show-pipeline")
    shown = page.locator(".mn-panel")
    expect(shown).to_be_visible()
    return shown


def verb(page: Page, name: str) -> Locator:
    """Return a button of the panel by its command, as `run`."""
    return page.locator(f'.mn-panel [data-command="mlops-nb:{name}"]')


def parameter(page: Page, name: str) -> Locator:
    """Return the field of a parameter of the next run."""
    return page.locator(f'.mn-panel [data-parameter="{name}"]')


def activate(page: Page, cell: int) -> None:
    """Make a cell the active one, in command mode, as a click on its prompt does."""
    page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Cell").nth(cell - 1).locator(".jp-InputPrompt").click()


def press(page: Page, *keys: str) -> None:
    """Press keys one after the other."""
    for key in keys:
        page.keyboard.press(key)


def type_source(page: Page, cell: int, source: str) -> None:
    """Give a cell another source, in the editor and not in the file."""
    page.evaluate(_SOURCE, [cell - 1, source])


def source(page: Page, cell: int) -> str:
    """Return the source of a cell as it is in the editor."""
    return str(page.evaluate(_CELLS)[cell - 1][2])


def tags(page: Page) -> list[str]:
    """Return the tags of each cell as they are in the editor, separated by spaces."""
    return [each for each, *_ in page.evaluate(_CELLS)]


def settings(page: Page, cell: int) -> dict[str, Any]:
    """Return the settings of a cell as they are in the editor."""
    found: dict[str, Any] = page.evaluate(_CELLS)[cell - 1][1]
    return found


def dirty(page: Page) -> bool:
    """Say whether the notebook in front has changes that are not saved."""
    return bool(page.evaluate("() => window.jupyterapp.shell.currentWidget.context.model.dirty"))


def troubles(page: Page) -> list[str]:
    """Return a list to which is added what the page's console shows from now on: errors, and our own warnings."""
    found: list[str] = []

    def tell(told: ConsoleMessage) -> None:
        where = told.location["url"]
        if told.type == "error" or (told.type == "warning" and _OURS in where):
            found.append(f"{told.text} ({where})")

    page.on("console", tell)
    page.on("pageerror", lambda error: found.append(str(error)))
    return found


def unreadable(page: Page) -> list[str]:
    """Return what the extension shows with too little contrast."""
    return [str(each) for each in page.evaluate(_UNREADABLE)]


def picture(page: Page, name: str) -> None:
    """Keep what is seen, where `SCREENSHOTS` names a folder for people who want to look."""
    if folder := os.environ.get("SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(folder) / f"{name}.png")
