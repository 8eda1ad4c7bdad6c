"""A JupyterLab that shows a reopened step, with a kernel that stands at the cell that failed.

The kernel is JupyterLab's own, started as the session of the notebook, which JupyterLab finds when it shows the
notebook. Nothing is kept in the server: the notebook alone would do the same in any other.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_core.paths import jupyter_runtime_dir

from mlops_nb.errors import MlopsNbError
from mlops_nb.execution.kernels.kernel import event_loop, guarded
from mlops_nb.execution.kernels.known import require_kernel
from mlops_nb.execution.notebook_run import KERNEL_ENVIRONMENT
from mlops_nb.execution.reopening.live import START_S, Reached, run_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mlops_nb.execution.reopening.reopen import Reopened

_POLL_S = 0.1
_GRACE_S = 5.0
# A kernel that is not busy for so many looks, a second apart, does not work on what it was asked.
_LOOKS = 60


class LabFailed(MlopsNbError):  # noqa: N818 - the name of the fact
    """JupyterLab did not start, or its kernel did not."""

    code = "jupyterlab"


class _SessionClient(AsyncKernelClient):
    """A client of a kernel that a server started: the server says whether it lives.

    The stock client goes by a heartbeat, and on a busy machine takes a kernel that is starting for dead.
    """

    ask: Callable[[], Any]
    _looked = 0

    async def _async_is_alive(self) -> bool:
        try:
            state = self.ask().get("execution_state")
        except LabFailed:
            return False
        self._looked = 0 if state == "busy" else self._looked + 1
        return state != "dead" and self._looked < _LOOKS

    is_alive = _async_is_alive


@dataclass(frozen=True)
class Lab:
    """A JupyterLab that shows a reopened notebook: its address, token included, and how far its kernel is."""

    url: str
    reached: Reached
    process: subprocess.Popen[bytes]


@contextlib.contextmanager
def jupyter_lab(made: Reopened, root: Path, log: Path) -> Iterator[Lab]:
    """Start a JupyterLab on a reopened notebook, whose kernel stands at the cell that failed; it ends with the block.

    Parameters
    ----------
    made
        The reopened step.
    root
        The folder that JupyterLab shows, when the notebook lies in it; the notebook's own otherwise.
    log
        The file that takes what JupyterLab says.

    Raises
    ------
    LabFailed
        When it does not start.
    UsageError
        When this machine does not have the kernel.
    """
    require_kernel(made.kernel)
    root = root.resolve()
    path = made.notebook.resolve()
    root = root if path.is_relative_to(root) else path.parent
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", f"--ServerApp.root_dir={root}"),
        # The folder of opened notebooks is a hidden one.
        "--ContentsManager.allow_hidden=True",
        *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
    ]
    with (
        # It says the token, which is for nobody else.
        os.fdopen(os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as out,
        subprocess.Popen(  # noqa: S603 - no shell, our own words
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**os.environ, **KERNEL_ENVIRONMENT},
            # The terminal's interrupt is for us, who end it in order.
            start_new_session=True,
        ) as process,
        guarded(process.pid),
    ):
        try:
            server = _server(process, log)
            relative = path.relative_to(root).as_posix()
            reached = _run_in_session(made, server, relative)
            yield Lab(f"{server['url']}lab/tree/{quote(relative)}?token={server['token']}", reached, process)
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE_S)
            process.kill()


def _server(process: subprocess.Popen[bytes], log: Path) -> dict[str, Any]:
    """Return what a server says of itself in the file that only its user can read: its address and token."""
    told = Path(jupyter_runtime_dir()) / f"jpserver-{process.pid}.json"
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            server: dict[str, Any] = json.loads(told.read_text(encoding="utf-8"))
            with contextlib.suppress(ConnectionError):
                _ask(server, "GET", "api/status")
                return server
        time.sleep(_POLL_S)
    message = "JupyterLab did not start."
    raise LabFailed(message, hint=f"{log} has what it said. `--no-lab` opens the step without it.")


def _run_in_session(made: Reopened, server: Mapping[str, Any], path: str) -> Reached:
    """Start the notebook's session, as JupyterLab would, and run its cells up to the one that failed."""
    wanted = {"path": path, "name": made.notebook.name, "type": "notebook", "kernel": {"name": made.kernel}}
    session = _ask(server, "POST", "api/sessions", wanted)
    client = _SessionClient()
    client.ask = lambda: _ask(server, "GET", f"api/kernels/{session['kernel']['id']}")
    client.load_connection_file(str(Path(jupyter_runtime_dir()) / f"kernel-{session['kernel']['id']}.json"))
    with event_loop():
        return run_in(made, client)


def _ask(server: Mapping[str, Any], method: str, path: str, given: object = None) -> Any:
    address = urlsplit(server["url"])
    connection = http.client.HTTPConnection(address.hostname or "127.0.0.1", address.port or 80, timeout=START_S)
    with contextlib.closing(connection):
        headers = {"Authorization": f"token {server['token']}", "Content-Type": "application/json"}
        connection.request(method, f"{address.path}{path}", None if given is None else json.dumps(given), headers)
        answer = connection.getresponse()
        text = answer.read().decode()
    if answer.status >= http.client.BAD_REQUEST:
        message = f"JupyterLab did not start the notebook's kernel: {answer.status} {text}"
        raise LabFailed(message, hint="`--no-lab` opens the step without it.")
    return json.loads(text)
