"""What a notebook's parameter cell declares: names, types and defaults.

The cell stays ordinary code and runs as it is; what a run gives is assigned after it (parameter_values.py). So a line
of the cell that uses a parameter uses its default, whatever is given: such lines are kept as `EarlyUse`.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from mlops_nb.notebook.diagnostics import Diagnostic, at
from mlops_nb.notebook.tags import Role, read_tags
from mlops_nb.steps.literals import NotPlainError, as_json, fits, kind_of, plain_value
from mlops_nb.steps.source import to_python

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from mlops_nb.notebook.cells import Cell

_TYPE_COMMENT = re.compile(r"type:\s*(?P<type>[\w.]+(?:\[[^]]*\])?)\s*")
_ANNOTATIONS = {
    **{name: name for name in ("int", "float", "bool", "str", "list", "dict", "tuple", "date", "datetime")},
    "List": "list",
    "Dict": "dict",
    "Tuple": "tuple",
    "Sequence": "list",
    "Mapping": "dict",
    "Timestamp": "timestamp",
    "Any": "any",
    "object": "any",
    "None": "none",
}
_MUTABLE = frozenset({"list", "dict", "any"})
_LOOKS = frozenset({"print", "display", "type", "len", "repr", "str"})


@dataclass(frozen=True)
class EarlyUse:
    """A line of the parameter cell that uses a parameter before a given value arrives, and the names it binds."""

    line: int
    source: str
    binds: tuple[str, ...]


@dataclass(frozen=True)
class Parameter:
    """A declared parameter.

    `type` is one of int, float, bool, str, none, list, dict, tuple, date, datetime, timestamp, any. `default` is
    its Python value when `known`; otherwise only running `expression`, the default as written, tells it. `nullable`
    says whether None may be given whatever the type.
    """

    name: str
    type: str
    default: Any
    cell: str
    line: int
    help: str = ""
    nullable: bool = False
    known: bool = True
    expression: str = ""
    early_uses: tuple[EarlyUse, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form that the command line, the record and JupyterLab show."""
        return {
            "name": self.name,
            "type": self.type,
            "default": as_json(self.default),
            "known": self.known,
            "expression": self.expression,
            "nullable": self.nullable,
            "help": self.help,
            "cell": self.cell,
            "line": self.line,
        }


def read_parameters(cells: Iterable[Cell]) -> tuple[tuple[Parameter, ...], list[Diagnostic]]:
    """Return the parameters that the one parameter cell declares, in its order, and what is wrong with it.

    Imports, printing, magics, functions and conditions are ordinary in such a cell and are let be.
    """
    tagged = [cell for cell in cells if cell.kind == "code" and read_tags(cell)[0].role is Role.PARAMETERS]
    if not tagged:
        return (), []
    first, *others = tagged
    parameters = _declared(first)
    found = [
        at(
            other,
            "MN203",
            f"{other.label}: this cell is tagged as the parameters, and so is {first.label}.",
            fix=f"Move its assignments into {first.label}, or remove its tag.",
        )
        for other in others
    ]
    found += [_not_plain(first, one) for one in parameters if one.type == "any" and not one.known]
    for name, use in ((p.name, use) for p in parameters for use in p.early_uses if use.binds):
        message = (
            f"{first.label}: `{', '.join(use.binds)}` is computed from the parameter `{name}` on line {use.line}, "
            f"before a given `{name}` arrives."
        )
        fix = f"Move line {use.line} (`{use.source}`) into a later cell; until then `{name}` cannot be given."
        found.append(at(first, "MN204", message, fix=fix, line=use.line, variable=use.binds[0]))
    return parameters, found


def _not_plain(cell: Cell, parameter: Parameter) -> Diagnostic:
    message = (
        f"{cell.label}: the default of `{parameter.name}`, `{parameter.expression}`, is known only when the cell runs."
    )
    fix = "Write a plain value, or annotate its type, so that what is given can be checked."
    return at(cell, "MN204", message, fix=fix, line=parameter.line, variable=parameter.name)


def _declared(cell: Cell) -> tuple[Parameter, ...]:
    python = to_python(cell.source)
    comments = _comments(python.text)
    found: dict[str, Parameter] = {}
    for statement in python.tree.body:
        for target in statement.targets if isinstance(statement, ast.Delete) else ():
            found.pop(ast.unparse(target), None)
        binds: tuple[str, ...] = ()
        before = dict(found)
        known = {other.name: other.default for other in before.values() if other.known}
        for assigned in _assignments(statement):
            earlier = found.get(assigned.name)
            if assigned.changes:
                # `settings["depth"] = 3`, `settings.update(...)`; but `os.environ[...] = ...` is no parameter.
                if earlier is not None and earlier.type in _MUTABLE:
                    found[earlier.name] = replace(earlier, default=None, known=False)
                continue
            parameter = _parameter(assigned, known, statement, comments, cell)
            found.pop(assigned.name, None)
            if not assigned.certain and earlier is not None:
                kind = parameter.type if parameter.type == earlier.type else "any"
                parameter = replace(parameter, type=kind, early_uses=earlier.early_uses)
            found[parameter.name] = replace(parameter, line=python.line(parameter.line))
            binds += (assigned.name,)
        _note_early_uses(found, before, statement, binds)
    return tuple(found.values())


def _comments(source: str) -> dict[int, str]:
    found: dict[int, str] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(source).readline):
            if token.type == tokenize.COMMENT and token.line[: token.start[1]].strip():
                found[token.start[0]] = token.string.lstrip("#").strip()
    except (tokenize.TokenError, SyntaxError):
        pass
    return found


