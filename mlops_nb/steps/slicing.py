"""The definitions of a notebook cut out with what they need, so that a test can call them and nothing else runs.

From the wanted names the slice grows backwards: each statement that binds a needed name, the names that it reads when
it runs, and those that the code it defines reads when it is called. In it are only statements that define: imports,
functions, classes, and assignments of plain values. Where a needed name is bound, or changed, by a statement that
computes, there is no slice, and the person is told where and what: a function with another value than the notebook's
would be silently something else.
"""

from __future__ import annotations

import ast
import builtins
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from mlops_nb.errors import UsageError, did_you_mean
from mlops_nb.notebook import LEFT_OUT, PRELUDE, Cell, Role, read_tags
from mlops_nb.steps.names import read_flow
from mlops_nb.steps.scopes import bindings, evaluated_outside
from mlops_nb.steps.source import PythonSource, to_python

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from mlops_nb.notebook import Notebook

# Calls that make a value and do nothing else. A capital letter is how the field writes classes: making an object of one
# (`OneHotEncoder(…)`) computes nothing from data, in all that was looked at.
_MAKING = re.compile(
    r"(re\.compile|dict|frozenset|list|range|set|tuple|float|int|str|bool|slice|sorted|len|min|max|sum|zip|enumerate"
    r"|make_pipeline|make_union|make_column_transformer|make_column_selector|field|namedtuple|TypeVar"
    r"|([a-z_]\w*\.)*[A-Z]\w*)"
)
# Methods that change the object they are called on; `fit` makes of an estimator what only the data can say.
_CHANGING = frozenset(
    "add append clear discard extend fit fit_predict fit_transform insert partial_fit pop popitem register remove"  # noqa: SIM905 - a list of words reads as words
    " reverse set_params setdefault sort update".split()
)
_LOOKING = frozenset({"display", "print", "len", "type", "repr", "help", "isinstance", "assert"})
_BUILTINS = frozenset(dir(builtins)) | {"display", "get_ipython", "__name__"}
_WORDS = 80


class NeedsComputedValue(UsageError):  # noqa: N818 - the name of the fact
    """A wanted definition stands on a value that only running the notebook gives; `name` is what lacks its value."""

    code = "needs-computed-value"

    def __init__(self, message: str, *, hint: str = "", name: str = "") -> None:
        super().__init__(message, hint=hint)
        self.name = name


class NotDefined(UsageError):  # noqa: N818 - the name of the fact
    """No cell of the notebook defines the wanted name."""

    code = "not-defined"


@dataclass(frozen=True)
class Statement:
    """A statement at the top of a cell: the names it binds, and those whose objects it changes in place."""

    cell: Cell
    source: PythonSource
    node: ast.stmt
    binds: frozenset[str]
    changes: frozenset[str]
    defines_only: bool

    @property
    def place(self) -> tuple[str, str]:
        """Where it stands, and its first words."""
        line = self.source.line(self.node.lineno)
        shown = self.cell.source.splitlines()
        words = shown[line - 1].strip() if 0 < line <= len(shown) else ""
        words = words if len(words) <= _WORDS else f"{words[:_WORDS]}…"
        return f"{self.cell.label}, line {line}", words

    @property
    def always_binds(self) -> bool:
        """Say whether it binds its names whatever path it takes."""
        return not isinstance(self.node, ast.If | ast.Try)


def read_statements(notebook: Notebook) -> tuple[Statement, ...]:
    """Return the statements of the notebook's cells in order, without those of cells tagged `skip` or `test`."""
    found: list[Statement] = []
    before_steps = True
    for cell in notebook.code_cells:
        tags, _ = read_tags(cell)
        if tags.role in LEFT_OUT:
            continue
        before_steps = before_steps and tags.step is None
        prelude = before_steps or tags.role in PRELUDE or tags.role is Role.PARAMETERS
        source = to_python(cell.source)
        found += [
            Statement(cell, source, node, bindings([node]).names, _changed(node), _defines_only(node, prelude=prelude))
            for node in source.tree.body
        ]
    return tuple(found)


