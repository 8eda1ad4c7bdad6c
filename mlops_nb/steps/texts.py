"""What a step's text names that lies outside of the notebook: files, and environment variables."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from mlops_nb.steps.magic_code import tree_with_magics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops_nb.notebook import Cell

_LONGEST_PATH = 1024
_READERS = frozenset({"os.environ.get", "os.getenv", "environ.get", "getenv", "os.environ.setdefault"})
_ENVIRON = frozenset({"os.environ", "environ"})


def texts(cells: Iterable[Cell]) -> tuple[str, ...]:
    """Return the strings in the code of these cells that may be the path of a file."""
    found = {
        node.value: None
        for cell in cells
        for node in ast.walk(tree_with_magics(cell.source))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and 0 < len(node.value) <= _LONGEST_PATH
        and not set(node.value) & {"\n", "\0"}
    }
    return tuple(found)


def variables_read(cells: Iterable[Cell]) -> tuple[str, ...]:
    """Return the environment variables that these cells read by name: `os.environ["X"]`, `os.getenv("X")`."""
    found: dict[str, None] = {}
    for cell in cells:
        for node in ast.walk(tree_with_magics(cell.source)):
            match node:
                case ast.Subscript(value=owner, slice=ast.Constant(value=str(name))) if ast.unparse(owner) in _ENVIRON:
                    found[name] = None
                case ast.Call(func=function, args=[ast.Constant(value=str(name)), *_]):
                    if isinstance(function, ast.Name | ast.Attribute) and ast.unparse(function) in _READERS:
                        found[name] = None
    return tuple(found)
