"""One run, seen from elsewhere: a second tab, a reload, a page that was offline or asleep while the run went on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

import mlops_nb
from tests.browser.lab import Lab, open_notebook, save, wait_until_idle
from tests.browser.pipeline_page import PATIENCE_MS, box, chip, panel, picture, verb
from tests.cli.command import Started
from tests.jupyter.servers import eventually
from tests.notebook_factory import write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from playwright.sync_api import BrowserContext, Page, WebSocketRoute

OURS = "**/mlops-nb/api/**"
# Within a few seconds, where nothing but the page has to do anything.
SOON_MS = 30_000
WAITS = """\
import os, time
open({begun!r}, "w").close()
while not os.path.exists({go!r}):
    time.sleep(0.05)"""


@dataclass(frozen=True)
class Long:
    """A notebook whose second step lasts until it is told to go on; `path` is where it lies below the root."""

    notebook: Path
    path: str
    told: Path

    def go_on(self) -> None:
        """Let the second step end."""
        self.told.touch()

    def is_waiting(self) -> bool:
        """Tell whether the second step is under way."""
        return begun(self.told).exists()

    def status(self) -> str:
        """Return how the newest run stands, as the record says; nothing where there is none."""
        with mlops_nb.find_project(self.notebook.parent).log() as log:
            found = log.runs(1, 0, pipeline=self.notebook.stem)
        return str(found[0].status) if found else ""


def begun(told: Path) -> Path:
    return told.with_name("begun")


@pytest.fixture
def long(lab: Lab, request: pytest.FixtureRequest) -> Iterator[Long]:
    """Write the notebook below the root, in a folder of the test's name; in the end no run is left to wait."""
    folder = str(request.node.name)
    told = lab.root / folder / ".lab" / "go"
    waits = WAITS.format(begun=str(begun(told)), go=str(told))
    cells = [("step:load", "x = 1"), ("step:wait", waits), ("step:tell", "print(x)")]
    notebook = write(lab.root / folder / "long.ipynb", cells)
    told.parent.mkdir()
    made = Long(notebook, f"{folder}/{notebook.name}", told)
    yield made
    made.go_on()


@pytest.fixture
def other(context: BrowserContext) -> Page:
    """Open a second tab of the same window."""
    opened = context.new_page()
    opened.set_default_timeout(30_000)
    return opened


def watch(page: Page, lab: Lab, long: Long, workspace: str = "tests") -> None:
    """Open the notebook in a tab, saved as JupyterLab writes it, with its panel."""
    open_notebook(page, lab, long.path, workspace)
    save(page)
    panel(page)
    expect(verb(page, "run").or_(verb(page, "stop"))).to_be_enabled()


def expect_running(page: Page, timeout: float = PATIENCE_MS) -> None:
    """Wait until a tab shows everywhere that the second step is under way."""
    expect(chip(page, 2)).to_contain_text("0/1", timeout=timeout)
    expect(box(page, "wait")).to_contain_text("0/1")
    expect(page.locator(".mn-run.mn-status-running")).to_contain_text("wait")
    expect(verb(page, "stop")).to_be_visible()
    expect(verb(page, "run")).to_have_count(0)
    expect(page.locator(".mn-status-button")).to_contain_text("running")


def expect_ended(page: Page, status: str, timeout: float = PATIENCE_MS) -> None:
    """Wait until a tab shows everywhere how the run ended, and nothing of it as under way."""
    expect(page.locator(f".mn-run.mn-status-{status}")).to_be_visible(timeout=timeout)
    expect(verb(page, "run")).to_be_enabled()
    expect(verb(page, "stop")).to_have_count(0)
    expect(page.locator(".mn-state-running, .mn-status-running")).to_have_count(0)
    expect(page.locator(".mn-status-button")).not_to_contain_text("running")
    if status == "succeeded":
        expect(page.locator(".mn-panel")).to_contain_text("All 3 steps stand")
        expect(chip(page, 2)).to_contain_text("fresh")


def test_a_run_is_seen_in_every_tab_to_its_end(lab: Lab, long: Long, page: Page, other: Page) -> None:
    watch(page, lab, long)
    watch(other, lab, long, "others")
    verb(page, "run").click()
    for each in (page, other):
        expect_running(each)
    picture(other, "second-tab")
    long.go_on()
    for each in (page, other):
        expect_ended(each, "succeeded")


def test_a_run_is_stopped_from_another_tab(lab: Lab, long: Long, page: Page, other: Page) -> None:
    watch(page, lab, long)
    watch(other, lab, long, "others")
    verb(page, "run").click()
    expect_running(other)
    verb(other, "stop").click()
    for each in (other, page):
        expect_ended(each, "cancelled")
    assert long.status() == "cancelled"


def test_a_reload_amid_a_run_shows_it_going_on(lab: Lab, long: Long, page: Page) -> None:
    watch(page, lab, long)
    verb(page, "run").click()
    expect_running(page)
    page.reload()
    wait_until_idle(page)
    panel(page)
    expect_running(page)
    long.go_on()
    expect_ended(page, "succeeded")


def test_a_page_that_was_offline_tells_how_the_run_ended(
    lab: Lab, long: Long, page: Page, context: BrowserContext
) -> None:
    events = Events(page)
    watch(page, lab, long)
    verb(page, "run").click()
    expect_running(page)

    events.lost = True
    context.set_offline(True)
    long.go_on()
    eventually(lambda: long.status() == "succeeded")
    expect(verb(page, "stop")).to_be_visible()

    events.lost = False
    context.set_offline(False)
    expect_ended(page, "succeeded", SOON_MS)


def test_a_page_that_slept_tells_how_the_run_ended(lab: Lab, long: Long, page: Page) -> None:
    page.clock.install()
    events = Events(page)
    watch(page, lab, long)
    verb(page, "run").click()
    expect_running(page)

    events.lost = True
    page.route(OURS, lambda route: route.abort())
    long.go_on()
    eventually(lambda: long.status() == "succeeded")
    expect(verb(page, "stop")).to_be_visible()

    page.unroute(OURS)
    page.clock.fast_forward("30:00")
    expect_ended(page, "succeeded", SOON_MS)


def test_a_page_that_slept_finds_the_run_that_was_started_meanwhile(lab: Lab, long: Long, page: Page) -> None:
    page.clock.install()
    events = Events(page)
    watch(page, lab, long)

    events.lost = True
    started = Started(long.notebook.parent, "run", long.notebook.name)
    eventually(long.is_waiting)
    expect(verb(page, "run")).to_be_visible()

    page.clock.fast_forward("30:00")
    expect_running(page, SOON_MS)
    long.go_on()
    expect_ended(page, "succeeded")
    assert started.wait().code == 0


class Events:
    """The server's events on their way to a page; while they are `lost`, none arrives."""

    def __init__(self, page: Page) -> None:
        self.lost = False
        page.route_web_socket(re.compile("/api/events/subscribe"), self._pass)

    def _pass(self, browser: WebSocketRoute) -> None:
        server = browser.connect_to_server()
        server.on_message(lambda message: None if self.lost else browser.send(message))
