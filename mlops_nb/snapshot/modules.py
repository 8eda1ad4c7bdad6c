"""The project's own modules that a notebook imports, found by following import statements on disk: nothing is run."""

from __future__ import annotations

import ast
import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path


def module_files(imports: Iterable[str], folders: Sequence[Path]) -> dict[str, Path]:
    """Return the file of every project-local module that these imports reach, by dotted name.

    Parameters
    ----------
    imports
        Dotted modules as import statements name them (`features.text`).
    folders
        Where project-local modules lie: the notebook's folder, then the project's root. Anything else is a package
        of the environment and not followed.
    """
    found: dict[str, Path] = {}
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
        found[name] = path
        waiting += _imports_of(path.read_bytes(), name, is_package=path.name == "__init__.py")
    return found


def module_closure(imports: Iterable[str], folders: Sequence[Path]) -> dict[str, str]:
    """Return the SHA-256 of every project-local module that these imports reach, as `module_files` finds them."""
    files = module_files(imports, folders)
    return {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in files.items()}


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