def defined(statements: Sequence[Statement]) -> tuple[str, ...]:
    """Return the functions and classes that the statements define, in their order."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return tuple(dict.fromkeys(item.node.name for item in statements if isinstance(item.node, kinds)))


def slice_of(
    statements: Sequence[Statement], wanted: Sequence[str], given: Collection[str] = ()
) -> tuple[Statement, ...]:
    """Return the statements that define the wanted names and all that these need, in the notebook's order.

    Parameters
    ----------
    statements
        Those of the notebook.
    wanted
        Names of functions, classes or constants.
    given
        Names whose values the caller has: nothing is looked for behind them.

    Raises
    ------
    NotDefined
        When no statement binds a wanted name.
    NeedsComputedValue
        When a needed name is bound or changed by a statement that computes.
    """
    growing = _Growing(statements, given)
    for name in wanted:
        if name not in growing.known:
            message = f"No cell of the notebook defines `{name}`.{did_you_mean(name, growing.known)}"
            raise NotDefined(message, hint="Cells tagged `skip` or `test` do not count.")
        growing.need(name, len(statements), f"`{name}`", certain=True)
    return tuple(statements[position] for position in sorted(growing.taken))


class _Growing:
    """A slice while it grows."""

    def __init__(self, statements: Sequence[Statement], given: Collection[str]) -> None:
        self._statements = statements
        self._given = frozenset(given)
        self.known = frozenset(name for item in statements for name in item.binds)
        self.taken: set[int] = set()
        # What functions bind from inside, when somebody calls them: nobody can tell here whether somebody does.
        self._rebound = {name: item for item in statements for name in _declared_global(item.node)}
        self._asked: set[tuple[str, int]] = set()

    def need(self, name: str, before: int, asker: str, *, certain: bool) -> None:
        """Take what binds and changes a name ahead of a place; `certain` when it is read as soon as the code runs."""
        if name in self._given or (name, before) in self._asked:
            return
        self._asked.add((name, before))
        if name in self._rebound:
            self._refuse(self._rebound[name], name, asker, "may set when it is called")
        first = before
        for position in range(before - 1, -1, -1):
            item = self._statements[position]
            if name in item.binds:
                self._take(position, name, asker, "computes")
                first = position
                if item.always_binds and not _adds_to(item.node, name):
                    break
        if first == before:
            self._unbound(name, asker, certain=certain)
            return
        for position in range(first + 1, before):
            if name in self._statements[position].changes and not self._is_module(name):
                self._take(position, name, asker, "changes")

    def _is_module(self, name: str) -> bool:
        imports = (ast.Import, ast.ImportFrom)
        return any(isinstance(item.node, imports) for item in self._statements if name in item.binds)

    def _unbound(self, name: str, asker: str, *, certain: bool) -> None:
        stars = [
            position
            for position, item in enumerate(self._statements)
            if isinstance(item.node, ast.ImportFrom) and item.node.names[0].name == "*"
        ]
        if name in _BUILTINS:
            return
        self.taken.update(stars)
        if certain and not stars:
            message = f"{asker} needs `{name}`, which nothing before it defines."
            raise NeedsComputedValue(
                message, hint=f"Give its value: load_functions(…, given={{{name!r}: …}}).", name=name
            )

    def _refuse(self, item: Statement, name: str, asker: str, does: str) -> NoReturn:
        where, words = item.place
        if asker == f"`{name}`":
            message = f"`{name}` is no definition: {where} {does} it: `{words}`."
        else:
            message = f"{asker} needs `{name}`, which {where} {does}: `{words}`."
        hint = (
            f"Make `{name}` a parameter of the function, or give its value: "
            f"load_functions(…, given={{{name!r}: …}}). A test cell of the notebook has it as it is."
        )
        raise NeedsComputedValue(message, hint=hint, name=name)

    def _take(self, position: int, name: str, asker: str, does: str) -> None:
        if position in self.taken:
            return
        item = self._statements[position]
        if not item.defines_only:
            self._refuse(item, name, asker, does)
        self.taken.add(position)
        label = _label(item.node, name)
        text = ast.unparse(item.node)
        flow, _ = read_flow(Cell(item.cell.id, item.cell.index, "code", text), self.known - item.binds)
        for read in flow.uses:
            self.need(read, position, label, certain=read not in flow.optional)
        for read in flow.deferred:
            # Called later, with the value that the notebook leaves.
            self.need(read, len(self._statements), label, certain=False)
        for read in flow.strings & self.known:
            # `frame.query("tip > @limit")` reads a name that way; a column may be called the same and mean no name.
            if f"@{read}" in text:
                self.need(read, len(self._statements), label, certain=False)


def _declared_global(node: ast.stmt) -> frozenset[str]:
    return frozenset(name for part in ast.walk(node) if isinstance(part, ast.Global) for name in part.names)


def _label(node: ast.stmt, name: str) -> str:
    return f"`{getattr(node, 'name', name)}`"


def _adds_to(node: ast.stmt, name: str) -> bool:
    return isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and node.target.id == name


def _defines_only(node: ast.stmt, *, prelude: bool) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return True
        case ast.Assign(value=value) | ast.AugAssign(value=value):
            return prelude or _plain(value)
        case ast.AnnAssign(value=value):
            return prelude or value is None or _plain(value)
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=method)) as call):
            arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
            return method in _CHANGING and "fit" not in method and all(map(_plain, arguments))
        case ast.Expr(value=value):
            return isinstance(value, ast.Constant)
        case ast.If(test=test, body=body, orelse=orelse):
            return _plain(test) and all(_defines_only(inner, prelude=prelude) for inner in (*body, *orelse))
        case ast.Try(body=body, handlers=handlers, orelse=orelse, finalbody=final):
            handled = [inner for handler in handlers for inner in handler.body]
            return all(_defines_only(inner, prelude=prelude) for inner in (*body, *handled, *orelse, *final))
    return type(node).__name__ == "TypeAlias"


def _plain(node: ast.expr) -> bool:
    """Say whether an expression makes a value and does nothing else, whatever the names in it are."""
    for part in _evaluated(node):
        if isinstance(part, ast.Await | ast.Yield | ast.YieldFrom):
            return False
        if isinstance(part, ast.Call) and not _MAKING.fullmatch(ast.unparse(part.func)):
            return False
    return True


def _evaluated(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of code that runs now: not the bodies of what it defines."""
    waiting: list[ast.AST] = [node]
    while waiting:
        current = waiting.pop()
        yield current
        if isinstance(current, ast.Lambda | ast.FunctionDef | ast.AsyncFunctionDef):
            waiting += evaluated_outside(current)
        else:
            waiting += ast.iter_child_nodes(current)


def _changed(node: ast.stmt) -> frozenset[str]:
    """Return the names whose objects a statement changes in place, as far as its text says."""
    found: set[str] = set()
    for part in _evaluated(node):
        match part:
            case ast.Subscript(value=value, ctx=ast.Store() | ast.Del()):
                found.add(_root(value))
            case ast.Attribute(value=value, ctx=ast.Store() | ast.Del()):
                found.add(_root(value))
            case ast.Call(func=ast.Attribute(value=value, attr=method)) if method in _CHANGING:
                found.add(_root(value))
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        # Called for what it does and not for what it gives: perhaps to its arguments.
        call = node.value
        if not (isinstance(call.func, ast.Name) and call.func.id in _LOOKING):
            arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
            found |= {argument.id for argument in arguments if isinstance(argument, ast.Name)}
    return frozenset(found - {""})


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""
