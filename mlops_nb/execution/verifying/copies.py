"""Copies of a project for runs that must not touch it, and what such a run wrote."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from mlops_nb.errors import UsageError
from mlops_nb.project import HOME
from mlops_nb.snapshot import file_hash

if TYPE_CHECKING:
    from collections.abc import Iterator

# What a run neither reads nor writes on purpose.
_LEFT_OUT = frozenset({
    HOME, ".git", ".hg", ".svn", "__pycache__", ".ipynb_checkpoints", "node_modules", ".venv", ".tox", ".nox",
    ".mypy_cache", ".ruff_cache", ".pytest_cache",
})  # fmt: skip


def copy_project(root: Path, target: Path, keep: Path) -> None:
    """Copy a project's folder onto `target`, which is emptied before.

    Version control, virtual environments and caches are left out; what a link leads to is copied, so that writing to it
    stays in the copy. `keep` is copied wherever it is.

    Raises
    ------
    UsageError
        When there is not enough space.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    needed = sum(path.stat().st_size for path in _files(root))
    free = shutil.disk_usage(target.parent).free
    if needed > free:
        message = f"The project {root} has {needed >> 20} MiB, and there are {free >> 20} MiB for a copy of it."
        hint = f"Set TMPDIR to a larger disk, or put an empty folder `{HOME}` beside the notebook: it is then the root."
        raise UsageError(message, hint=hint)

    def left_out(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if _is_left_out(Path(folder, name))}

    shutil.copytree(root, target, ignore=left_out, ignore_dangling_symlinks=True)
    kept = target / keep.relative_to(root)
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(keep, kept)
    # So that the copy is a project by itself, wherever it is.
    (target / HOME).mkdir()


def changed_files(root: Path, copy: Path, but: set[Path]) -> dict[str, str]:
    """Return the hash of every file of a copy that is not as it is in the project; `gone` where it is missing."""
    found: dict[str, str] = {}
    held = {path.relative_to(copy) for path in _files(copy)}
    for relative in sorted(held):
        path, original = copy / relative, root / relative
        if path in but or relative.parts[0] == "pipelines":
            continue
        now = path.stat()
        before = original.stat() if original.exists() else None
        if before is None or (before.st_size, before.st_mtime_ns) != (now.st_size, now.st_mtime_ns):
            found[relative.as_posix()] = file_hash(path)
    found |= {path.as_posix(): "gone" for path in (file.relative_to(root) for file in _files(root)) if path not in held}
    return found


def _is_left_out(path: Path) -> bool:
    if path.name in _LEFT_OUT or (path / "pyvenv.cfg").exists():
        return True
    if path.is_symlink() and path.is_dir():
        # A link to a folder it stands in leads round and round.
        return path.parent.resolve().is_relative_to(path.resolve())
    return not (path.is_file() or path.is_dir())


def _files(root: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(root, followlinks=True):
        names[:] = [name for name in names if not _is_left_out(Path(folder, name))]
        yield from (Path(folder, name) for name in files if not _is_left_out(Path(folder, name)))
