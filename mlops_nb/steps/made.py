"""Which names of a step hold what the step made itself, from imports and literals alone."""

from __future__ import annotations

import ast
import builtins
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
_BUILTINS = frozenset(vars(builtins))


class Made:
    """What the names bound in some code were made from, as far as the text says it.

    Parameters
    ----------
    trees
        The code of a step, a tree a cell.
    outside
        Names that may hold what they held before the step.
    """

    def __init__(self, trees: Iterable[ast.AST], outside: Iterable[str]) -> None:
        self._outside = frozenset(outside)
        self._from: dict[str, set[str]] = {}
        self._in_functions: set[ast.AST] = set()
        for tree in trees:
            for node in ast.walk(tree):
                for target, source in _bindings(node):
                    for name in _names(target):
                        self._from.setdefault(name, set()).update(_names(source))
                if isinstance(node, _FUNCTIONS):
                    self._in_functions.update(ast.walk(node))

    def compares(self, node: ast.AST, aliases: Mapping[str, str]) -> bool:
        """Say whether a comparison is about types, or about objects that were all made here.

        Parameters
        ----------
        node
            Any node; only comparisons qualify.
        aliases
            The names that imports bind.
        """
        if not isinstance(node, ast.Compare):
            return False
        operands = (node.left, *node.comparators)
        if any(_is_type(operand) for operand in operands):
            return True
        # The parameters of a function may be anything.
        return node not in self._in_functions and all(
            self._here(name, aliases, set()) for operand in operands for name in _names(operand)
        )

    def _here(self, name: str, aliases: Mapping[str, str], met: set[str]) -> bool:
        if name in met:
            return True
        met.add(name)
        if name in self._from:
            return name not in self._outside and all(self._here(source, aliases, met) for source in self._from[name])
        return name in aliases or name in _BUILTINS


def _bindings(node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Return the targets that a statement or expression binds, each with what it is made from."""
    match node:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield target, value
        case ast.AnnAssign(target=target, value=ast.expr() as value) | ast.NamedExpr(target=target, value=value):
            yield target, value
        case ast.AugAssign(target=target, value=value):
            yield target, value
        case ast.For(target=target, iter=value) | ast.AsyncFor(target=target, iter=value):
            yield target, value
        case ast.comprehension(target=target, iter=value):
            yield target, value
        case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
            yield target, value
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            # What it returns may be anything that it mentions.
            yield ast.Name(name), node


def _names(node: ast.AST) -> set[str]:
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def _is_type(operand: ast.expr) -> bool:
    """Say whether an operand is a type by its form: `type(x)`, `x.__class__`, `int`."""
    match operand:
        case ast.Call(func=ast.Name(id="type"), args=[_]) | ast.Attribute(attr="__class__"):
            return True
        case ast.Name(id=name):
            return isinstance(getattr(builtins, name, None), type)
    return False
