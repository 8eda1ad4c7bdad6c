"""Statements that do more than import, define, or bind a plain value."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# Subscripts of these are types, not look-ups.
_GENERICS = frozenset(
    "list dict tuple set frozenset type Annotated Any Callable ClassVar Dict Final FrozenSet Generator Iterable"  # noqa: SIM905 - a list of words reads as words
    " Iterator List Literal Mapping Optional Sequence Set Tuple Type Union".split()
)
# Decorators whose call leaves nothing behind but what they decorate.
_PLAIN_DECORATORS = frozenset(
    "dataclass lru_cache cache wraps njit jit vectorize guvectorize deprecated total_ordering define frozen"  # noqa: SIM905 - a list of words reads as words
    " attrs".split()
)
_PLAIN = (
    ast.Constant,
    ast.Name,
    ast.Tuple,
    ast.List,
    ast.Set,
    ast.Dict,
    ast.UnaryOp,
    ast.BinOp,
    ast.BoolOp,
    ast.Compare,
    ast.IfExp,
    ast.JoinedStr,
    ast.FormattedValue,
    ast.Starred,
    ast.operator,
    ast.unaryop,
    ast.boolop,
    ast.cmpop,
    ast.expr_context,
)


def effects(statements: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that do more than import, define, or bind a plain value."""
    for index, statement in enumerate(statements):
        docstring = index == 0 and isinstance(statement, ast.Expr) and _is_text(statement.value)
        if not docstring and not _only_defines(statement):
            yield statement


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _only_defines(statement: ast.stmt) -> bool:
    match statement:
        case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.Global():
            return True
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return all(_plain_decorator(decorator) for decorator in statement.decorator_list)
        case ast.Assign(targets=targets, value=value):
            return all(_plain_target(target) for target in targets) and _plain(value)
        case ast.AnnAssign(target=target, value=value):
            return _plain_target(target) and (value is None or _plain(value))
        case ast.If(test=test, body=body, orelse=orelse):
            checking = ast.unparse(test).rpartition(".")[2] == "TYPE_CHECKING"
            return checking or (_plain(test) and all(map(_only_defines, (*body, *orelse))))
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=finalbody):
            handled = (inner for handler in handlers for inner in handler.body)
            return all(map(_only_defines, (*body, *handled, *orelse, *finalbody)))
        case ast.Expr(value=value):
            return isinstance(value, ast.Constant)
    return type(statement).__name__ == "TypeAlias"


def _plain_target(node: ast.expr) -> bool:
    if isinstance(node, (ast.Tuple, ast.List)):
        return all(_plain_target(part) for part in node.elts)
    return isinstance(node, ast.Name)


def _plain_decorator(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        return name in _PLAIN_DECORATORS
    return isinstance(node, (ast.Name, ast.Attribute))


def _plain(node: ast.AST) -> bool:
    match node:
        case ast.Lambda():
            return True
        case ast.Call(func=ast.Attribute(value=ast.Name(id="mlops_nb"), attr="step")):
            # It only reads a step of another notebook: what it gives travels, and is not made again in each step.
            return all(_plain(given) for given in (*node.args, *(keyword.value for keyword in node.keywords)))
        case ast.Subscript(value=ast.Name(id=name)):
            return name in _GENERICS
        case ast.Attribute(value=value):
            # `np.pi`, `plt.cm`: reading an attribute of a name is no effect unless somebody made it one.
            return isinstance(value, ast.Name) and node.attr.isupper()
    return isinstance(node, _PLAIN) and all(_plain(child) for child in ast.iter_child_nodes(node))
