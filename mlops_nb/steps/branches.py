"""Following branches and loops: which names are bound on every path, and which on some."""

from __future__ import annotations

import ast
from functools import partial
from typing import TYPE_CHECKING

from mlops_nb.steps.record import parts_of
from mlops_nb.steps.scopes import bindings, children
from mlops_nb.steps.statements import Statements

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlops_nb.steps.record import Root

_CATCHES_MISSING = frozenset({"NameError", "Exception", "BaseException", "UnboundLocalError"})
# Context managers that never swallow an exception, so that what their block binds is bound behind it.
_TRANSPARENT = frozenset(
    "open catch_warnings no_grad inference_mode enable_grad set_grad_enabled autocast option_context errstate"  # noqa: SIM905 - a list of words reads as words
    " printoptions context rc_context axes_style plotting_context color_palette localcontext TemporaryDirectory"
    " NamedTemporaryFile TemporaryFile ZipFile File HDFStore ExcelWriter ExcelFile ThreadPoolExecutor"
    " ProcessPoolExecutor Pool ThreadPool Parallel parallel_backend parallel_config config_context redirect_stdout"
    " redirect_stderr closing nullcontext chdir urlopen connect begin Session Client LocalCluster tqdm Lock RLock"
    " Semaphore device scope name_scope start_run".split()
)


class Branches(Statements):
    """Reads statements that hold others, and with them whole cells."""

    def block(self, statements: list[ast.stmt]) -> None:
        """Follow statements in a row."""
        for statement in statements:
            handler = HANDLERS.get(type(statement).__name__)
            if handler is not None:
                handler(self, statement)
            else:
                self.expression(statement)
                self.settle()

    def branches(self, *paths: Callable[[], None]) -> None:
        """Follow paths of which one is taken, each from here; what all of them bind is bound behind them."""
        state, dead, texts = self.state, self.dead, self.texts
        ends: list[tuple[set[str], bool, dict[str, str | None]]] = []
        for path in paths:
            self.state, self.dead, self.texts = set(state), dead, dict(texts)
            path()
            ends.append((self.state, self.dead, self.texts))
        taken = [end for end in ends if not end[1]] or ends
        self.state = set.intersection(*(end[0] for end in taken))
        self.dead = all(end[1] for end in ends)
        self.texts = {
            name: text if all(end[2].get(name) == text for end in taken) else None for name, text in taken[0][2].items()
        } | {name: None for end in taken[1:] for name in end[2] if name not in taken[0][2]}

    def on_if(self, node: ast.If) -> None:
        """Read `if`."""
        self.expression(node.test)
        self.settle()
        truth = _truth(node.test)

        def body() -> None:
            self.dead |= truth is False
            self.block(node.body)

        def orelse() -> None:
            self.dead |= truth is True
            self.block(node.orelse)

        self.branches(body, orelse)

    def on_match(self, node: ast.Match) -> None:
        """Read `match`."""
        self.expression(node.subject)
        self.settle()
        roots = parts_of(self.roots(node.subject))

        def taken(case: ast.match_case) -> None:
            self.pattern(case.pattern, roots)
            self.expression(case.guard)
            self.settle(*map(self.key, bindings([case.pattern]).names))
            self.block(case.body)

        paths: list[Callable[[], None]] = [partial(taken, case) for case in node.cases]
        last = node.cases[-1]
        if last.guard is not None or not _catches_all(last.pattern):
            paths.append(_nothing)
        self.branches(*paths)

    def pattern(self, node: ast.AST, roots: list[Root]) -> None:
        """Read a pattern: the values it compares with, and the names it captures."""
        if isinstance(node, ast.expr):
            self.expression(node)
            return
        for child in children(node):
            self.pattern(child, roots)
        for name in bindings([node]).names if isinstance(node, _CAPTURES) else ():
            self.bind_name(name, node)
            self.view(self.key(name), roots)

    # --- loops

    def on_for(self, node: ast.For | ast.AsyncFor) -> None:
        """Read `for`: the body may run no time, once, or often."""
        self.expression(node.iter)
        roots = parts_of(self.roots(node.iter))
        self.change_roots(node.iter, "is iterated", deep=False, keeps=False)
        over, touched = dict(self.mentioned), dict(self.touched)
        self.settle()

        def enter() -> None:
            self.mentioned |= over
            self.touched |= touched
            self.bind(node.target, roots)
            self.settle(*self.bound_by(node.target))

        def leave() -> None:
            self.block(node.orelse)

        self.loop(enter, node.body, leave, once=self.runs_once(node.iter))

    def on_while(self, node: ast.While) -> None:
        """Read `while`."""
        endless = _truth(node.test) is True

        def enter() -> None:
            self.expression(node.test)
            self.settle()

        def leave() -> None:
            enter()
            self.dead |= endless
            self.block(node.orelse)

        self.loop(enter, node.body, leave, once=False)

    def loop(self, enter: Callable[[], None], body: list[ast.stmt], leave: Callable[[], None], *, once: bool) -> None:
        """Follow a loop: `enter` starts each round, `leave` runs when it ends by itself; `once` when one is sure."""
        start, dead = set(self.state), self.dead
        head = start
        while True:
            known = len(self.top.bodies)
            self.state, self.dead = set(head), dead
            rounds, left = self.round(enter, body)
            before, head = head, start.intersection(*rounds)
            # A later round may find fewer names bound than the first one, and code that the first one defined.
            if head == before and len(self.top.bodies) == known:
                break
        self.state, self.dead = _met(rounds, head) if once else (set(head), dead)
        self.dead |= dead
        leave()
        self.state, self.dead = _met([*left, *([] if self.dead else [self.state])], self.state)
        self.dead |= dead

    def round(self, enter: Callable[[], None], body: list[ast.stmt]) -> tuple[list[set[str]], list[set[str]]]:
        """Follow one round of a loop, and return the states in which it ends, and those in which it leaves the loop."""
        self.breaks.append([])
        self.continues.append([])
        enter()
        self.block(body)
        ends = self.continues.pop() + ([] if self.dead else [self.state])
        return ends, self.breaks.pop()

    def runs_once(self, node: ast.expr) -> bool:
        """Say whether iterating `node` surely gives an element."""
        match node:
            case ast.Tuple() | ast.List() | ast.Set():
                return any(not isinstance(element, ast.Starred) for element in node.elts)
            case ast.Constant(value=str(text)):
                return bool(text)
            case ast.Call(func=ast.Name(id="range") as function, args=[ast.Constant(value=int(stop))]):
                return self.is_builtin(function) and stop > 0
            case ast.Call(func=ast.Name(id="enumerate") as function, args=[only, *_]):
                return self.is_builtin(function) and self.runs_once(only)
        return False

    # --- with and try

    def on_with(self, node: ast.With | ast.AsyncWith) -> None:
        """Read `with`: a context manager may swallow the exception that ends its block."""
        dead, floor, since = self.dead, None, 0
        for item in node.items:
            self.expression(item.context_expr)
            self.change_roots(item.context_expr, "is entered as a context", keeps=False)
            if item.optional_vars is not None:
                self.bind(item.optional_vars, self.roots(item.context_expr))
                self.settle(*self.bound_by(item.optional_vars))
            self.settle()
            if floor is None and not _transparent(item.context_expr):
                floor, since = set(self.state), len(self.killed)
        self.block(node.body)
        if floor is not None:
            floor -= set(self.killed[since:])
            self.state = floor if self.dead else self.state & floor
            self.dead = dead

    def on_try(self, node: ast.Try) -> None:
        """Read `try`: a handler finds surely bound only what was so before the block."""
        start, dead, since = set(self.state), self.dead, len(self.killed)
        forgiving = any(_catches_missing(handler) for handler in node.handlers)
        ways: list[Callable[[], None]] = []

        def through() -> None:
            self.forgiving += forgiving
            self.block(node.body)
            self.forgiving -= forgiving
            self.block(node.orelse)

        def caught(handler: ast.ExceptHandler) -> None:
            self.state = start - set(self.killed[since:])
            self.expression(handler.type)
            if handler.name:
                self.bind_name(handler.name, handler)
            self.settle()
            self.block(handler.body)
            if handler.name:
                self.unbind(handler.name, handler)
                self.lose({self.key(handler.name)})

        ways += [through, *(partial(caught, handler) for handler in node.handlers)]
        self.branches(*ways)
        if node.finalbody:
            end, ended = self.state, self.dead
            at_final = len(self.killed)
            self.state, self.dead = start - set(self.killed[since:]), dead
            self.block(node.finalbody)
            gone = set(self.killed[at_final:])
            self.lose(gone)
            self.state |= end - gone
            self.dead |= ended

    def lose(self, keys: set[str]) -> None:
        """Note that names are gone also where a loop was left from here: `finally` and the end of `except ... as`."""
        for left in (*self.breaks, *self.continues):
            left[:] = [state - keys for state in left]


