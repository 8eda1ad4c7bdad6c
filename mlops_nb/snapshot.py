"""What a run stands on beside the notebook: imported project modules, the environment, the commit.

Everything here is read, nothing is imported or executed: a module's closure is found by following its import
statements on disk.
"""

from __future__ import annotations

import ast
import hashlib
import os
import platform
import subprocess
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_nb.metadata import GitState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

_GIT_TIMEOUT_S = 10


@dataclass(frozen=True)
class Environment:
    """The interpreter and the packages a run can import, by name and version."""

    python: str
    implementation: str
    platform: str
    packages: Mapping[str, str] = field(default_factory=dict, hash=False)

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
        }


def read_environment(path: Sequence[str] | None = None) -> Environment:
    """Read the environment from the names of the installed distributions' metadata folders.

    Their names hold name and version (PEP 376, PEP 427), so nothing is opened: a few milliseconds for hundreds.
    """
    packages: dict[str, str] = {}
    for entry in path if path is not None else sys.path:
        folder = Path(entry or ".")
        if not folder.is_dir():
            continue
        for found in folder.iterdir():
            name, dot, kind = found.name.rpartition(".")
            if dot and kind in {"dist-info", "egg-info"} and "-" in name:
                project, version = name.split("-")[:2]
                packages.setdefault(project.replace("_", "-").lower(), version)
    return Environment(
        platform.python_version(), platform.python_implementation(), f"{sys.platform}-{platform.machine()}", packages
    )


def module_closure(imports: Iterable[str], folders: Sequence[Path]) -> dict[str, str]:
    """Return the SHA-256 of every project-local module that these imports reach, by dotted name.

    Parameters
    ----------
    imports
        Dotted modules as import statements name them (`features.text`).
    folders
        Where project-local modules lie: the notebook's folder, then the project's root. Anything else is a package
        of the environment and not followed.
    """
    found: dict[str, str] = {}
    waiting = list(imports)
    done: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in done:
            continue
        done.add(name)
        # `import a.b` runs a/__init__.py too, and `from a import b` may name a module or a value of it.
        parts = name.split(".")
        waiting += [".".join(parts[:length]) for length in range(1, len(parts))]
        path = _module_file(parts, folders)
        if path is None:
            continue
        content = path.read_bytes()
        found[name] = hashlib.sha256(content).hexdigest()
        waiting += _imports_of(content, name, is_package=path.name == "__init__.py")
    return found


def _module_file(parts: list[str], folders: Sequence[Path]) -> Path | None:
    for folder in folders:
        base = folder.joinpath(*parts)
        for candidate in (base / "__init__.py", base.with_suffix(".py") if parts[-1] else base):
            if candidate.is_file():
                return candidate
    return None


def _imports_of(content: bytes, name: str, *, is_package: bool) -> list[str]:
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        # Importing it will fail in the step, with a traceback that says more than we could.
        return []
    package = name.split(".") if is_package else name.split(".")[:-1]
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join((*base, *((node.module or "").split(".") if node.module else ())))
            found += [origin, *(f"{origin}.{alias.name}" for alias in node.names if alias.name != "*")]
    return [module for module in found if module]


def git_state(folder: Path, sources: Iterable[Path] = ()) -> GitState | None:
    """Return the commit of a checkout and whether anything differs from it; None outside of git.

    `diff_hash` covers the tracked changes and the content of `sources` that git does not know, so two runs with one
    commit and one `diff_hash` ran the same code.
    """
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    status = _git(folder, "status", "--porcelain", "--untracked-files=no") or b""
    untracked = [
        path for path in sources if path.exists() and _git(folder, "ls-files", "--error-unmatch", str(path)) is None
    ]
    if not status.strip() and not untracked:
        return GitState(commit.decode().strip())
    sha = hashlib.sha256(_git(folder, "diff", "HEAD", "--binary") or b"")
    for path in untracked:
        sha.update(path.name.encode() + b"\0" + path.read_bytes())
    return GitState(commit.decode().strip(), dirty=True, diff_hash=sha.hexdigest())


def _git(folder: Path, *arguments: str) -> bytes | None:
    try:
        done = subprocess.run(  # noqa: S603 - no shell, fixed words
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the user's git
            capture_output=True,
            timeout=_GIT_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's content, `missing` when there is none, of a folder's listing otherwise."""
    try:
        if path.is_dir():
            listing = "\n".join(sorted(entry.name for entry in path.iterdir()))
            return f"folder:{hashlib.sha256(os.fsencode(listing)).hexdigest()}"
        with path.open("rb") as source:
            return hashlib.file_digest(source, "sha256").hexdigest()
    except OSError:
        return "missing"
