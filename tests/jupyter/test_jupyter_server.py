"""JupyterLab works in the environment that mlops_nb is installed in, and has the extension without being told."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.command import environment
from tests.notebook_factory import write

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
LETTER = "a-token-of-the-tests"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A running JupyterLab over a folder with one notebook; its port."""
    folder: Path = tmp_path_factory.mktemp("lab")
    write(folder / "lessons" / "tips.ipynb", [("step:load", "tips = [1, 2]")])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [f"--port={port}", f"--IdentityProvider.token={LETTER}", f"--ServerApp.root_dir={folder}", "--allow-root"]
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.port_retries=0", *options]
    log = folder / "server.log"
    with log.open("w") as out:
        process = subprocess.Popen(command, env=environment(), stdout=out, stderr=out)
    deadline = time.monotonic() + 60
    try:
        while True:
            try:
                ask(port, "/api/status")
                break
            except ConnectionError:
                assert process.poll() is None, log.read_text(encoding="utf-8")
                assert time.monotonic() < deadline, log.read_text(encoding="utf-8")
                time.sleep(0.2)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def ask(port: int, path: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers={"Authorization": f"token {LETTER}"})
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    assert answer.status == http.HTTPStatus.OK, text
    return text


def test_folders_and_notebooks_open_though_ploomber_is_installed(server: int) -> None:
    """Ploomber's contents manager would answer with an error: it knows no asynchronous one."""
    folder = json.loads(ask(server, "/api/contents/lessons?content=1"))
    assert "tips.ipynb" in {item["name"] for item in folder["content"]}
    notebook = json.loads(ask(server, "/api/contents/lessons/tips.ipynb?content=1&type=notebook"))
    assert notebook["content"]["cells"][0]["metadata"]["tags"] == ["step:load"]


def test_the_extension_is_enabled_on_both_sides_by_the_installation_alone(server: int) -> None:
    assert json.loads(ask(server, "/mlops-nb/api/openapi.json"))["info"]["title"] == "mlops_nb in JupyterLab"
    text = ask(server, "/lab")
    told = json.loads(text.partition('id="jupyter-config-data" type="application/json">')[2].partition("</script>")[0])
    (ours,) = [item for item in told["federated_extensions"] if item["name"] == "mlops-nb"]
    assert "function" in ask(server, f"/lab/extensions/mlops-nb/{ours['load']}")
    # What is served is what is in the repository: an installation from before would be another front end.
    bundle = ROOT / "extension" / "labextension" / ours["load"]
    assert ask(server, f"/lab/extensions/mlops-nb/{ours['load']}") == bundle.read_text(encoding="utf-8")


def test_a_package_without_its_front_end_is_not_built(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    (tmp_path / "mlops_nb").mkdir()
    (tmp_path / "mlops_nb" / "__init__.py").touch()
    ignored = shutil.ignore_patterns("node_modules", "lib", "src", "tests")
    shutil.copytree(ROOT / "extension", tmp_path / "extension", ignore=ignored)

    def build() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path / "to")]
        return subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)

    assert build().returncode == 0
    (entry,) = (tmp_path / "extension" / "labextension" / "static").glob("remoteEntry.*.js")
    entry.unlink()
    refused = build()
    assert refused.returncode != 0
    assert "npm --prefix extension run build" in refused.stderr + refused.stdout


def test_neither_of_ploombers_extensions_is_loaded(server: int) -> None:
    text = ask(server, "/lab")
    told = json.loads(text.partition('id="jupyter-config-data" type="application/json">')[2].partition("</script>")[0])
    assert "ploomber-extension" in told["disabledExtensions"]
