"""Tell which process this is, and whether that one still exists."""

from __future__ import annotations

import getpass
import os
import socket
from pathlib import Path

from mlops_nb.metadata.records import Who

_PROC = Path("/proc")


def this_process() -> Who:
    """Return this process, recognisable later and from other processes."""
    pid = os.getpid()
    return Who(_user(), socket.gethostname(), pid, _identity(pid) or "")


def process_of(pid: int) -> Who:
    """Return another process of this host, recognisable later; one that is gone by now is so from the start."""
    return Who(_user(), socket.gethostname(), pid, _identity(pid) or "gone")


def is_gone(who: Who) -> bool:
    """Tell whether the process certainly no longer exists; False when it lives or cannot be seen from here.

    A pid alone is not enough, since pids come round again: the start time is compared too, and a host that was started
    anew has none of its old processes.
    """
    if who.host != socket.gethostname() or not who.process:
        return False
    now = _identity(who.pid)
    if now == who.process:
        return False
    boot, namespace, _ = _parts(who.process)
    boot_here, namespace_here, _ = _parts(_identity(os.getpid()) or "")
    # Containers of one machine may share its name and boot id, and see none of each other's processes.
    return boot != boot_here or namespace == namespace_here


def _parts(identity: str) -> tuple[str, str, str]:
    boot, _, rest = identity.partition("|")
    namespace, _, started = rest.partition("|")
    return boot, namespace, started


def _identity(pid: int) -> str | None:
    """Return boot id, pid namespace and start time of a living process, or None."""
    if (_PROC / "self" / "stat").exists():
        return _linux_identity(pid)
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"||{process.create_time()!r}"
    except psutil.Error:
        return None


def _linux_identity(pid: int) -> str | None:
    # Not psutil's create_time: on Linux it is reckoned from the wall clock and moves when the clock is set.
    try:
        stat = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *rest = stat.rpartition(")")[2].split()  # the name in parentheses may itself hold spaces and parentheses
    if state in "ZX":
        return None
    started_ticks = rest[18]
    boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot}|{_namespace()}|{started_ticks}"


def _namespace() -> str:
    try:
        return str((_PROC / "self/ns/pid").readlink())
    except OSError:
        return ""


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        return str(os.getuid())
