"""A real Chromium, driven by Playwright, in front of a real JupyterLab."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.browser.lab import Lab, chromium, start_lab

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium; where there is none, tests that want one are skipped, but never in CI.

    For a file at a time: as long as Playwright is started an event loop runs in this thread, and no other test that
    needs one of its own could follow in this process.
    """
    path = chromium()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail("There is no Chromium: install Debian's package `chromium`.")
        pytest.skip("There is no Chromium on the PATH.")
    # What is shown in a moment takes longer where two cores run three workers.
    expect.set_options(timeout=60_000)
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield started
        started.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Open a window without cookies or storage of an earlier one."""
    opened = browser.new_context(viewport={"width": 1400, "height": 1000})
    yield opened
    opened.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """Open an empty tab."""
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    return opened


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Run a JupyterLab over an empty project; tests put notebooks of names of their own below its root."""
    root = tmp_path_factory.mktemp("lab")
    (root / "pyproject.toml").touch()
    with start_lab(root) as started:
        yield started
