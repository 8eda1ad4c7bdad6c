"""Kernels forked from a template, behind jupyter_client's extension point for where kernels come from.

It is chosen by us for the kernels of steps, and by anybody else through the environment variable
`JUPYTER_DEFAULT_PROVISIONER_NAME=mlops-nb-forked`. Whatever a template cannot give, such as a kernel of another
interpreter or language, is started as always.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from mlops_nb.execution.kernels.known import is_here

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlops_nb.execution.kernels.templates import Connection

_READY_S = 60.0
_LAUNCHER = ["-m", "ipykernel_launcher"]


class ForkedProcess:
    """A forked kernel as a process: what `subprocess.Popen` is for a started one."""

    stdin = stdout = stderr = None

    def __init__(self, connection: Connection) -> None:
        self.pid = connection.pid
        self.returncode: int | None = None
        self.ready = False
        self._control = connection.control
        self._control.settimeout(0)
        self._heard = b""

    def fileno(self) -> int:
        """Return the descriptor that is readable when there is news of the kernel; -1 when there will be none."""
        return self._control.fileno()

    def poll(self) -> int | None:
        """Take in what there is to hear, and return how the kernel ended, if it has."""
        while self.returncode is None:
            try:
                part = self._control.recv(4096)
            except BlockingIOError:
                break
            except OSError:
                part = b""
            if not part:
                # The template has gone, and its kernels go with it.
                self.returncode = -signal.SIGKILL
                self.kill()
                break
            *lines, self._heard = (self._heard + part).split(b"\n")
            for line in lines:
                told = json.loads(line)
                self.ready = self.ready or "ready" in told
                self.returncode = told.get("exit", self.returncode)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until the kernel has ended, or the time is over."""
        until = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                break
            select.select([self._control], [], [], left)
        return self.returncode

    def send_signal(self, signum: int) -> None:
        """Signal the kernel, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, signum)

    def terminate(self) -> None:
        """Ask the kernel to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the kernel and every process that it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Let go of the kernel, which ends it: from now on its number may be another process's."""
        self._control.close()


class ForkedProvisioner(LocalProvisioner):
    """Forks kernels of this interpreter from a template, and starts all others."""

    def __init__(self, *, packages: Sequence[str] = (), **traits: Any) -> None:
        super().__init__(**traits)
        self._packages = tuple(packages)
        # Why the kernel was started and not forked.
        self.why_cold = ""
        self.notice = ""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Fork the kernel that the command would start, or start it."""
        try:
            process = await self._forked(cmd, kwargs)
        except Exception as error:  # noqa: BLE001 - a cold kernel is as good, only slower
            self.why_cold = str(error) or type(error).__name__
            self.notice = "" if isinstance(error, _CannotFork) else self.why_cold
            return await super().launch_kernel(cmd, **kwargs)
        self.process: Any  # of either kind
        self.process, self.pid, self.pgid = process, process.pid, process.pid
        self.cwd = kwargs.get("cwd")
        return self.connection_info

    async def _forked(self, cmd: list[str], kwargs: dict[str, Any]) -> ForkedProcess:
        if sys.platform != "linux":
            message = "only Linux forks safely beside threads"
            raise _CannotFork(message)
        from mlops_nb.execution.kernels.templates import KernelRequest, NotForThisKernel, Templates

        options, arguments = _parsed(cmd)
        environ = dict(kwargs.get("env") or os.environ)
        environ["JPY_PARENT_PID"] = str(os.getpid())
        here = kwargs.get("cwd") or "."
        request = KernelRequest(
            argv=(_launcher_file(), *arguments),
            orig_argv=tuple(cmd),
            cwd=str(Path(here).absolute()),  # noqa: ASYNC240 - asks for nothing but the name
            environ=environ,
            options=options,
            packages=self._packages,
        )
        # Starting a template takes seconds, and a server's loop must go on meanwhile.
        try:
            process = ForkedProcess(await asyncio.to_thread(Templates().fork, request))
        except NotForThisKernel as error:
            raise _CannotFork(*error.args) from error
        until = time.monotonic() + _READY_S
        while not process.ready:
            if process.poll() is not None or time.monotonic() > until:
                process.kill()
                process.close()
                message = f"the forked kernel did not start (status {process.returncode})"
                raise RuntimeError(message)
            if not process.ready:
                await _readable(process, until - time.monotonic())
        return process

    async def wait(self) -> int | None:
        """Wait for the kernel's end."""
        if not isinstance(self.process, ForkedProcess):
            return await super().wait()
        while self.process.poll() is None:
            await _readable(self.process, None)
        status = self.process.returncode
        self.process.close()
        self.process = None
        return status


class _CannotFork(Exception):  # noqa: N818 - the name of the fact
    """The kernel is not one that a template can give."""


async def _readable(process: ForkedProcess, within_s: float | None) -> None:
    loop = asyncio.get_running_loop()
    heard = asyncio.Event()
    loop.add_reader(process.fileno(), heard.set)
    try:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(heard.wait(), within_s)
    finally:
        loop.remove_reader(process.fileno())


def _parsed(cmd: list[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return the interpreter's options and the launcher's arguments of a command that starts our kind of kernel."""
    at = next((number for number in range(1, len(cmd)) if cmd[number : number + 2] == _LAUNCHER), 0)
    options = tuple(cmd[1:at])
    if not at or not is_here(cmd[0]) or not all(option.startswith("-X") for option in options):
        message = f"`{' '.join(cmd[:3])} …` is not this environment's Python kernel"
        raise _CannotFork(message)
    return options, cmd[at + 2 :]


def _launcher_file() -> str:
    import importlib.util

    spec = importlib.util.find_spec("ipykernel_launcher")
    if spec is None or spec.origin is None:
        message = "ipykernel is not installed"
        raise _CannotFork(message)
    return spec.origin
