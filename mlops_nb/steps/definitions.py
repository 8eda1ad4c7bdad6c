"""Following what binds names: assignment targets, functions, classes, imports, and texts that are run as code."""

from __future__ import annotations

import ast
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

from mlops_nb.steps.expressions import Expressions
from mlops_nb.steps.record import containing, parts_of
from mlops_nb.steps.scopes import (
    Bindings,
    Kind,
    Scope,
    annotated_types,
    bindings,
    bound_by,
    children,
    defaults,
    mangled,
    parameters,
)
from mlops_nb.steps.source import PythonSource, to_python

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlops_nb.steps.record import Record, Root

# Decorators that never call what they decorate while it is being defined.
_PATIENT = frozenset(
    "dataclass dataclasses.dataclass functools.cache functools.lru_cache functools.wraps functools.cached_property"  # noqa: SIM905 - a list of words reads as words
    " functools.total_ordering cache lru_cache wraps total_ordering property staticmethod classmethod"
    " contextlib.contextmanager contextmanager abc.abstractmethod abstractmethod typing.overload overload"
    " numba.njit njit numba.jit jit".split()
)


class Definitions(Expressions):
    """Binds names."""

    def __init__(self, cell: str, **known: Any) -> None:
        super().__init__(cell, **known)
        self.postponed = False
        # The states in which each of the loops around the code at hand was left, or its round was.
        self.breaks: list[list[set[str]]] = []
        self.continues: list[list[set[str]]] = []
        self.parsed: dict[ast.AST, PythonSource] = {}
        # Lines and messages of texts in magics that are not Python.
        self.faults: list[tuple[int, str]] = []

    @abstractmethod
    def block(self, statements: list[ast.stmt]) -> None:
        """Follow statements in a row."""

    def settle(self, *bound: str) -> None:
        """End a statement: what it bound or changed may carry the code and the values that it read."""
        if self.at_top:
            for name in dict.fromkeys((*bound, *self.touched)):
                held = self.top.holds.setdefault(name, set())
                held.update(self.mentioned)
                held.discard(name)
                self.carry(name, self.anonymous)
                if not self.carriers.isdisjoint(held):
                    self.now_carries(name)
        if self.class_bodies:
            self.class_bodies[-1] += self.anonymous
        if self.scopes[-1].kind is not Kind.CLASS:
            # What a class body reads counts for the class.
            self.mentioned = {}
        self.touched, self.anonymous = {}, []

    def carry(self, name: str, bodies: list[Record]) -> None:
        """Note that the value of a name carries code."""
        if bodies:
            known = self.top.bodies.setdefault(name, [])
            known += [body for body in bodies if all(body is not other for other in known)]
            self.now_carries(name)

    def now_carries(self, name: str) -> None:
        """Note that the value of a name leads to code, and so does whatever holds it."""
        waiting = [name]
        while waiting:
            current = waiting.pop()
            if current not in self.carriers:
                self.carriers.add(current)
                waiting += [holder for holder, held in self.top.holds.items() if current in held]

    # --- targets

    def bound_by(self, *targets: ast.expr) -> list[str]:
        """Return the keys of the names that targets bind."""
        names: list[str] = []
        for target in targets:
            names += [target.id] if isinstance(target, ast.Name) else bindings([target]).names
        return [self.key(name) for name in names]

    def bind(self, target: ast.expr, roots: list[Root]) -> None:
        """Bind an assignment's target to a value that may be what `roots` say."""
        match target:
            case ast.Name(id=name):
                # What the name stood for before does not count from here on, but a loop may come back to it.
                self.bind_name(name, target)
                self.view(self.key(name), roots)
            case ast.Tuple() | ast.List():
                for part in target.elts:
                    self.bind(part, parts_of(roots))
            case ast.Starred(value=value):
                self.bind(value, roots)
            case ast.Subscript(value=value, slice=key) if self.is_namespace(value):
                match key:
                    case ast.Constant(value=str(name)):
                        self.bind_global(name, target, "is bound")
                    case _:
                        self.expression(key)
                        self.block_off(target, "a name is bound that only the running code knows")
            case ast.Subscript(value=value) | ast.Attribute(value=value):
                self.expression(value)
                if isinstance(target, ast.Subscript):
                    self.expression(target.slice)
                else:
                    self.touch(self.dotted(target) or "", target)
                self.change_roots(value, "is changed in place", deep=False, attribute=True)
                for root in self.roots(value):
                    self.view(root.key, containing(roots))

    def bind_name(self, name: str, node: ast.AST, what: str = "is bound") -> None:
        """Bind a name in the scope that the code at hand binds in."""
        scope = self.scopes[-1]
        if scope.kind is Kind.MODULE or name in scope.global_names:
            self.bind_global(mangled(self.scopes, name), node, what)
        elif name in scope.names:
            key = scope.key(name)
            self.aliases.pop(key, None)
            self.texts[name] = None
            if scope.kind is Kind.CLASS:
                self.state.add(key)
                self.once_bound.add(key)

    def bind_global(self, name: str, node: ast.AST, what: str) -> None:
        """Bind a name of the module."""
        self.own.add(name)
        self.aliases.pop(name, None)
        self.texts[name] = None
        self.record.defines.setdefault(name, self.place(node, f"`{name}` {what}"))
        self.state.add(name)

    def unbind(self, name: str, node: ast.AST) -> None:
        """Remove a name from the scope that the code at hand binds in."""
        key = self.key(name)
        if "." not in key:
            self.record.deletes.setdefault(key, self.place(node, f"`{key}` is deleted"))
        self.kill(key)

    # --- definitions

    def on_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        """Read `def`: decorators, defaults and annotations now, the body when it is called."""
        self.decorators(node)
        outer = self.type_scope(node)
        for value in defaults(node.args):
            self.expression(value, quiet=True)
        types = self.types(annotated_types(node), node)
        own = bindings(node.body)
        names = Bindings((own.names | parameters(node.args)) - own.global_names, own.global_names)
        body = self.body(node, names, lambda: self.called(node.body))
        self.scopes = outer
        self.take(body, node, runs=False)
        self.define(node, [body, *types])

    def types(self, annotations: Iterable[ast.expr], node: ast.AST) -> list[Record]:
        """Read annotations: now, or, where they are postponed, when somebody asks for them."""
        if not self.postponed:
            for annotation in annotations:
                self.expression(annotation, quiet=True)
            return []
        body = self.lazily(list(annotations))
        self.take(body, node, runs=False)
        return [body]

    def called(self, statements: list[ast.stmt]) -> None:
        """Follow a function's body."""
        loops = (self.breaks, self.continues)
        self.breaks, self.continues = [], []
        self.block(statements)
        self.breaks, self.continues = loops

    def on_class(self, node: ast.ClassDef) -> None:
        """Read `class`: its body runs now, its methods when they are called."""
        self.decorators(node)
        outer = self.type_scope(node)
        for base in (*node.bases, *(keyword.value for keyword in node.keywords)):
            self.expression(base, quiet=True)
        own = bindings(node.body)
        self.scopes = [*self.scopes, Scope(Kind.CLASS, own.names, own.global_names, self.serial(node), node.name)]
        self.class_bodies.append([])
        texts = self.texts
        self.texts = dict(texts)
        self.block(node.body)
        self.texts = texts
        self.scopes = outer
        methods = self.class_bodies.pop()
        for method in methods:
            # Calling the class runs some of them, seldom all.
            method.firm.clear()
        self.define(node, methods)

    def define(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, bodies: list[Record]) -> None:
        """Bind what was defined, with the code in it."""
        self.bind_name(node.name, node, "is defined")
        key = self.key(node.name)
        if self.scopes[-1].kind is Kind.CLASS:
            self.class_bodies[-1] += bodies
        if self.at_top:
            self.mentioned[key] = None
            self.top.bodies.setdefault(key, [])
            self.carry(key, bodies)
            self.now_carries(key)
            if any((self.dotted(_decorator(found)) or "") not in _PATIENT for found in node.decorator_list):
                self.charge(key, node, call=False)
        self.settle(key)

    def decorators(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        """Read decorators, which are called."""
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Name):
                self.read(decorator.id, decorator, call=True)
            else:
                self.expression(decorator)

    def type_scope(self, node: Any) -> list[Scope]:
        """Open the scope of type parameters, if there are any, and return the scopes around it."""
        outer = self.scopes
        found = getattr(node, "type_params", ())
        if found:
            names = frozenset(parameter.name for parameter in found)
            self.scopes = [*outer, Scope(Kind.TYPES, names, serial=self.serial(node))]
            for parameter in found:
                # Bounds and defaults are evaluated only when somebody asks for them.
                lazy = [part for part in children(parameter) if isinstance(part, ast.expr)]
                if lazy:
                    self.take(self.lazily(lazy), node, runs=False)
        return outer

    def on_type_alias(self, node: Any) -> None:
        """Read a `type` statement: the value is evaluated when somebody asks for it."""
        outer = self.type_scope(node)
        body = self.lazily([node.value])
        self.scopes = outer
        self.take(body, node, runs=False)
        self.bind(node.name, [])
        self.anonymous.append(body)
        self.settle(*self.bound_by(node.name))

    def lazily(self, nodes: list[ast.expr]) -> Record:
        """Follow expressions that are evaluated later, if ever."""

        def follow() -> None:
            for node in nodes:
                self.expression(node)

        return self.body(nodes[0], Bindings(frozenset(), frozenset()), follow)

    # --- what import statements bind

    def on_import(self, node: ast.Import) -> None:
        """Read `import`."""
        for alias in node.names:
            name = bound_by(alias)
            self.record.imports[alias.name] = None
            self.bind_name(name, node, "is imported")
            self.stands_for(name, alias.name if alias.asname else name)
            if alias.name == "__main__":
                self.block_off(node, "the notebook's namespace is imported as `__main__`")
        self.settle()

    def on_import_from(self, node: ast.ImportFrom) -> None:
        """Read `from ... import`."""
        module = "." * node.level + (node.module or "")
        if node.module == "__future__":
            self.postponed |= any(alias.name == "annotations" for alias in node.names)
        if node.module == "__main__" and not node.level:
            self.block_off(node, "the notebook's namespace is imported as `__main__`")
        for alias in node.names:
            self.record.imports[module if node.module else f"{module}{alias.name}"] = None
            if alias.name == "*":
                self.record.stars[module] = None
                continue
            name = bound_by(alias)
            self.bind_name(name, node, "is imported")
            self.stands_for(name, f"{module}:{alias.name}")
        self.settle()

    def stands_for(self, name: str, dotted: str) -> None:
        """Remember what an imported name stands for, as in `Flow.aliases`."""
        key = self.key(name)
        self.aliases[key] = dotted
        if self.at_top and "." not in key:
            self.record.aliases[key] = dotted

    # --- code in texts

    def run_text(self, text: str, node: ast.expr, *, below: int | None = None, apart: bool = False) -> None:
        """Read `text` as code that runs here.

        Parameters
        ----------
        text
            The code.
        node
            What runs it.
        below
            How many lines under `node` it starts, when it stands in the cell itself; it must be Python then.
        apart
            Whether what it binds stays out of the namespace.
        """
        # Parsed once, since a loop is followed twice and code is known by its nodes.
        source = self.parsed.get(node) or self.parsed.setdefault(node, to_python(text))
        outer, statement = self.line_of, (self.mentioned, self.touched, self.anonymous)
        line = outer(node.lineno)
        self.line_of = (lambda number: line + below + source.line(number) - 1) if below is not None else lambda _: line
        if source.fault is not None and below is not None:
            self.faults.append((line + below + source.fault.line - 1, source.fault.message))
        names = bindings(source.tree.body)
        if apart:
            body = self.body(source.tree, names, lambda: self.called(source.tree.body))
            self.take(body, node, runs=True)
        else:
            self.own |= names.names
            self.block(source.tree.body)
        self.line_of = outer
        self.mentioned, self.touched, self.anonymous = statement


def _decorator(node: ast.expr) -> ast.expr:
    return node.func if isinstance(node, ast.Call) else node
