"""JupyterLab works in the environment that mlops_nb is installed in."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.command import environment
from tests.notebook_factory import write

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "a-token-of-the-tests"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running JupyterLab over a folder with one notebook; its address."""
    folder: Path = tmp_path_factory.mktemp("lab")
    write(folder / "work" / "tips.ipynb", [("step:load", "tips = [1, 2]")])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [f"--port={port}", f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={folder}", "--allow-root"]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.port_retries=0", *options]
    log = folder / "server.log"
    with log.open("w") as out:
        process = subprocess.Popen(command, env=environment(), stdout=out, stderr=out)
    address = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + 60
    try:
        while True:
            try:
                answer(f"{address}/api/status")
                break
            except (urllib.error.URLError, ConnectionError):
                assert process.poll() is None, log.read_text(encoding="utf-8")
                assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
                time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def answer(url: str) -> Any:
    asked = urllib.request.Request(url, headers={"Authorization": f"token {TOKEN}"})
    with urllib.request.urlopen(asked, timeout=30) as answered:
        return json.loads(answered.read())


def test_folders_and_notebooks_open_though_ploomber_is_installed(server: str) -> None:
    """Ploomber's contents manager would answer with an error: it knows no asynchronous one."""
    folder = answer(f"{server}/api/contents/work?content=1")
    assert "tips.ipynb" in {item["name"] for item in folder["content"]}
    notebook = answer(f"{server}/api/contents/work/tips.ipynb?content=1&type=notebook")
    assert notebook["content"]["cells"][0]["metadata"]["tags"] == ["step:load"]


def test_neither_of_ploombers_extensions_is_loaded(server: str) -> None:
    with urllib.request.urlopen(f"{server}/lab?token={TOKEN}", timeout=30) as page:
        text = page.read().decode()
    told = json.loads(text.partition('id="jupyter-config-data" type="application/json">')[2].partition("</script>")[0])
    assert "ploomber-extension" in told["disabledExtensions"]
