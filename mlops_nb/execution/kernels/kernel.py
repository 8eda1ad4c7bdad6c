"""One kernel for one step: started, watched, and gone when the step is over."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops_nb.errors import MlopsNbError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_POLL_S = 0.05
_GRACE_S = 3.0
# What a kernel may take for what it does at its end: files are written, callbacks are called.
_LAST_WORDS_S = 30.0
_MIB = 1 << 20
# Nothing is ever written to it: where its input ends, the process that held the other end is gone, however it went.
_GUARD = "import os, signal, sys; sys.stdin.buffer.read(); os.killpg(int(sys.argv[1]), signal.SIGKILL)"


class KernelFailed(MlopsNbError):  # noqa: N818 - the name of the fact
    """A kernel could not be started."""

    code = "kernel"


@dataclass
class Kernel:
    """A running kernel. `ended` says why we ended it, if we did; `why_cold` why it was not forked, if it was to be.

    `gentle` when it must end by itself: files hold back what was written to them, or callbacks wait for its end.
    `notice` is that reason where a person should be told: a template or a forked kernel that did not start.
    """

    manager: Any
    pid: int
    folder: Path
    ended: str = ""
    forked: bool = False
    gentle: bool = False
    why_cold: str = ""
    notice: str = ""

    @property
    def fork_died(self) -> bool:
        """Say whether this is a forked kernel that a signal ended, and not we."""
        process = self.manager.provisioner.process
        return self.forked and not self.ended and process is not None and (process.wait(_GRACE_S) or 0) < 0

    def interrupt(self) -> None:
        """Send the interrupt that the stop button sends."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(self.pid, signal.SIGINT)

    def kill(self, why: str) -> None:
        """End the kernel and every process it started, at once."""
        self.ended = self.ended or why
        # The kernel leads a process group of its own, so its children are in it.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(self.pid, signal.SIGKILL)


def _options(manager: Any) -> list[str]:
    """Return what a kernel is told beside its own command: no person typed its cells into IPython's history."""
    is_ipython = any("ipykernel" in part for part in manager.kernel_spec.argv)
    return ["--HistoryManager.enabled=False"] if is_ipython else []


@contextlib.contextmanager
def kernel(name: str, cwd: Path, env: Mapping[str, str], packages: Sequence[str] | None = None) -> Iterator[Kernel]:
    """Start a kernel; it and its children are gone when the block ends, however it ends.

    Parameters
    ----------
    name
        The kernelspec's name.
    cwd
        Its working directory.
    env
        Variables that it has beside those of this process.
    packages
        Modules to have loaded ahead in the template that it is forked from; it is started cold when `None`.

    Raises
    ------
    KernelFailed
        When it does not start, or no kernelspec has that name (`require_kernel` says so before).
    """
    from jupyter_client.manager import AsyncKernelManager
    from jupyter_core.utils import run_sync

    from mlops_nb.execution.kernels.forked import ForkedProcess, ForkedProvisioner

    # Unix sockets: no other user reaches them, and none of the paths can meet another kernel's. The folder is short
    # because such a path holds about 100 bytes.
    folder = Path(tempfile.mkdtemp(prefix="mlnb-"))
    started: Kernel | None = None
    try:
        manager: Any = AsyncKernelManager(kernel_name=name, connection_file=str(folder / "kernel.json"))
        if os.name == "posix":
            manager.transport = "ipc"
            manager.ip = str(folder / "k")
            # Leaves out the fixed waits of the stock client.
            manager.client_class = "mlops_nb.execution.kernels.client.PromptClient"
        environment = {**os.environ, **env}
        if packages is not None:
            manager.provisioner = ForkedProvisioner(
                packages=packages, kernel_spec=manager.kernel_spec, kernel_id=uuid.uuid4().hex, parent=manager
            )
        try:
            run_sync(manager.start_kernel)(cwd=str(cwd), env=environment, extra_arguments=_options(manager))
        except Exception as error:
            message = f"The kernel {name!r} did not start: {error}."
            raise KernelFailed(message, hint="Start it in JupyterLab to see why.") from error
        forked = isinstance(manager.provisioner.process, ForkedProcess)
        why_cold, notice = getattr(manager.provisioner, "why_cold", ""), getattr(manager.provisioner, "notice", "")
        started = Kernel(manager, _pid(manager), folder, forked=forked, why_cold=why_cold, notice=notice)
        with contextlib.nullcontext() if forked else guarded(started.pid):
            yield started
    finally:
        if started is not None:
            process = manager.provisioner.process
            if started.gentle and not started.ended:
                _ask_to_end(manager, process)
            started.kill("")
            if isinstance(process, ForkedProcess | subprocess.Popen):
                # Jupyter's manager would look at it every 0.1 s.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_GRACE_S)
            with contextlib.suppress(Exception):
                # Reaps the process and closes the sockets; there is nobody left to answer.
                run_sync(started.manager.shutdown_kernel)(now=True)
        shutil.rmtree(folder, ignore_errors=True)


