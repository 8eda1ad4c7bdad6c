"""The code of a cell with that which its magics run (`%%time`, `%%capture out`, `%time x = f()`), and literal `exec`.

For who only looks what stands in the code. Who follows names reads a magic where it is called (`calls`).
"""

from __future__ import annotations

import ast
import re
from copy import deepcopy
from functools import lru_cache
from typing import TYPE_CHECKING

from mlops_nb.steps import magics
from mlops_nb.steps.source import to_python

if TYPE_CHECKING:
    from collections.abc import Sequence


_MAY_RUN_TEXT = re.compile(r"_magic\(|\b(exec|eval)\(")


@lru_cache(maxsize=1024)
def tree_with_magics(source: str) -> ast.Module:
    """Return the tree of a code cell's text, in which the code that a magic or `exec("...")` runs follows its call.

    What `%timeit` runs is in a function: its assignments do not land in the namespace.
    """
    python = to_python(source)
    if not _MAY_RUN_TEXT.search(python.text):
        return python.tree
    # The parsed tree is one for all readers.
    tree: ast.Module = _Open().visit(deepcopy(python.tree))
    return tree


class _Open(ast.NodeTransformer):
    def visit_Expr(self, node: ast.Expr) -> list[ast.stmt]:
        return [node, *_run_by(node)]

    def visit_Assign(self, node: ast.stmt) -> list[ast.stmt]:
        return [*_run_by(node), node]

    visit_AnnAssign = visit_AugAssign = visit_Return = visit_Assign  # noqa: N815 - the visitor's protocol


def _run_by(statement: ast.stmt) -> list[ast.stmt]:
    """Return the statements that magics in a statement run."""
    found: list[ast.stmt] = []
    for node in ast.walk(statement):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Call(func=ast.Name(id="get_ipython")), attr=method), args=arguments
            ):
                texts = [argument.value for argument in arguments if isinstance(argument, ast.Constant)]
                found += _code(method, texts, node.lineno)
            case ast.Call(func=ast.Name(id="exec" | "eval"), args=[ast.Constant(value=str(text)), *_]):
                found += [_below(inner, node.lineno) for inner in tree_with_magics(text).body]
    return found


def _code(method: str, texts: Sequence[object], line: int) -> list[ast.stmt]:
    match (method, texts):
        case ("run_line_magic", [str(name), str(rest), *_]):
            magic = magics.of_line(name, rest)
        case ("run_cell_magic", [str(name), str(rest), str(body)]):
            magic = magics.of_cell(name, rest, body)
        case _:
            return []
    found: list[ast.stmt] = []
    for text, below in ((magic.setup, 0), (magic.code, magic.code_line)):
        found += [_below(inner, line + below) for inner in tree_with_magics(text).body]
    if magic.apart and found:
        function: ast.FunctionDef = ast.parse("def timed(): pass").body[0]  # type: ignore[assignment]
        function.body = found
        return [function]
    return found


def _below(statement: ast.stmt, line: int) -> ast.stmt:
    """Return a statement, a copy, of a text whose first line is this one of the cell."""
    return ast.increment_lineno(deepcopy(statement), line - 1)