def _met(states: list[set[str]], otherwise: set[str]) -> tuple[set[str], bool]:
    """Return what is bound where paths meet, and whether none leads there."""
    return (set.intersection(*states), False) if states else (set(otherwise), True)


def _nothing() -> None:
    """Take no path."""


def _truth(test: ast.expr) -> bool | None:
    """Return what a test is in every run of a notebook, or None."""
    match test:
        case ast.Constant(value=value):
            return bool(value)
        case ast.Compare(left=ast.Name(id="__name__"), ops=[ast.Eq()], comparators=[ast.Constant(value="__main__")]):
            return True
    return None


def _catches_all(pattern: ast.pattern) -> bool:
    match pattern:
        case ast.MatchAs(pattern=None):
            return True
        case ast.MatchAs(pattern=ast.pattern() as inner):
            return _catches_all(inner)
        case ast.MatchOr(patterns=patterns):
            return any(_catches_all(alternative) for alternative in patterns)
    return False


def _catches_missing(handler: ast.ExceptHandler) -> bool:
    caught = handler.type
    kinds = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    return any(kind is None or (isinstance(kind, ast.Name) and kind.id in _CATCHES_MISSING) for kind in kinds)


def _transparent(context: ast.expr) -> bool:
    function = context.func if isinstance(context, ast.Call) else None
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in _TRANSPARENT
    return False


_CAPTURES = (ast.MatchAs, ast.MatchStar, ast.MatchMapping)
HANDLERS: dict[str, Callable[..., None]] = {
    "Expr": Branches.on_shown,
    "Assign": Branches.on_assign,
    "AugAssign": Branches.on_augmented,
    "AnnAssign": Branches.on_annotated,
    "Delete": Branches.on_delete,
    "Assert": Branches.on_assert,
    "Return": Branches.on_leave,
    "Raise": Branches.on_leave,
    "Break": Branches.on_break,
    "Continue": Branches.on_break,
    "If": Branches.on_if,
    "Match": Branches.on_match,
    "For": Branches.on_for,
    "AsyncFor": Branches.on_for,
    "While": Branches.on_while,
    "With": Branches.on_with,
    "AsyncWith": Branches.on_with,
    "Try": Branches.on_try,
    "TryStar": Branches.on_try,
    "FunctionDef": Branches.on_function,
    "AsyncFunctionDef": Branches.on_function,
    "ClassDef": Branches.on_class,
    "TypeAlias": Branches.on_type_alias,
    "Import": Branches.on_import,
    "ImportFrom": Branches.on_import_from,
}
