"""A JupyterLab of the tests' own, and what a person does in it: open a notebook, run it, look at what a cell shows."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.cli.command import environment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from playwright.sync_api import Locator, Page

LIGHT, DARK = "JupyterLab Light", "JupyterLab Dark"
HIGH_CONTRAST = "JupyterLab Dark High Contrast"
_READY_S = 90
_PATIENCE_MS = 180_000
# The toolbar's light says idle before there is a kernel; a cell run then opens a dialog and waits for ever.
_IDLE = """() => {
    const kernel = window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel;
    return kernel?.connectionStatus === "connected" && kernel.status === "idle";
}"""
# Not awaited here: a command that opens a dialog would keep the page, and the test, for ever.
_START = """([name, given]) => {
    window.ended = null;
    window.jupyterapp.commands.execute(name, given).then(
        () => { window.ended = "well"; },
        error => { window.ended = String(error); },
    );
}"""


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab: `url` is where it answers, `root` the folder it shows."""

    url: str
    token: str
    root: Path

    def address(self, path: str, workspace: str = "tests") -> str:
        """Return where a browser opens a file of the root, in a workspace without what was open before."""
        return f"{self.url}/lab/workspaces/{workspace}/tree/{path}?token={self.token}&reset"


@contextmanager
def start_lab(
    root: Path,
    *,
    theme: str = LIGHT,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    python: Path | None = None,
    **env: str,
) -> Iterator[Lab]:
    """Run a JupyterLab over a folder for the length of the block, on a free port and with a token.

    Parameters
    ----------
    root
        The folder that it shows; nothing of the person's own settings, workspaces or extensions' state is used.
    theme
        The theme it starts with.
    settings
        Settings of plugins by the plugin's id, as `"@jupyterlab/notebook-extension:tracker"`.
    python
        The Python that has the JupyterLab; this one, unless another is given.
    **env
        Further environment variables of the server and its kernels.
    """
    beside = root / ".lab"
    told: dict[str, Mapping[str, Any]] = {
        # Neither the news pop-up nor a notification may stand in front of what a test clicks.
        "@jupyterlab/apputils-extension:notification": {
            "fetchNews": "false",
            "checkForUpdates": False,
            "doNotDisturbMode": True,
        },
        "@jupyterlab/apputils-extension:themes": {"theme": theme},
        # All cells are in the page, and not only those in sight.
        "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
        **(settings or {}),
    }
    for plugin, content in told.items():
        package, _, name = plugin.partition(":")
        place = beside / "settings" / package / f"{name}.jupyterlab-settings"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(content), encoding="utf-8")
    command = [
        *(str(python or sys.executable), "-m", "jupyterlab", "--LabApp.expose_app_in_browser=True"),
        *(f"--LabApp.user_settings_dir={beside / 'settings'}", f"--LabApp.workspaces_dir={beside / 'workspaces'}"),
    ]
    with serve(command, root, **env) as started:
        yield started


@contextmanager
def serve(command: Sequence[str], root: Path, **env: str) -> Iterator[Lab]:
    """Run a Jupyter server over a folder for the length of the block, on a free port and with a token.

    Parameters
    ----------
    command
        What starts it, with the options of its own.
    root
        The folder that it shows; its log is `.lab/server.log` below.
    **env
        Further environment variables of the server and its kernels.
    """
    token, port = secrets.token_hex(16), _free_port()
    options = [
        *(f"--port={port}", "--ServerApp.port_retries=0", "--no-browser", "--allow-root"),
        *(f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={root}"),
    ]
    log = root / ".lab" / "server.log"
    log.parent.mkdir(exist_ok=True)
    with log.open("w", encoding="utf-8") as out:
        process = subprocess.Popen(
            [*command, *options],
            env=environment(**env),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        _await(process, port, token, log)
        yield Lab(f"http://127.0.0.1:{port}", token, root)
    finally:
        _end(process)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _await(process: subprocess.Popen[bytes], port: int, token: str, log: Path) -> None:
    deadline = time.monotonic() + _READY_S
    while True:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", "/api/status", headers={"Authorization": f"token {token}"})
            answered = connection.getresponse().status
            connection.close()
        except OSError:
            answered = 0
        if answered == http.HTTPStatus.OK:
            return
        told = log.read_text(encoding="utf-8", errors="replace")
        assert process.poll() is None, f"The server did not start:\n{told}"
        assert time.monotonic() < deadline, f"The server was not ready in {_READY_S} s:\n{told}"
        time.sleep(0.2)


def _end(process: subprocess.Popen[bytes]) -> None:
    # The server ends its kernels when it is told to end; what does not is ended with its group.
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(10)


def chromium() -> str | None:
    """Return the path of this machine's Chromium; nothing is downloaded."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


def open_notebook(page: Page, lab: Lab, path: str, workspace: str = "tests") -> None:
    """Open a notebook of the root in a page, and wait until its kernel is there and idle."""
    page.goto(lab.address(path, workspace))
    wait_until_idle(page)


def wait_until_idle(page: Page) -> None:
    """Wait until the kernel of the notebook in front is there and idle."""
    page.wait_for_function(_IDLE, timeout=_PATIENCE_MS)


def command(page: Page, name: str, **arguments: Any) -> None:
    """Execute a command of JupyterLab to its end, as a menu or a key would.

    Raises
    ------
    TimeoutError
        Of Playwright, when the command does not end: a dialog waits for an answer.
    """
    page.evaluate(_START, [name, arguments])
    page.wait_for_function("() => window.ended", timeout=_PATIENCE_MS)
    ended = page.evaluate("() => window.ended")
    assert ended == "well", f"{name} failed: {ended}"


def run_all(page: Page) -> None:
    """Run all cells of the notebook in front, to the end of the last."""
    command(page, "notebook:run-all-cells")


def save(page: Page) -> None:
    """Save what is in front, with the state of its widgets."""
    command(page, "docmanager:save")


def output_of(page: Page, cell: int) -> Locator:
    """Return the output area of a code cell, counted from 1."""
    return page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-CodeCell").nth(cell - 1).locator(".jp-OutputArea")
