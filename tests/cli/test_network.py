"""Nothing phones home: in a whole run no Python process, neither the command nor a kernel, opens a network socket."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import call, environment
from tests.notebook_factory import write

# Loaded by every Python process at its start; an audit hook cannot be taken away again (PEP 578).
HOOK = """\
import os, socket, sys

def _hook(event, arguments, log=os.environ["SOCKET_LOG"]):
    if event == "socket.getaddrinfo":
        told = arguments[0]
    elif event in {"socket.connect", "socket.bind", "socket.sendto"}:
        if arguments[0].family not in {socket.AF_INET, socket.AF_INET6}:
            return
        told = arguments[1]
        if event == "socket.bind" and told[:2] == ("::1", 0):
            # urllib3 asks once whether this machine speaks IPv6; nothing can come of it.
            return
    else:
        return
    with open(log, "a") as file:
        file.write(f"{event} {told} {sys.argv}\\n")

with open(os.environ["SOCKET_LOG"] + ".processes", "a") as file:
    file.write(f"{os.getpid()} {sys.orig_argv}\\n")
sys.addaudithook(_hook)
"""


@pytest.fixture
def watched(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which every Python process writes down what it does with the network."""
    hook = tmp_path / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(HOOK, encoding="utf-8")
    path = os.pathsep.join([str(hook), str(Path(__file__).parents[2])])
    return {"PYTHONPATH": path, "SOCKET_LOG": str(tmp_path / "sockets.log")}


@pytest.mark.parametrize(("isolation", "kernels"), [("cold", 2), ("fork", 0)])
def test_a_whole_run_opens_no_network_socket(
    tmp_path: Path, watched: dict[str, str], isolation: str, kernels: int
) -> None:
    log, processes = Path(watched["SOCKET_LOG"]), Path(watched["SOCKET_LOG"] + ".processes")
    folder = tmp_path / "project"
    write(folder / "quiet.ipynb", [("parameters", "n = 3"), ("step:a", "a = n + 1"), ("pipeline-metrics", "print(a)")])
    for verb in (["run", "quiet.ipynb", "--json", "--isolation", isolation], ["compile", "quiet.ipynb"]):
        ended = call(folder, *verb, env=watched)
        assert ended.code == 0, ended.err
    started = processes.read_text(encoding="utf-8")
    assert started.count("ipykernel_launcher") == kernels
    # What a forked kernel does is seen by the hook of the template that it is forked from.
    assert started.count("kernels.template") == (isolation == "fork")
    assert "quiet.ipynb" in started
    assert not log.exists(), log.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.getaddrinfo('localhost', 80)",
        "import socket; s = socket.socket(); s.settimeout(1); s.connect_ex(('127.0.0.1', 9))",
        "import socket; socket.socket().bind(('127.0.0.1', 0))",
        "import asyncio; asyncio.run(asyncio.open_connection('127.0.0.1', 9))",
    ],
)
def test_the_watch_would_have_seen_one(watched: dict[str, str], code: str) -> None:
    subprocess.run([sys.executable, "-c", code], env=environment(**watched), check=False, capture_output=True)
    assert Path(watched["SOCKET_LOG"]).exists()


def test_the_watch_lets_a_kernels_own_sockets_pass(tmp_path: Path, watched: dict[str, str]) -> None:
    code = "import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])"
    place = os.path.relpath(tmp_path / "s")
    subprocess.run([sys.executable, "-c", code, place], env=environment(**watched), check=True)
    assert not Path(watched["SOCKET_LOG"]).exists()
