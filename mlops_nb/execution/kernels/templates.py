"""The templates of a user: found, started when there is none, asked for kernels, ended.

A template's name is a hash of all that a kernel takes from the moment its interpreter starts and that cannot be changed
afterwards: the interpreter and its options, our own code, the variables that libraries and loaders read once, limits,
control group and namespaces. Two requesters that differ in one of these get kernels of two templates.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import resource
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

IDLE_S = 600.0
_START_S = 120.0
_ANSWER_S = 60.0
_SIZE = struct.Struct("!I")
# sockaddr_un.sun_path
_LONGEST_PATH = 107
_ROOT = Path(__file__).resolve().parents[3]
# The template is nobody's child: it outlives whoever started it, and nobody has to wait for its end.
_CODE = (
    "import os, sys; os.fork() and os._exit(0); path = sys.path[:]; sys.path.insert(0, {root!r}); "
    "from mlops_nb.execution.kernels.template import main; "
    "sys.path[:] = path[0 if sys.flags.safe_path else 1:]; main()"
)
# Read when an interpreter, the loader or a numerical library starts. What Python code reads at import is seen then.
_AT_START = (
    *("PYTHON", "LD_", "LC_", "OMP_", "GOMP_", "KMP_", "MKL_", "OPENBLAS_", "GOTO_", "BLIS_", "VECLIB_", "NUMEXPR_"),
    *("NUMBA_", "MALLOC_", "GLIBC_", "CUDA_", "MPL", "ARROW_"),
)
_ALSO_AT_START = frozenset({"LANG", "LANGUAGE", "HOME", "TMPDIR", "TZ", "TZDIR", "USER", "LOGNAME"})
_LIMITS = tuple(sorted(name for name in dir(resource) if name.startswith("RLIMIT_")))


class NoTemplate(Exception):  # noqa: N818 - the name of the fact
    """No template can give this kernel; the message says why."""


class NotForThisKernel(NoTemplate):
    """A template would give another kernel than a cold start; nothing is wrong with it."""


@dataclass(frozen=True)
class Connection:
    """A forked kernel: its process and the connection that it lives by."""

    pid: int
    control: socket.socket


@dataclass(frozen=True)
class KernelRequest:
    """What a kernel is to be, as `subprocess.Popen` would be told."""

    argv: tuple[str, ...]
    orig_argv: tuple[str, ...]
    cwd: str
    environ: Mapping[str, str] = field(hash=False)
    options: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Templates:
    """The templates below a folder, which only this user may enter; `idle_s` is how long a new one stays unused."""

    folder: Path | None = None
    idle_s: float = IDLE_S

    def fork(self, request: KernelRequest) -> Connection:
        """Fork a kernel; a template is started where there is none.

        Raises
        ------
        NoTemplate
            When no template gives one; the kernel must be started cold then.
        """
        also: dict[str, str | None] = {}
        for _ in range(4):
            place = self._place(request, also)
            control = _connected(place) or self._started(place, request)
            try:
                answer = _asked(control, request)
            except (OSError, ValueError):
                # It ended between the connection and the request.
                control.close()
                continue
            if "pid" in answer:
                return Connection(answer["pid"], control)
            control.close()
            if answer["refused"] == "environment":
                also |= {name: request.environ.get(name) for name in answer["names"]}
            elif answer["refused"] not in {"stale", "ended"}:
                raise NotForThisKernel(answer["refused"])
        message = "its template does not answer"
        raise NoTemplate(message)

    def end(self) -> None:
        """End all templates of the folder, and with them their kernels."""
        for place in sorted(self._home().glob("*.s")):
            control = _connected(place)
            if control is not None:
                with control, contextlib.suppress(OSError, ValueError):
                    control.settimeout(_ANSWER_S)
                    _send(control, {"end": True}, [])
                    while control.recv(4096):
                        pass

    def _home(self) -> Path:
        if self.folder is not None:
            home = self.folder
        elif os.environ.get("XDG_RUNTIME_DIR"):
            home = Path(os.environ["XDG_RUNTIME_DIR"], "mlops_nb")
        else:
            home = Path(tempfile.gettempdir(), f"mlops_nb-{os.geteuid()}")
        if len(os.fsencode(home)) + 20 > _LONGEST_PATH:
            home = Path("/tmp", f"mlops_nb-{os.geteuid()}")  # noqa: S108 - its owner and rights are checked below
        try:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            found = home.lstat()
        except OSError as error:
            message = f"{home} cannot be made: {error.strerror}"
            raise NoTemplate(message) from error
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            message = f"{home} belongs to or is open to others"
            raise NoTemplate(message)
        return home

    def _place(self, request: KernelRequest, also: Mapping[str, str | None]) -> Path:
        told = json.dumps([_identity(request), sorted(also.items())], sort_keys=True)
        return self._home() / f"{hashlib.sha256(told.encode()).hexdigest()[:12]}.s"

    def _started(self, place: Path, request: KernelRequest) -> socket.socket:
        """Start the template, unless somebody else has meanwhile, and connect to it."""
        with _locked(place.with_suffix(".l")):
            control = _connected(place)
            if control is not None:
                return control
            log = place.with_suffix(".log")
            ready, says_ready = os.pipe()
            settings = {
                "place": str(place),
                "idle_s": self.idle_s,
                "packages": request.packages,
                "ready": says_ready,
            }
            code = _CODE.format(root=str(_ROOT))
            environ = {name: value for name, value in request.environ.items() if not name.startswith("JPY_")}
            with os.fdopen(ready, "rb") as answers, log.open("wb") as errors:
                try:
                    started = subprocess.Popen(  # noqa: S603 - this interpreter and our code
                        [sys.executable, *request.options, "-c", code, json.dumps(settings)],
                        stdin=subprocess.DEVNULL,
                        stdout=errors,
                        stderr=errors,
                        cwd="/",
                        env=environ,
                        pass_fds=[says_ready],
                        start_new_session=True,
                    )
                finally:
                    os.close(says_ready)
                started.wait()
                if not answers.read(1):
                    told = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
                    message = f"its template did not start: {told[-1] if told else 'it ended at once'}"
                    raise NoTemplate(message)
        control = _connected(place)
        if control is None:
            message = "its template ended at once"
            raise NoTemplate(message)
        return control


def _identity(request: KernelRequest) -> dict[str, Any]:
    at_start = {
        name: value for name, value in request.environ.items() if name.startswith(_AT_START) or name in _ALSO_AT_START
    }
    if any(not Path(entry).is_absolute() for entry in at_start.get("PYTHONPATH", os.sep).split(os.pathsep)):
        message = "PYTHONPATH has entries relative to the notebook's folder"
        raise NotForThisKernel(message)
    namespaces = {}
    for name in ("mnt", "net", "pid", "user", "uts"):
        with contextlib.suppress(OSError):
            namespaces[name] = str(Path(f"/proc/self/ns/{name}").readlink())
    with contextlib.suppress(OSError):
        namespaces["cgroup"] = Path("/proc/self/cgroup").read_text(encoding="utf-8")
    ours = {path.name: path.stat().st_mtime_ns for path in sorted(Path(__file__).parent.glob("template*.py"))}
    return {
        "python": [sys.executable, sys.version, sys.prefix, *request.options],
        "code": [str(_ROOT), ours],
        "environ": at_start,
        "user": [os.getuid(), os.geteuid(), os.getgid(), sorted(os.getgroups())],
        "limits": [resource.getrlimit(getattr(resource, name)) for name in _LIMITS],
        "cores": sorted(os.sched_getaffinity(0)),
        "nice": os.nice(0),
        "namespaces": namespaces,
    }


def _connected(place: Path) -> socket.socket | None:
    control = socket.socket(socket.AF_UNIX)
    try:
        control.connect(str(place))
    except OSError:
        control.close()
        return None
    _, user, _ = struct.unpack("3i", control.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    if user != os.geteuid():
        control.close()
        message = "its template belongs to another user"
        raise NoTemplate(message)
    return control


def _asked(control: socket.socket, request: KernelRequest) -> dict[str, Any]:
    control.settimeout(_START_S)
    mask = os.umask(0o077)
    os.umask(mask)
    told = {
        "argv": request.argv,
        "orig_argv": request.orig_argv,
        "cwd": request.cwd,
        "environ": dict(request.environ),
        "packages": request.packages,
        "umask": mask,
        # A process inherits them, as under `nohup`.
        "ignored": [int(number) for number in signal.valid_signals() if signal.getsignal(number) is signal.SIG_IGN],
    }
    with contextlib.ExitStack() as opened:
        streams = []
        for number in (1, 2):
            try:
                os.fstat(number)
                streams.append(number)
            except OSError:
                streams.append(opened.enter_context(Path(os.devnull).open("wb")).fileno())
        _send(control, told, streams)
    line = b""
    while not line.endswith(b"\n"):
        # A byte at a time: what follows the line is read by whoever holds the kernel.
        part = control.recv(1)
        if not part:
            message = "the template has gone"
            raise ValueError(message)
        line += part
    answer: dict[str, Any] = json.loads(line)
    return answer


def _send(control: socket.socket, message: Mapping[str, Any], streams: list[int]) -> None:
    body = json.dumps(message).encode()
    socket.send_fds(control, [_SIZE.pack(len(body))], streams)
    control.sendall(body)


@contextlib.contextmanager
def _locked(place: Path) -> Iterator[None]:
    import fcntl

    with place.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
