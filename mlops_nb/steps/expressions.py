"""Following the evaluation of expressions, in Python's order."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from mlops_nb.steps.calls import Calls
from mlops_nb.steps.record import Record, parts_of
from mlops_nb.steps.scopes import Bindings, Kind, Scope, bindings, children, defaults, parameters

if TYPE_CHECKING:
    from collections.abc import Callable

_WORD = re.compile(r"[^\W\d]\w*")

# What IPython's shell counts and keeps of the cells that have run.
_HISTORY_OF_SHELL = frozenset({"execution_count", "history_manager"})


class Expressions(Calls):
    """Reads expressions.

    Every handler takes `quiet`: the value is only stored, so code that it carries does not run yet.
    """

    def expression(self, node: ast.AST | None, *, quiet: bool = False) -> None:
        """Follow the evaluation of `node`; `quiet` when its value is only stored."""
        if node is None:
            return
        handler = HANDLERS.get(type(node).__name__)
        if handler is not None:
            handler(self, node, quiet=quiet)
            return
        for child in children(node):
            self.expression(child)

    def on_name(self, node: ast.Name, *, quiet: bool) -> None:
        """Read a name."""
        self.read(node.id, node, quiet=quiet)

    def on_constant(self, node: ast.Constant, *, quiet: bool) -> None:  # noqa: ARG002 - the handlers' signature
        """Keep the words of a text."""
        if isinstance(node.value, str):
            self.record.strings.update(_WORD.findall(node.value))

    def on_walrus(self, node: ast.NamedExpr, *, quiet: bool) -> None:
        """Bind a name in the scope around comprehensions."""
        self.expression(node.value, quiet=quiet)
        roots = self.roots(node.value)
        inner = self.scopes
        while self.scopes[-1].kind in {Kind.COMPREHENSION, Kind.TYPES}:
            self.scopes = self.scopes[:-1]
        self.bind(node.target, roots)
        self.scopes = inner

    def on_lambda(self, node: ast.Lambda, *, quiet: bool) -> None:
        """Read the body of a lambda: it runs at once, unless it is only stored."""
        for value in defaults(node.args):
            self.expression(value)
        names = Bindings(parameters(node.args) | bindings([node.body]).names, frozenset())
        body = self.body(node, names, lambda: self.expression(node.body))
        self.take(body, node, runs=not quiet)
        self.anonymous.append(body)

    def on_comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp, *, quiet: bool
    ) -> None:
        """Read a comprehension: its first iterable outside of its scope, the rest perhaps never."""
        first = node.generators[0].iter
        self.expression(first)
        self.change_roots(first, "is iterated", deep=False, keeps=False)
        roots = parts_of(self.roots(first))
        before, mentioned = set(self.state), self.mentioned
        self.mentioned = {}
        outer = self.scopes
        targets = bindings([generator.target for generator in node.generators]).names
        self.scopes = [*outer, Scope(Kind.COMPREHENSION, targets, serial=self.serial(node))]
        for generator in node.generators:
            if generator.iter is not first:
                self.expression(generator.iter)
                self.change_roots(generator.iter, "is iterated", deep=False, keeps=False)
                roots = parts_of(self.roots(generator.iter))
            self.bind(generator.target, roots)
            for condition in generator.ifs:
                self.expression(condition)
        for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            self.expression(part, quiet=quiet)
        self.scopes = outer
        self.state &= before
        if isinstance(node, ast.GeneratorExp) and self.at_top:
            # It reads its names when somebody consumes it, perhaps in another cell.
            uses = {name: self.place(node, f"`{name}` is read") for name in self.mentioned if "." not in name}
            self.anonymous.append(self.followed.setdefault(node, Record(uses=uses)))
        self.mentioned = mentioned | self.mentioned

    def on_choice(self, node: ast.BoolOp, *, quiet: bool) -> None:
        """Read `and` and `or`: only the first operand is surely evaluated."""
        self.expression(node.values[0], quiet=quiet)
        before = set(self.state)
        for value in node.values[1:]:
            self.expression(value, quiet=quiet)
        self.state &= before

    def on_comparison(self, node: ast.Compare, *, quiet: bool) -> None:  # noqa: ARG002 - the handlers' signature
        """Read a comparison; `"x" in globals()` asks for `x`."""
        match node:
            case ast.Compare(left=ast.Constant(value=str(name)), ops=[ast.In() | ast.NotIn()], comparators=[only]) if (
                self.is_namespace(only)
            ):
                self.read(name, node, quiet=True, optional=True)
                return
        self.expression(node.left)
        self.expression(node.comparators[0])
        before = set(self.state)
        for comparator in node.comparators[1:]:
            self.expression(comparator)
        self.state &= before

    def on_conditional(self, node: ast.IfExp, *, quiet: bool) -> None:
        """Read a conditional expression."""
        self.expression(node.test)
        before = set(self.state)
        self.expression(node.body, quiet=quiet)
        after_body, self.state = self.state, before
        self.expression(node.orelse, quiet=quiet)
        self.state &= after_body

    def on_attribute(self, node: ast.Attribute, *, quiet: bool) -> None:  # noqa: ARG002 - the handlers' signature
        """Read an attribute, and the process state that it may be."""
        self.touch(self.dotted(node) or "", node)
        if node.attr in _HISTORY_OF_SHELL:
            self.record.ambient.setdefault("history", self.place(node, f"`.{node.attr}` is read"))
        base = node.value
        while isinstance(base, ast.Attribute):
            base = base.value
        self.expression(base)

    def on_subscript(self, node: ast.Subscript, *, quiet: bool) -> None:  # noqa: ARG002 - the handlers' signature
        """Read an item; of `globals()` it is a name."""
        if self.is_namespace(node.value):
            match node.slice:
                case ast.Constant(value=str(name)):
                    self.read(name, node)
                case _:
                    self.block_off(node, "a name is looked up that only the running code knows")
                    self.expression(node.slice)
            return
        if self.dotted(node.value) == "sys.modules" and self.is_main(node.slice):
            self.block_off(node, "the notebook's namespace is reached through `sys.modules`")
        self.expression(node.value)
        self.expression(node.slice)

    def on_await(self, node: ast.Await, *, quiet: bool) -> None:  # noqa: ARG002 - the handlers' signature
        """Read an awaited value, which awaiting uses up."""
        self.expression(node.value)
        self.change_roots(node.value, "is awaited", keeps=False)

    def on_display(self, node: ast.Tuple | ast.List | ast.Set | ast.Starred, *, quiet: bool) -> None:
        """Read a display of values: it stores what it contains."""
        for child in children(node):
            self.expression(child, quiet=quiet)
        if isinstance(node, ast.Starred):
            self.change_roots(node.value, "is unpacked", deep=False, keeps=False)

    def on_dictionary(self, node: ast.Dict, *, quiet: bool) -> None:
        """Read a dictionary display, key by key with its value."""
        for key, value in zip(node.keys, node.values, strict=True):
            self.expression(key, quiet=quiet)
            self.expression(value, quiet=quiet)


HANDLERS: dict[str, Callable[..., None]] = {
    "Name": Expressions.on_name,
    "Constant": Expressions.on_constant,
    "NamedExpr": Expressions.on_walrus,
    "Lambda": Expressions.on_lambda,
    "ListComp": Expressions.on_comprehension,
    "SetComp": Expressions.on_comprehension,
    "DictComp": Expressions.on_comprehension,
    "GeneratorExp": Expressions.on_comprehension,
    "BoolOp": Expressions.on_choice,
    "Compare": Expressions.on_comparison,
    "IfExp": Expressions.on_conditional,
    "Attribute": Expressions.on_attribute,
    "Subscript": Expressions.on_subscript,
    "Call": Expressions.on_call,
    "Await": Expressions.on_await,
    "Starred": Expressions.on_display,
    "Tuple": Expressions.on_display,
    "List": Expressions.on_display,
    "Set": Expressions.on_display,
    "Dict": Expressions.on_dictionary,
}
