"""What code does to imported things: attributes that it sets (`json.dumps = faster`), what it changes in place."""

from __future__ import annotations

import ast
from copy import deepcopy
from typing import TYPE_CHECKING

from mlops_nb.steps.functions import FUNCTIONS, with_callers
from mlops_nb.steps.magic_code import tree_with_magics

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlops_nb.notebook import Cell

_CHANGING = frozenset(
    "add append appendleft clear discard extend extendleft insert pop popitem popleft remove reverse setdefault sort"  # noqa: SIM905 - a list of words reads as words
    " update".split()
)

_SETTERS = frozenset({"setattr", "delattr"})
# So deep are a notebook's functions followed that call one another.
_CALLS = 3


def patched(cells: Iterable[Cell], functions: Mapping[str, ast.AST]) -> tuple[str, ...]:
    """Return the dotted targets that these cells set or delete, such as `pd.DataFrame.total`, in order.

    Among them are those of `functions`, the notebook's that are `setting`, by what they are called with. Whether the
    owner is a module or an imported class is known only in the kernel.
    """
    found: dict[str, None] = {}
    for cell in cells:
        for target in _all_targets(tree_with_magics(cell.source), functions, _CALLS):
            dotted = _dotted(target)
            if dotted:
                found[dotted] = None
    return tuple(found)


def setting(functions: Mapping[str, ast.AST]) -> dict[str, ast.AST]:
    """Return those of the functions that set or delete attributes, or call one that does: the others need no look."""
    found = {
        name: True
        for name, node in functions.items()
        # `setattr` may be given the name by who calls the function.
        if any(
            (isinstance(part, ast.Name) and part.id in _SETTERS) or any(map(_dotted, targets_of(part)))
            for part in ast.walk(node)
        )
    }
    return {name: functions[name] for name in with_callers(found, functions)}


def _all_targets(tree: ast.AST, functions: Mapping[str, ast.AST], calls: int) -> Iterator[ast.expr]:
    """Yield the targets in a tree, and in what is called there, so many calls deep."""
    for node in ast.walk(tree):
        yield from targets_of(node)
        match node:
            case ast.Call(func=ast.Name(id=name)) if calls and name in functions:
                called = _called_with(functions[name], node)
                if called is not None:
                    yield from _all_targets(called, functions, calls - 1)


def _called_with(function: ast.AST, call: ast.Call) -> ast.AST | None:
    """Return a function's definition with dotted names and constants of a call in the place of its parameters."""
    if not isinstance(function, FUNCTIONS):
        return None
    parameters = [parameter.arg for parameter in (*function.args.posonlyargs, *function.args.args)]
    given = dict(zip(parameters, call.args, strict=False))
    given |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg is not None}
    rebound = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and type(node.ctx) is not ast.Load}
    told = {
        name: value
        for name, value in given.items()
        if isinstance(value, ast.Name | ast.Attribute | ast.Constant) and name not in rebound
    }
    return _Given(told).visit(deepcopy(function)) if told else None


class _Given(ast.NodeTransformer):
    def __init__(self, told: Mapping[str, ast.expr]) -> None:
        self._told = told

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._told.get(node.id, node)


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


def targets_of(node: ast.AST) -> list[ast.expr]:
    """Return what a statement, or a call of `setattr`, sets or deletes."""
    match node:
        case ast.Assign(targets=targets) | ast.Delete(targets=targets):
            return list(targets)
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            return [target]
        case ast.Call(func=ast.Name(id=setter), args=[owner, ast.Constant(value=str(name)), *_]) if setter in _SETTERS:
            return [ast.Attribute(owner, name, ast.Store())]
    return []


def _dotted(target: ast.expr) -> str:
    parts: list[str] = []
    node = target
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join((node.id, *reversed(parts))) if isinstance(node, ast.Name) and parts else ""
