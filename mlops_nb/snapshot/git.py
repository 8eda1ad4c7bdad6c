"""The commit of a checkout, and what differs from it."""

from __future__ import annotations

import hashlib
import subprocess
from typing import TYPE_CHECKING

from mlops_nb.metadata import GitState

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_GIT_TIMEOUT_S = 10
# Files of such names hold credentials as a rule, and their content is never kept.
SECRETS = (
    ".env*", "*.env", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "id_rsa*", "id_ed25519*", ".netrc", ".pgpass",
    "*credential*", "*secret*", "*password*", "*.token",
)  # fmt: skip


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


def patch(folder: Path) -> bytes:
    """Return what differs from the commit as `git apply` takes it: tracked files only, without those of `SECRETS`."""
    without = [f":(exclude,icase,glob)**/{pattern}" for pattern in SECRETS]
    return _git(folder, "diff", "HEAD", "--binary", "--", ".", *without) or b""