def _ask_to_end(manager: Any, process: Any) -> None:
    """Ask a kernel to end as it does when its notebook is closed, and give it time to."""
    from jupyter_core.utils import run_sync

    with contextlib.suppress(Exception):
        run_sync(manager.request_shutdown)()
        process.wait(_LAST_WORDS_S)


@contextlib.contextmanager
def guarded(pid: int) -> Iterator[None]:
    """Have a process group killed if this process is killed before the block ends.

    A kernel notices by itself that its parent is gone; the processes that its cells started do not.
    """
    if os.name != "posix":
        yield
        return
    nowhere = subprocess.DEVNULL
    guard = subprocess.Popen(  # noqa: S603 - no shell, fixed words
        [sys.executable, "-ISc", _GUARD, str(pid)],
        stdin=subprocess.PIPE,
        stdout=nowhere,
        stderr=nowhere,
        cwd="/",
        # The terminal's interrupt is not for it.
        start_new_session=True,
    )
    with guard:
        try:
            yield
        finally:
            guard.kill()


def _pid(manager: Any) -> int:
    # Local provisioners have it; another kind would need another way to interrupt and to measure.
    return int(manager.provisioner.pid)


@contextlib.contextmanager
def event_loop() -> Iterator[None]:
    """Give this thread the event loop that Jupyter's clients want, and close it with the block.

    Jupyter makes one for each thread and leaves it open when the thread ends.
    """
    from jupyter_core.utils import ensure_event_loop

    loop = ensure_event_loop()
    try:
        yield
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
        asyncio.set_event_loop(None)


@dataclass
class Watch:
    """Ends the kernels of a run that must not go on: past their time or memory, or of a run that is cancelled."""

    cancelled: threading.Event = field(default_factory=threading.Event)
    why_cancelled: str = "interrupted"

    def cancel(self, why: str) -> None:
        """Make every running step end, and every later one not start."""
        self.why_cancelled = why
        self.cancelled.set()

    @contextlib.contextmanager
    def over(self, watched: Kernel, *, timeout_s: float | None, memory_mb: int | None) -> Iterator[None]:
        """Watch one kernel while the block runs."""
        done = threading.Event()
        watcher = threading.Thread(
            target=self._watch, args=(watched, done, timeout_s, memory_mb), name=f"watch-{watched.pid}", daemon=True
        )
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()

    def _watch(self, watched: Kernel, done: threading.Event, timeout_s: float | None, memory_mb: int | None) -> None:
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        interrupted_at: float | None = None
        while not done.wait(_POLL_S):
            now = time.monotonic()
            if interrupted_at is None and self.cancelled.is_set():
                watched.ended = self.why_cancelled
                watched.interrupt()
                interrupted_at = now
            elif interrupted_at is None and deadline is not None and now > deadline:
                watched.ended = f"it took longer than its timeout of {timeout_s:g} s"
                watched.interrupt()
                interrupted_at = now
            elif interrupted_at is not None and now - interrupted_at > _GRACE_S:
                # Code that swallows the interrupt, or C code that never looks.
                watched.kill(watched.ended)
                return
            if memory_mb is not None and interrupted_at is None:
                used = _memory_bytes(watched.pid)
                if used > memory_mb * _MIB:
                    watched.kill(f"it used {used // _MIB} MiB of memory, and its limit is {memory_mb} MiB")
                    return


def _memory_bytes(pid: int) -> int:
    import psutil

    try:
        parent = psutil.Process(pid)
        return sum(process.memory_info().rss for process in (parent, *parent.children(recursive=True)))
    except psutil.Error:
        return 0
