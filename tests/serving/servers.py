"""A served model as its users meet it: the command in a process of its own, real requests over real HTTP."""

from __future__ import annotations

import json
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

import httpx

from tests.cli.command import Ended, Started

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Server:
    """A running `mlops-nb serve`, once it has said that it answers."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.command = Started(folder, "serve", *arguments, "--port", "0", "--json")
        assert self.command.process.stdout is not None
        line = self.command.process.stdout.readline()
        assert line, self.command.wait().err
        self.told: dict[str, Any] = json.loads(line)
        assert "url" in self.told, line
        shown = {"Authorization": f"Bearer {self.told['token']}"} if "token" in self.told else {}
        self.http = httpx.Client(base_url=self.told["url"], headers=shown, timeout=240, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> Ended:
        """End it as a service manager does."""
        self.http.close()
        if self.command.process.poll() is None:
            self.command.process.send_signal(signal.SIGTERM)
        return self.command.wait()

    def post(self, path: str, value: Any) -> Any:
        """Return the answer to a JSON body, which must be a good one."""
        answer = self.http.post(path, content=json.dumps(value), headers={"Content-Type": "application/json"})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, path: str, content: bytes | str, **headers: str) -> tuple[int, dict[str, Any]]:
        """Return the status and the body of an answer that is an error."""
        sent = {"Content-Type": "application/json", **{name.replace("_", "-"): text for name, text in headers.items()}}
        answer = self.http.post(path, content=content, headers=sent)
        assert answer.status_code >= 400, answer.text
        told: dict[str, Any] = answer.json()
        assert isinstance(told["error"], str)
        assert told["error"]
        return answer.status_code, told


@contextmanager
def served(folder: Path, *arguments: str) -> Iterator[Server]:
    """Serve a model for the length of the block; it must end well, and without a word of an error."""
    with Server(folder, *arguments) as server:
        yield server
        ended = server.stop()
    assert (ended.code, ended.err) == (0, "")
