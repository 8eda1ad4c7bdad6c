"""The names that code to be exported binds and reads, by Python's own symbol tables."""

from __future__ import annotations

import ast
import builtins
import symtable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

BUILTINS = frozenset(dir(builtins)) - {"__name__", "__doc__"}
# Code that reads or binds its surroundings by name means another thing in a function than in a notebook.
_REFLECTING = frozenset({"globals", "locals", "vars", "dir", "eval", "exec", "__name__", "__file__"})
_HISTORY = frozenset({"_", "__", "___", "In", "Out", "_ih", "_oh", "get_ipython"})


@dataclass(frozen=True)
class Names:
    """The global names of a piece of code.

    Attributes
    ----------
    bound
        Names it binds, those that functions declare `global` included.
    read
        Names read anywhere in it, function bodies included, that are not local to a function.
    at_once
        Names read when it runs, outside the bodies of functions.
    bodies
        For each function and class it defines, the global names of its body.
    deferred
        All names of `bodies`, and of lambdas.
    rebound
        Names that its functions declare `global`.
    surely
        Names it binds whatever happens, and does not delete.
    """

    bound: frozenset[str] = frozenset()
    read: frozenset[str] = frozenset()
    at_once: frozenset[str] = frozenset()
    bodies: Mapping[str, frozenset[str]] = field(default_factory=dict, hash=False)
    deferred: frozenset[str] = frozenset()
    rebound: frozenset[str] = frozenset()
    surely: frozenset[str] = frozenset()


def names_of(pieces: Iterable[str]) -> Names:
    """Return the global names of pieces of code, each of which compiles, that run one after the other."""
    pieces = list(pieces)
    try:
        return _names_of("\n".join(pieces))
    except SyntaxError:
        # `global x` at the top of a cell is legal, and is not behind another cell that binds x.
        found = [_names_of(piece) for piece in pieces]
    return Names(
        bound=frozenset().union(*(names.bound for names in found)),
        read=frozenset().union(*(names.read for names in found)),
        at_once=frozenset().union(*(names.at_once for names in found)),
        bodies={name: body for names in found for name, body in names.bodies.items()},
        deferred=frozenset().union(*(names.deferred for names in found)),
        rebound=frozenset().union(*(names.rebound for names in found)),
    )


def imports_with_star(pieces: Iterable[str]) -> bool:
    """Say whether the code binds names that only importing tells."""
    nodes = (node for piece in pieces for node in ast.walk(ast.parse(piece)))
    return any(alias.name == "*" for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names)


def _names_of(code: str) -> Names:
    table = symtable.symtable(code, "<cells>", "exec")
    tree = ast.parse(code)
    own = list(table.get_symbols())
    nested = list(_within(table))
    declared = {s.get_name() for t in nested for s in t.get_symbols() if s.is_declared_global()}
    bodies: dict[str, frozenset[str]] = {}
    for child in table.get_children():
        if child.get_name() not in {"lambda", "genexpr", "listcomp", "dictcomp", "setcomp"}:
            known = bodies.get(child.get_name(), frozenset())
            bodies[child.get_name()] = known | _globals([child, *_within(child)])
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda):
            read = frozenset(part.id for part in ast.walk(node.value) if isinstance(part, ast.Name))
            bodies |= {target.id: read for target in node.targets if isinstance(target, ast.Name)}
    later = [t for t in nested if t.get_type() == "function" and t.get_name() not in _COMPREHENSIONS]
    return Names(
        bound=frozenset(s.get_name() for s in own if s.is_assigned() or s.is_imported()) | declared,
        read=frozenset(s.get_name() for s in own if s.is_referenced()) | _globals(nested),
        at_once=frozenset(s.get_name() for s in own if s.is_referenced())
        | _globals([t for t in nested if t not in later and not _is_inside(t, later)]),
        bodies=bodies,
        deferred=_globals(later),
        rebound=frozenset(declared),
        surely=_surely_bound(tree),
    )


_COMPREHENSIONS = frozenset({"genexpr", "listcomp", "dictcomp", "setcomp"})


def _within(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _within(child)


def _is_inside(table: symtable.SymbolTable, others: Iterable[symtable.SymbolTable]) -> bool:
    return any(table.get_id() == inner.get_id() for other in others for inner in _within(other))


def _globals(tables: Iterable[symtable.SymbolTable]) -> frozenset[str]:
    return frozenset(s.get_name() for t in tables for s in t.get_symbols() if s.is_global() and s.is_referenced())


def _surely_bound(tree: ast.Module) -> frozenset[str]:
    deleted = {part.id for part in ast.walk(tree) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Del)}
    found: set[str] = set()
    for node in tree.body:
        match node:
            case ast.Assign() | ast.AnnAssign(value=ast.expr()) | ast.AugAssign():
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                found |= {part.id for t in targets for part in ast.walk(t) if isinstance(part, ast.Name)}
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                found |= {alias.asname or alias.name.partition(".")[0] for alias in aliases}
            case ast.With():
                found |= _surely_bound(ast.Module(node.body, []))
    return frozenset(found - deleted)


def closure(names: Iterable[str], bodies: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return what the functions among `names` read, and what the functions they call read."""
    found: set[str] = set()
    waiting = [name for name in names if name in bodies]
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            found |= bodies[name]
            waiting += [other for other in bodies[name] if other in bodies]
    return frozenset(found)


def unlike_in_a_function(code: str, names: Names, inputs: Iterable[str]) -> str:
    """Return why code would not mean in a function what it means in a notebook; empty when it does."""
    local = names.bound | set(inputs)
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            return f"`from {'.' * node.level}{node.module or ''} import *` is not allowed in a function"
        if isinstance(node, ast.ClassDef):
            # A class body looks a name that it binds itself up in the module, past the function around it.
            parts = [part for inner in node.body for part in ast.walk(inner) if isinstance(part, ast.Name)]
            stored = {part.id for part in parts if isinstance(part.ctx, ast.Store)}
            outer = stored & local & {part.id for part in parts if isinstance(part.ctx, ast.Load)}
            if outer:
                return f"the class `{node.name}` reads and binds `{min(outer)}`"
    if names.rebound:
        return f"a function declares `global {min(names.rebound)}`"
    reflecting = _REFLECTING & (names.read - names.bound)
    return f"it uses `{min(reflecting)}`" if reflecting else ""


def needs_the_notebook(code: str, names: Names) -> str:
    """Return what in the code only a notebook's kernel offers; empty when nothing does."""
    history = _HISTORY & (names.read - names.bound)
    if history:
        return f"it uses `{min(history)}`, which only a notebook has"
    try:
        compile(code, "<cells>", "exec", dont_inherit=True)
    except SyntaxError as error:
        return (
            "it awaits at the top level" if "await" in str(error.msg) or "async" in str(error.msg) else f"{error.msg}"
        )
    return ""
