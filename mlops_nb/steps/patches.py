"""What code does to imported things: attributes that it sets (`json.dumps = faster`), what it changes in place."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from mlops_nb.steps.magic_code import tree_with_magics

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from mlops_nb.notebook import Cell

_CHANGING = frozenset(
    "add append appendleft clear discard extend extendleft insert pop popitem popleft remove reverse setdefault sort"  # noqa: SIM905 - a list of words reads as words
    " update".split()
)


def patched(cells: Iterable[Cell]) -> tuple[str, ...]:
    """Return the dotted targets that these cells set or delete, such as `pd.DataFrame.total`, in order.

    Whether the owner is a module or an imported class is known only in the kernel.
    """
    found: dict[str, None] = {}
    for cell in cells:
        tree = tree_with_magics(cell.source)
        for node in ast.walk(tree):
            for target in _targets(node):
                dotted = _dotted(target)
                if dotted:
                    found[dotted] = None
    return tuple(found)


def changed_in_place(cells: Iterable[Cell], aliases: Mapping[str, str]) -> tuple[str, ...]:
    """Return what these cells change of imported things by a method, an item or an augmented assignment, in order.

    Dotted names, such as `nltk.data.path` for `nltk.data.path.append(folder)`; what they are is known in the kernel.
    """
    found: dict[str, None] = {}
    for cell in cells:
        for node in ast.walk(tree_with_magics(cell.source)):
            match node:
                case ast.Call(func=ast.Attribute(value=owner, attr=method)) if method in _CHANGING:
                    pass
                case ast.Subscript(value=owner, ctx=ast.Store() | ast.Del()) | ast.AugAssign(target=owner):
                    pass
                case _:
                    continue
            dotted = owner.id if isinstance(owner, ast.Name) else _dotted(owner)
            if dotted.partition(".")[0] in aliases:
                found[dotted] = None
    return tuple(found)


def _targets(node: ast.AST) -> list[ast.expr]:
    match node:
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            return list(targets)
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            return [target]
        case ast.Call(func=ast.Name(id="setattr" | "delattr"), args=[owner, ast.Constant(value=str(name)), *_]):
            return [ast.Attribute(owner, name, ast.Store())]
    return []


def _dotted(target: ast.expr) -> str:
    parts: list[str] = []
    node = target
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join((node.id, *reversed(parts))) if isinstance(node, ast.Name) and parts else ""
