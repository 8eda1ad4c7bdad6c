"""What the JupyterLab extension costs a person who types in a notebook of 300 cells and 40 steps.

`python -m benchmarks.typing_latency` prints, with and without the extension, the milliseconds from a key to the end of
the frame that shows it: median, 95th percentile and worst. It needs Chromium and the test environment.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.browser.lab import Lab, chromium, start_lab
from tests.notebook_factory import document

CELLS, STEPS, KEYS = 300, 40, 120
_LISTEN = """() => {
    window.latencies = [];
    document.addEventListener('keydown', event => {
        const started = event.timeStamp;
        requestAnimationFrame(() => setTimeout(() => window.latencies.push(performance.now() - started)));
    }, true);
}"""
_READY = "() => document.querySelectorAll('.jp-Notebook .jp-Cell').length > 0"


def notebook() -> dict[str, object]:
    """Return a notebook in which every step reads what the one before made."""
    each = CELLS / STEPS
    cells = []
    for number in range(CELLS):
        step = int(number / each)
        starts = number == 0 or int((number - 1) / each) != step
        source = (
            f"value_{number} = {f'value_{number - 1} + 1' if number else '0'}\nfor item in range(3):\n    print(item)"
        )
        cells.append((f"step:step_{step}" if starts else "", source))
    return document(cells)


def measure(page: Page, lab: Lab, *, extension: bool) -> list[float]:
    """Return the milliseconds of each key, with or without the extension in the page."""
    if not extension:
        page.route("**/extensions/mlops-nb/**", lambda route: route.abort())
    page.goto(lab.address("large.ipynb", workspace="with" if extension else "without"))
    page.wait_for_function(_READY, timeout=120_000)
    if extension:
        page.wait_for_selector(".mn-chip", timeout=120_000)
    page.wait_for_timeout(5_000)
    cell = page.locator(".jp-Notebook .jp-CodeCell .cm-content").nth(3)
    cell.click()
    page.keyboard.press("End")
    page.evaluate(_LISTEN)
    for number in range(KEYS):
        page.keyboard.press("abcdefghij"[number % 10])
        page.wait_for_timeout(60)
    found: list[float] = page.evaluate("() => window.latencies")
    return found


def main() -> None:
    """Measure both, one after the other, and print a row for each."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        root = Path(folder)
        (root / "pyproject.toml").touch()
        (root / "large.ipynb").write_text(json.dumps(notebook()), encoding="utf-8")
        windowed = {"@jupyterlab/notebook-extension:tracker": {"windowingMode": "full"}}
        with start_lab(root, settings=windowed) as lab:
            browser = driver.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
            print(f"{CELLS} cells, {STEPS} steps, {KEYS} keys: milliseconds from key to frame")
            for extension in (False, True):
                page = browser.new_page(viewport={"width": 1400, "height": 1000})
                found = sorted(measure(page, lab, extension=extension))
                page.close()
                p95 = found[int(0.95 * len(found))]
                name = "with the extension" if extension else "without"
                print(f"{name:20} median {statistics.median(found):6.1f}  p95 {p95:6.1f}  worst {found[-1]:6.1f}")
            browser.close()


if __name__ == "__main__":
    main()
