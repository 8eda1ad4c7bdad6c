"""The template: a process that has loaded what kernels need, computes nothing, and forks a fresh kernel on request.

One for each environment and user (`templates` says what an environment is). It listens on a Unix socket; a request is
a length, a JSON object and two descriptors, the kernel's standard output and error. The answers are lines of JSON:

    {"pid": 123}                         the kernel was forked; `ready` follows, and in the end `exit`
    {"ready": true}                      its sockets are bound
    {"exit": -9}                         it has ended; negative for a signal
    {"refused": "stale"}                 packages have changed: start another template
    {"refused": "environment", "names": ["…"]}   the template's imports looked at variables that differ
    {"refused": "…"}                     anything else: start the kernel without a template

The connection is the kernel's life: when the requester closes it, or dies, the kernel's process group is killed. Until
then an ended kernel stays a zombie, so that its number can be no other process's. The kernels die with the template.

It must stay what it is: imports only, no OpenMP (after one parallel region in the template every later one in a fork
hangs), no ZeroMQ context, no thread, no event loop.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import struct
import sys
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mlops_nb.execution.kernels.template_finder import BringsBack
from mlops_nb.execution.kernels.template_kernel import call_process, live_as_kernel
from mlops_nb.execution.kernels.template_modules import Known
from mlops_nb.execution.kernels.template_packages import Installed, loadable

# What a kernel has imported by the time it is ready. One that is missing here is imported by every kernel.
_OF_A_KERNEL = (
    "ipykernel.kernelapp",
    "ipykernel.zmqshell",
    "ipykernel.ipkernel",
    "ipykernel.displayhook",
    "ipykernel.iostream",
    "IPython.core.completer",
    "IPython.core.debugger",
    "IPython.core.magics",
    "IPython.core.oinspect",
    "IPython.core.completerlib",
    "IPython.extensions.storemagic",
    "IPython.utils.wildcard",
    "faulthandler",
    "sqlite3",
    "comm.base_comm",
    "tornado.platform.asyncio",
    "zmq.eventloop.zmqstream",
)
_OURS = ("mlops_nb.handover", "mlops_nb.handover.kernel", "mlops_nb.scraps.glue")
_SIZE = struct.Struct("!I")
_BY_REQUESTER = ("JPY_",)
_TICK_S = 5.0
_RECEIVE_S = 5.0


@dataclass
class _Kernel:
    """A forked kernel and the connection that it lives by."""

    pid: int
    connection: socket.socket
    told: bool = False


@dataclass
class Template:
    """The loaded modules and the kernels forked from them."""

    place: Path
    idle_s: float
    environ: dict[str, str]
    known: Known = field(default_factory=Known)
    kernels: dict[int, _Kernel] = field(default_factory=dict)
    installed: Installed = field(default_factory=Installed.now)
    ended: bool = False
    inode: int = 0

    def load(self, packages: list[str]) -> None:
        """Load what is asked for and not there yet."""
        # Chosen when Matplotlib is imported; a kernel sets it before any cell can.
        os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
        # Ours last: what both need, such as cloudpickle, is then laid to the package, which may not show it again.
        self.known.load([*loadable(packages), *_OURS])
        self.installed = self.installed.with_modules([*sys.modules.values(), *self.known.aside.values()])
        gc.collect()
        # Else the first collection in a kernel would write to, and so copy, every page.
        gc.freeze()

    def serve(self, listener: socket.socket) -> None:
        """Answer requests until there has been nothing to do for long, or there is a reason to end."""
        woken, wake = socket.socketpair()
        wake.settimeout(0)
        woken.settimeout(0)
        signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        with selectors.DefaultSelector() as selector, contextlib.suppress(KeyboardInterrupt):
            for waiting in (listener, woken):
                selector.register(waiting, selectors.EVENT_READ)
            ours = [listener.fileno(), wake.fileno(), woken.fileno(), selector.fileno()]
            busy_at = time.monotonic()
            while not self.ended or self.kernels:
                for key, _ in selector.select(min(_TICK_S, self.idle_s)):
                    if key.fileobj is listener:
                        connection, _ = listener.accept()
                        if self._answer(connection, ours):
                            selector.register(connection, selectors.EVENT_READ)
                        else:
                            connection.close()
                    elif key.fileobj is woken:
                        woken.recv(4096)
                    elif key.fd in self.kernels:
                        # It says nothing after its request: this is its end.
                        selector.unregister(key.fileobj)
                        self._end(self.kernels[key.fd].connection)
                self._tell_ended()
                busy_at = time.monotonic() if self.kernels else busy_at
                self._close_if_useless(listener, selector, idle=time.monotonic() - busy_at >= self.idle_s)

    def _close_if_useless(self, listener: socket.socket, selector: selectors.BaseSelector, *, idle: bool) -> None:
        """Take no more requests where there is a reason; who comes now starts another template."""
        if listener.fileno() == -1:
            return
        reachable = self._reachable()
        if idle or self.ended or not reachable:
            self.ended = True
            if reachable:
                self.place.unlink(missing_ok=True)
            selector.unregister(listener)
            listener.close()

    def _reachable(self) -> bool:
        try:
            return self.place.stat().st_ino == self.inode
        except FileNotFoundError:
            return False

    # --- requests

    def _answer(self, connection: socket.socket, ours: list[int]) -> bool:
        """Answer a request; say whether a kernel lives by the connection now."""
        connection.settimeout(_RECEIVE_S)
        streams: list[int] = []
        try:
            if not _same_user(connection):
                return False
            request, streams = _received(connection)
            refusal = self._refusal(request)
            if refusal:
                _tell(connection, refusal)
                return False
            self.load(request["packages"])
            pid = self._fork(request, streams, connection, ours)
            self.kernels[connection.fileno()] = _Kernel(pid, connection)
            _tell(connection, {"pid": pid})
        except (OSError, ValueError, KeyError) as error:
            with contextlib.suppress(OSError):
                _tell(connection, {"refused": f"{type(error).__name__}: {error}"})
            return connection.fileno() in self.kernels
        finally:
            for stream in streams:
                os.close(stream)
        connection.settimeout(0)
        return True

    def _refusal(self, request: dict[str, Any]) -> dict[str, Any]:
        if request.get("end"):
            self.ended = True
            self.place.unlink(missing_ok=True)
            for connection in [kernel.connection for kernel in self.kernels.values()]:
                self._end(connection)
            return {"refused": "ended"}
        if self.ended or self.installed.changed():
            self.ended = True
            self.place.unlink(missing_ok=True)
            return {"refused": "stale"}
        asked = request["environ"]
        other = [
            name
            for name in sorted(self.known.variables)
            if asked.get(name) != self.environ.get(name) and not name.startswith(_BY_REQUESTER)
        ]
        if other:
            return {"refused": "environment", "names": other}
        tops = {name.partition(".")[0] for name in self.known.aside}
        shadow = _shadow(request["cwd"], tops)
        return {"refused": f"`{shadow}` in the notebook's folder would be read instead"} if shadow else {}

    def _fork(self, request: dict[str, Any], streams: list[int], connection: socket.socket, ours: list[int]) -> int:
        with warnings.catch_warnings():
            # Since Python 3.12 a fork beside threads warns, and OpenBLAS has some that it handles itself.
            warnings.simplefilter("ignore", DeprecationWarning)
            pid = os.fork()
        if pid == 0:
            for number in ours:
                os.close(number)
            for kernel in self.kernels.values():
                kernel.connection.close()
            live_as_kernel(request, streams, connection, BringsBack(self.known))
        return pid

    # --- the kernels' ends

    def _tell_ended(self) -> None:
        for kernel in self.kernels.values():
            if kernel.told:
                continue
            # Left a zombie: as long as the requester may signal it, its number is its own.
            ended = os.waitid(os.P_PID, kernel.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is not None:
                kernel.told = True
                status = ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status
                with contextlib.suppress(OSError):
                    _tell(kernel.connection, {"exit": status})

    def _end(self, connection: socket.socket) -> None:
        kernel = self.kernels.pop(connection.fileno())
        _kill(kernel.pid)
        os.waitpid(kernel.pid, 0)
        connection.close()


def _kill(pid: int) -> None:
    """Kill a kernel and every process it started; it leads a group of its own, from its first moments on."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def _tell(connection: socket.socket, answer: dict[str, Any]) -> None:
    connection.sendall(json.dumps(answer).encode() + b"\n")


