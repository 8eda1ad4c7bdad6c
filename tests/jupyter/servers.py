"""A real Jupyter server over a folder, with the extension, asked over HTTP as a browser asks it."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx
import websocket
from jsonschema import Draft202012Validator

from mlops_nb.jupyter.contract import document, pattern
from tests.cli.command import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LETTER = "a-token-of-the-tests"
API = "/mlops-nb/api"
OVER = frozenset({"succeeded", "failed", "cancelled", "paused", "died", "refused"})


class Server:
    """A server process; its folder is the root of what it shows."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self._options = options
        self.start()

    def start(self) -> None:
        """Start it, at a port that is free."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        log = self.folder.parent / f"{self.folder.name}-{self.port}.log"
        command = [
            *(sys.executable, "-m", "jupyter_server", f"--port={self.port}", "--ServerApp.port_retries=0"),
            *(f"--IdentityProvider.token={LETTER}", f"--ServerApp.root_dir={self.folder}", "--allow-root"),
            *("--no-browser", "--ServerApp.jpserver_extensions", "mlops_nb.jupyter=True"),
            *("--ServerApp.jpserver_extensions", "ploomber=False", *self._options),
        ]
        with log.open("w") as out:
            self.process = subprocess.Popen(command, env=environment(), stdout=out, stderr=out)
        self.client = httpx.Client(
            base_url=self.address + API, headers={"Authorization": f"token {LETTER}"}, timeout=240, trust_env=False
        )

        def answers() -> bool:
            assert self.process.poll() is None, log.read_text(encoding="utf-8")
            try:
                return self.client.get("/openapi.json").status_code == httpx.codes.OK
            except httpx.TransportError:
                return False

        eventually(answers)

    def kill(self) -> None:
        """End it as a crash does, without a word to what it started."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.client.close()

    def stop(self) -> None:
        """End it as a person does."""
        self.process.terminate()
        self.process.wait(30)
        self.client.close()

    def get(self, route: str, expect: int = 200, **query: Any) -> Any:
        """Return what a GET is answered with, which must have that status and the form of the OpenAPI document."""
        return checked(self.client.get(route, params=query), "get", route, expect)

    def post(self, route: str, body: Any = None, status: int = 200, **query: Any) -> Any:
        """Return what a POST is answered with, which must have that status and the form of the OpenAPI document."""
        return checked(self.client.post(route, json=body or {}, params=query), "post", route, status)

    def ended(self, run: str, path: str = "") -> Any:
        """Return the detail of a run once it is over."""
        eventually(lambda: self.get(f"/runs/{run}/events", path=path, after=1_000_000)["status"] in OVER)
        return self.get(f"/runs/{run}", path=path)

    @contextlib.contextmanager
    def events(self) -> Iterator[websocket.WebSocket]:
        """Subscribe to the server's events, as a tab of JupyterLab does."""
        url = f"ws://127.0.0.1:{self.port}/api/events/subscribe"
        socket = websocket.create_connection(url, timeout=240, header=[f"Authorization: token {LETTER}"])
        try:
            yield socket
        finally:
            socket.close()


def eventually(true: Callable[[], object], timeout: float = 600) -> None:
    """Wait until something becomes true that a server is asked for, which has other things to do."""
    deadline = time.monotonic() + timeout
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.4)


def checked(answer: httpx.Response, method: str, route: str, status: int) -> Any:
    """Return an answer's JSON, or the answer where it is none; it is held against the OpenAPI document."""
    assert answer.status_code == status, answer.text
    (described,) = [item for path, item in document()["paths"].items() if re.fullmatch(pattern(path), route)]
    told = described[method]["responses"][str(status)]
    told = document()["components"]["responses"]["Error"] if "$ref" in told else told
    media_type = answer.headers["content-type"].partition(";")[0]
    assert media_type in told["content"], media_type
    if media_type != "application/json":
        return answer
    schema = told["content"][media_type].get("schema", {})
    Draft202012Validator({**schema, "components": document()["components"]}).validate(answer.json())
    return answer.json()


def heard(tab: websocket.WebSocket, run: str, until: str = "run-done") -> list[dict[str, Any]]:
    """Return what a tab hears of a run, up to an event of that kind."""
    found: list[dict[str, Any]] = []
    deadline = time.monotonic() + 240
    while not found or found[-1]["kind"] != until:
        assert time.monotonic() < deadline, found
        event = json.loads(tab.recv())
        if event["schema_id"] == "urn:mlops-nb:run-event" and event["run"] == run:
            found.append(event)
    return found