class _Assigned(NamedTuple):
    """What a statement does to a name: `certain` when it surely binds it to `value`, `changes` when in place."""

    name: str
    value: ast.expr
    annotation: ast.expr | None = None
    certain: bool = True
    changes: bool = False


def _assignments(statement: ast.stmt) -> Iterator[_Assigned]:
    match statement:
        case ast.Assign(targets=targets, value=value):
            for target in targets:
                yield from _pairs(target, value)
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value, annotation=annotation):
            yield _Assigned(name, value, annotation)
        case ast.AugAssign(target=ast.Name(id=name) as target, op=op, value=value):
            read = ast.copy_location(ast.Name(target.id, ast.Load()), target)
            yield _Assigned(name, ast.copy_location(ast.BinOp(read, op, value), statement))
        case ast.AugAssign(target=target, value=value):
            yield from _pairs(target, value)
        case ast.Expr(value=ast.Call(func=ast.Attribute() as method) as call):
            yield from _pairs(method, call)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return
        case _:
            for nested in _nested(statement):
                yield from (found._replace(certain=False) for found in _assignments(nested))


def _nested(statement: ast.stmt) -> Iterator[ast.stmt]:
    for inner in ast.iter_child_nodes(statement):
        if isinstance(inner, ast.stmt):
            yield inner
        elif isinstance(inner, ast.ExceptHandler | ast.match_case):
            yield from inner.body


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[_Assigned]:
    match target:
        case ast.Name(id=name):
            yield _Assigned(name, value)
        case ast.Starred(value=inner):
            yield from _pairs(inner, ast.Starred(value, ast.Load()))
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            values = value.elts if isinstance(value, ast.Tuple | ast.List) else []
            if len(values) != len(parts) or any(isinstance(part, ast.Starred) for part in (*parts, *values)):
                # Which part goes where is known when it runs; a starred expression is never a plain value.
                values = [ast.Starred(value, ast.Load())] * len(parts)
            for part, its in zip(parts, values, strict=True):
                yield from _pairs(part, its)
        case ast.Subscript(value=owner) | ast.Attribute(value=owner):
            while isinstance(owner, ast.Subscript | ast.Attribute):
                owner = owner.value
            if isinstance(owner, ast.Name):
                yield _Assigned(owner.id, value, certain=False, changes=True)


def _parameter(
    assigned: _Assigned, known: Mapping[str, Any], statement: ast.stmt, comments: Mapping[int, str], cell: Cell
) -> Parameter:
    comment = comments.get(statement.end_lineno or statement.lineno) or comments.get(statement.lineno, "")
    written = _TYPE_COMMENT.match(comment)
    annotation = assigned.annotation or (_parse_type(written["type"]) if written else None)
    wanted, nullable = _annotated(annotation)
    try:
        default = plain_value(assigned.value, known)
        kind, plain = kind_of(default), assigned.certain
    except NotPlainError:
        default, kind, plain = None, "any", False
    if wanted and (not plain or default is None or fits(default, wanted)):
        kind = wanted
    value = assigned.value.value if isinstance(assigned.value, ast.Starred) else assigned.value
    return Parameter(
        name=assigned.name,
        type=kind,
        default=default if plain else None,
        cell=cell.id,
        line=statement.lineno,
        help=(comment[written.end() :] if written else comment).strip(),
        nullable=nullable or (plain and default is None),
        known=plain,
        expression=ast.unparse(value),
    )


def _parse_type(text: str) -> ast.expr | None:
    try:
        return ast.parse(text, mode="eval").body
    except SyntaxError:
        return None


def _annotated(node: ast.expr | None) -> tuple[str, bool]:
    """Return the type that an annotation names (empty when it is none of ours) and whether it allows None."""
    match node:
        case ast.Constant(value=None):
            return "none", True
        case ast.Constant(value=str() as text):
            return _annotated(_parse_type(text))
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _ANNOTATIONS.get(name, ""), False
        case ast.Subscript(value=base, slice=inner) if ast.unparse(base).split(".")[-1] in {"Optional", "Annotated"}:
            first = inner.elts[0] if isinstance(inner, ast.Tuple) and inner.elts else inner
            named, nullable = _annotated(first)
            return named, nullable or ast.unparse(base).endswith("Optional")
        case ast.Subscript(value=base):
            return _annotated(base)
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            sides = [_annotated(left), _annotated(right)]
            kinds = [kind for kind, _ in sides if kind != "none"]
            return kinds[0] if len(kinds) == 1 else "", any(nullable for _, nullable in sides)
    return "", False


def _note_early_uses(
    found: dict[str, Parameter], before: Mapping[str, Parameter], statement: ast.stmt, binds: tuple[str, ...]
) -> None:
    used = {node.id for node in _at_once(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    if not used & before.keys() or _only_looks(statement):
        return
    line = ast.unparse(statement).splitlines()[0]
    for name in sorted(used & before.keys() & found.keys() - set(binds)):
        parameter = found[name]
        use = EarlyUse(statement.lineno, line, binds)
        found[name] = replace(parameter, early_uses=(*parameter.early_uses, use))


def _at_once(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes that are evaluated when the statement runs: not the bodies of functions."""
    yield node
    for name, field in ast.iter_fields(node):
        if name == "body" and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        for child in field if isinstance(field, list) else [field]:
            if isinstance(child, ast.AST):
                yield from _at_once(child)


def _only_looks(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Assert):
        return True
    calls = [ast.unparse(node.func) for node in ast.walk(statement) if isinstance(node, ast.Call)]
    return isinstance(statement, ast.Expr) and all(call in _LOOKS for call in calls)
