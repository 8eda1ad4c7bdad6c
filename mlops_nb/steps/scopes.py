"""Which scope a name belongs to, by the rules of the Python reference, section 4.2 (Naming and binding).

pyflakes' scopes were tried first: they take a local that is read above its assignment for a global, bind `nonlocal`
names in the module, and show a class's names to the comprehensions in its body. What is here is instead held against
the compiler: a test compares it with the global names of compiled code objects.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Kind(Enum):
    """What opens a scope; `TYPES` is the scope of PEP 695's type parameters."""

    MODULE = auto()
    CLASS = auto()
    FUNCTION = auto()
    COMPREHENSION = auto()
    TYPES = auto()


@dataclass(frozen=True)
class Scope:
    """A scope with the names it binds; `global_names` were declared `global` in it, `serial` tells scopes apart."""

    kind: Kind
    names: frozenset[str] = frozenset()
    global_names: frozenset[str] = frozenset()
    serial: int = 0
    class_name: str = ""

    def key(self, name: str) -> str:
        """Return a spelling of `name` that differs from every other scope's; a name of the module is itself."""
        return name if self.kind is Kind.MODULE else f"{self.serial}.{name}"


@dataclass(frozen=True)
class Bindings:
    """The names that statements bind in their own scope, and those they declare to live elsewhere."""

    names: frozenset[str]
    global_names: frozenset[str]


def owner(scopes: Sequence[Scope], name: str) -> Scope:
    """Return the scope that `name`, read in the innermost of `scopes`, belongs to.

    For a name that a class body binds and reads the class is returned, although it is the module's as long as the
    class has not bound it.
    """
    class_is_seen = True
    for scope in reversed(scopes):
        if scope.kind is Kind.MODULE:
            return scope
        if scope.kind is Kind.CLASS and not class_is_seen:
            continue
        if name in scope.global_names:
            return scopes[0]
        if name in scope.names:
            return scope
        if scope.kind in {Kind.FUNCTION, Kind.COMPREHENSION}:
            class_is_seen = False
    return scopes[0]


def mangled(scopes: Sequence[Scope], name: str) -> str:
    """Return `name` as the compiler spells it: `__x` inside class `C` is `_C__x`."""
    if not name.startswith("__") or name.endswith("__"):
        return name
    for scope in reversed(scopes):
        if scope.class_name.strip("_"):
            return f"_{scope.class_name.lstrip('_')}{name}"
    return name


def children(node: ast.AST) -> list[ast.AST]:
    """Return a node's children in the order of its fields, as `ast.iter_child_nodes` does in twice the time."""
    found: list[ast.AST] = []
    for value in node.__dict__.values():
        if isinstance(value, list):
            found += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST) and not isinstance(value, ast.expr_context):
            found.append(value)
    return found


def bindings(nodes: Iterable[ast.AST]) -> Bindings:
    """Return what `nodes`, the statements of one scope, bind there, without looking into the scopes they open."""
    names: set[str] = set()
    global_names: set[str] = set()
    elsewhere: set[str] = set()
    waiting: list[tuple[ast.AST, bool]] = [(node, False) for node in nodes]
    while waiting:
        node, in_comprehension = waiting.pop()
        if type(node) not in _BINDING:
            waiting += [(child, in_comprehension) for child in children(node)]
        elif isinstance(node, ast.Name):
            if not in_comprehension and not isinstance(node.ctx, ast.Load):
                names.add(node.id)
        elif isinstance(node, ast.NamedExpr):
            # In a comprehension it binds in the scope around it (PEP 572).
            names.add(node.target.id)
            waiting.append((node.value, in_comprehension))
        elif isinstance(node, _DEFINITIONS):
            if not isinstance(node, ast.Lambda):
                names.add(node.name)
            waiting += [(outer, in_comprehension) for outer in evaluated_outside(node)]
        elif isinstance(node, _COMPREHENSIONS):
            waiting += [(child, True) for child in children(node)]
        elif isinstance(node, (ast.Global, ast.Nonlocal)):
            (global_names if isinstance(node, ast.Global) else elsewhere).update(node.names)
        else:
            names.update(_named(node))
            waiting += [(child, in_comprehension) for child in children(node)]
    return Bindings(frozenset(names - global_names - elsewhere), frozenset(global_names))


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SPELLING = (ast.Import, ast.ImportFrom, ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping)
_DECLARING = (ast.Name, ast.NamedExpr, ast.Global, ast.Nonlocal)
_BINDING = frozenset((*_DEFINITIONS, *_COMPREHENSIONS, *_SPELLING, *_DECLARING))


def _named(node: ast.AST) -> Iterable[str]:
    """Return the names that a node binds by spelling them, not through a `Name`."""
    match node:
        case ast.Import() | ast.ImportFrom():
            return [bound_by(alias) for alias in node.names if alias.name != "*"]
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            return [name]
        case ast.MatchMapping(rest=str(rest)):
            return [rest]
    return []


def bound_by(alias: ast.alias) -> str:
    """Return the name that `import alias` binds: `import a.b` binds `a`."""
    return alias.asname or alias.name.split(".")[0]


def parameters(arguments: ast.arguments) -> frozenset[str]:
    """Return the names of a function's parameters."""
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    return frozenset(argument.arg for argument in every if argument)


def defaults(arguments: ast.arguments) -> list[ast.expr]:
    """Return the default values, evaluated once, where the function is defined."""
    return [value for value in (*arguments.defaults, *arguments.kw_defaults) if value is not None]


def annotated_types(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.expr]:
    """Return the annotations of a function's parameters and result."""
    of = node.args
    every = [*of.posonlyargs, *of.args, of.vararg, *of.kwonlyargs, of.kwarg]
    found = [argument.annotation for argument in every if argument and argument.annotation]
    return [*found, node.returns] if node.returns else found


def evaluated_outside(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda) -> list[ast.AST]:
    """Return the parts of a definition that are evaluated in the scope around it."""
    match node:
        case ast.Lambda():
            return [*defaults(node.args)]
        case ast.ClassDef():
            return [*node.decorator_list, *node.bases, *node.keywords]
    return [*node.decorator_list, *defaults(node.args), *annotated_types(node)]