def _received(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    head, streams, _, _ = socket.recv_fds(connection, _SIZE.size, 2)
    rest = b""
    (size,) = _SIZE.unpack(head)
    while len(rest) < size:
        part = connection.recv(size - len(rest))
        if not part:
            message = "the request ended early"
            raise ValueError(message)
        rest += part
    return json.loads(rest), streams


def _same_user(connection: socket.socket) -> bool:
    _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return bool(user == os.geteuid())


def _shadow(folder: str, tops: set[str]) -> str:
    """Return a file of the notebook's folder that an import would find before the package of that name.

    Some packages read a file of that folder when they are imported.
    """
    for entry in os.scandir(folder):
        name = entry.name.partition(".")[0]
        if entry.name in {"matplotlibrc", ".numba_config.yaml"}:
            return entry.name
        if name in tops and (entry.name.endswith((".py", ".pyc", ".so")) or Path(entry.path, "__init__.py").exists()):
            return entry.name
    return ""


def main() -> None:
    """Load, listen, say so, serve."""
    settings = json.loads(sys.argv[1])
    place = Path(settings["place"])
    environ = dict(os.environ)
    os.chdir("/")
    call_process("mlnb-template")
    # The kernels' own copy of the package is found on their path, and seen to be imported.
    for name in [name for name in sys.modules if name.partition(".")[0] == "mlops_nb"]:
        del sys.modules[name]
    template = Template(place, settings["idle_s"], environ)
    # No step is debugged, and it takes longer than all the rest.
    sys.modules["debugpy"] = None  # type: ignore[assignment]
    for name in (*_OF_A_KERNEL, "ipykernel.debugger"):
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    del sys.modules["debugpy"]
    template.load(settings["packages"])
    with socket.socket(socket.AF_UNIX) as listener:
        # Bound under another name first: whoever finds the name finds somebody who listens.
        new = place.with_suffix(".n")
        new.unlink(missing_ok=True)
        listener.bind(str(new))
        listener.listen(128)
        new.rename(place)
        template.inode = place.stat().st_ino
        os.write(settings["ready"], b"\n")
        os.close(settings["ready"])
        template.serve(listener)
