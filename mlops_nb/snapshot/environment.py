"""The environment that a run stands on: interpreter, packages, machine."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


# What decides how many threads numerical libraries use, and with it the order in which they sum.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "LOKY_MAX_CPU_COUNT")
_CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True)
class Environment:
    """The interpreter and the packages a run can import, by name and version.

    `path` has the folders where they lie; empty when it is that of this process.
    """

    python: str
    implementation: str
    platform: str
    packages: Mapping[str, str] = field(default_factory=dict, hash=False)
    path: tuple[str, ...] = field(default=(), compare=False)

    @cached_property
    def hash(self) -> str:
        """Identify the environment; two with one hash have the same Python and packages."""
        lines = [
            self.python,
            self.implementation,
            self.platform,
            *(f"{n}=={v}" for n, v in sorted(self.packages.items())),
        ]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def as_dict(self) -> dict[str, object]:
        """Return the JSON form that a run's record keeps."""
        return {
            "python": self.python,
            "implementation": self.implementation,
            "platform": self.platform,
            "packages": dict(sorted(self.packages.items())),
            "machine": read_machine(),
        }


def read_environment() -> Environment:
    """Read the environment of this process."""
    return Environment(
        platform.python_version(),
        platform.python_implementation(),
        f"{sys.platform}-{platform.machine()}",
        packages_of(sys.path),
    )


def packages_of(path: Sequence[str]) -> dict[str, str]:
    """Return the versions of the packages in some folders, by name, from their metadata folders.

    Their names hold name and version (PEP 376, PEP 427), so nothing is opened: a few milliseconds for hundreds.
    """
    packages: dict[str, str] = {}
    for entry in path:
        folder = Path(entry or ".")
        if not folder.is_dir():
            continue
        for found in folder.iterdir():
            name, dot, kind = found.name.rpartition(".")
            if dot and kind in {"dist-info", "egg-info"} and "-" in name:
                project, version = name.split("-")[:2]
                packages.setdefault(project.replace("_", "-").lower(), version)
    return packages


def read_machine() -> dict[str, object]:
    """Return what of this machine may change a number's last digits: processor, cores, thread settings."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count() or 1,
        "threads": {name: os.environ[name] for name in _THREADS if name in os.environ},
    }


def _cpu() -> str:
    try:
        with _CPU_INFO.open(encoding="utf-8", errors="replace") as lines:
            return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def requirements(environment: Environment) -> str:
    """Return the environment's packages as a requirements file (pip's format), every version exact.

    A package that was installed from a repository, an archive or a folder says so (PEP 610); one from a folder of this
    machine stands in a comment, since no other machine has it.
    """
    origins = _origins(environment.path or sys.path)
    lines = [f"# Python {environment.python} ({environment.implementation}, {environment.platform})"]
    for name, version in sorted(environment.packages.items()):
        origin = origins.get(name, {})
        url = str(origin.get("url", ""))
        if "vcs_info" in origin:
            told = origin["vcs_info"]
            lines.append(f"{name} @ {told.get('vcs', 'git')}+{url}@{told.get('commit_id', '')}")
        elif "archive_info" in origin and not url.startswith("file:"):
            lines.append(f"{name} @ {url}")
        elif "dir_info" in origin or url.startswith("file:"):
            lines.append(f"# {name}=={version} was installed from a folder")
        else:
            lines.append(f"{name}=={version}")
    return "\n".join(lines) + "\n"


def _origins(path: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return where packages came from that did not come from an index, by name."""
    found: dict[str, dict[str, Any]] = {}
    for entry in path:
        for file in Path(entry or ".").glob("*.dist-info/direct_url.json"):
            name = file.parent.name.split("-")[0].replace("_", "-").lower()
            try:
                found.setdefault(name, json.loads(file.read_text(encoding="utf-8")))
            except (OSError, ValueError):
                continue
    return found


@dataclass(frozen=True)
class EnvironmentChange:
    """What differs between two recorded environments; None where one does not have it.

    `kind` is `package`, `python`, `platform`, `cpu`, `cores` or `threads`.
    """

    kind: str
    name: str
    before: Any
    after: Any

    @property
    def message(self) -> str:
        """The change in a few words."""
        if self.before is None:
            return f"{self.name} {self.after} was not there"
        if self.after is None:
            return f"{self.name} {self.before} is not there"
        return f"{self.name} was {self.before} and is {self.after}"


def environment_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[EnvironmentChange, ...]:
    """Return what differs between two environments as runs record them, the weightiest first.

    What only one of them says of its machine is no difference: older records say less.
    """
    one, other = before.get("machine", {}), now.get("machine", {})
    pairs = [(name, name, before.get(name), now.get(name)) for name in ("python", "platform")]
    pairs += [
        (name, name, one[name], other[name]) for name in ("cpu", "cores", "threads") if name in one and name in other
    ]
    packages, others = before.get("packages", {}), now.get("packages", {})
    pairs += [("package", name, packages.get(name), others.get(name)) for name in sorted({*packages, *others})]
    return tuple(EnvironmentChange(*pair) for pair in pairs if pair[2] != pair[3])
