"""What a process that was just forked from a template does to be a kernel like one that was started."""

from __future__ import annotations

import atexit
import ctypes
import os
import signal
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket

    from mlops_nb.execution.kernels.template_finder import BringsBack

# prctl(2): the signal that this process gets when its parent is gone, and its name in `ps` and `top`.
_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15
_IGNORED_BY_PYTHON = ("SIGPIPE", "SIGXFSZ")


def call_process(name: str) -> None:
    """Name this process; a template and its kernels have one command line."""
    ctypes.CDLL(None).prctl(_PR_SET_NAME, name.encode())


def live_as_kernel(request: dict[str, Any], streams: list[int], ready: socket.socket, finder: BringsBack) -> None:
    """Become a kernel, say so on `ready`, serve until it is told to end, and never return."""
    code = 1
    try:
        _be_a_process_of_its_own(request, streams)
        sys.meta_path.insert(0, finder)
        numpy_random = finder.held("numpy.random")
        if numpy_random is not None:
            # Python's own generator is seeded anew after a fork, NumPy's is not.
            numpy_random.seed()
        processes = finder.held("multiprocessing.process")
        if processes is not None:
            # Where it was imported: what is spawned stands there, and finds the modules beside the notebook.
            processes.ORIGINAL_DIR = request["cwd"]
        code = _serve(ready)
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else 1
    except BaseException:  # noqa: BLE001 - nothing of the template's may run in this process
        traceback.print_exc(file=sys.__stderr__)
    finally:
        _leave(code)


def _be_a_process_of_its_own(request: dict[str, Any], streams: list[int]) -> None:
    os.setsid()
    template = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != template:
        # It went between the fork and the call.
        os._exit(1)
    call_process("mlnb-kernel")
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        if signal.getsignal(number) not in {signal.SIG_DFL, None}:
            signal.signal(number, signal.SIG_DFL)
    for number in (*request["ignored"], *(getattr(signal, name) for name in _IGNORED_BY_PYTHON)):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor, stream in enumerate((nothing, *streams)):
        os.dup2(stream, descriptor)
    for stream in (nothing, *streams):
        os.close(stream)
    os.environ.clear()
    os.environ.update(request["environ"])
    time.tzset()
    os.umask(request["umask"])
    os.chdir(request["cwd"])
    sys.argv[:] = request["argv"]
    sys.orig_argv[:] = request["orig_argv"]


def _serve(ready: socket.socket) -> int:
    from ipykernel.kernelapp import IPKernelApp

    # The class reads its default from the environment when it is defined, which was in the template.
    app: Any = IPKernelApp.instance(parent_handle=os.getppid())
    app.initialize()
    # Its sockets are bound: whoever connects now has not to try again.
    ready.sendall(b'{"ready": true}\n')
    ready.close()
    app.start()
    # It joins a thread that may sit in a flush for ten seconds; the sockets go with the process.
    atexit.unregister(app.close)
    return 0


def _leave(code: int) -> None:
    """End as an interpreter does, without what the template has left to end."""
    from mlops_nb.handover.process_bound import end_variables

    try:
        # Waits for the threads that the notebook started, and which are not daemons.
        threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - os._exit would not
        atexit._run_exitfuncs()  # noqa: SLF001
        end_variables()
        for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
            if stream is not None:
                stream.flush()
    except BaseException:  # noqa: BLE001 - it ends, whatever is in the way
        code = code or 1
    finally:
        os._exit(code)
