"""Following statements that hold no other statements."""

from __future__ import annotations

import ast

from mlops_nb.steps.definitions import Definitions
from mlops_nb.steps.files import template
from mlops_nb.steps.record import containing
from mlops_nb.steps.scopes import Kind, children


class Statements(Definitions):
    """Reads simple statements."""

    def on_shown(self, node: ast.Expr) -> None:
        """Read an expression statement."""
        self.expression(node.value, quiet=True)
        self.settle()

    def on_assign(self, node: ast.Assign) -> None:
        """Read `a = b = value`."""
        self.expression(node.value, quiet=True)
        roots = self.roots(node.value)
        text = template(node.value, self.texts)
        for target in node.targets:
            if isinstance(target, (ast.Tuple, ast.List)):
                self.change_roots(node.value, "is unpacked", deep=False, keeps=False)
            self.bind(target, roots)
            if isinstance(target, ast.Name):
                self.texts[target.id] = text
        self.settle(*self.bound_by(*node.targets))

    def on_augmented(self, node: ast.AugAssign) -> None:
        """Read `target += value`: the target is read, perhaps changed in place, and bound."""
        target = node.target
        if isinstance(target, ast.Name):
            self.read(target.id, target)
        self.expression(node.value)
        roots = self.roots(node.value)
        self.change_roots(target, "is changed by an augmented assignment", deep=False)
        self.bind(target, containing(roots))
        self.settle(*self.bound_by(target))

    def on_annotated(self, node: ast.AnnAssign) -> None:
        """Read `target: annotation = value`."""
        if node.value is not None:
            self.expression(node.value, quiet=True)
            self.bind(node.target, self.roots(node.value))
            if isinstance(node.target, ast.Name):
                self.texts[node.target.id] = template(node.value, self.texts)
        if self.scopes[-1].kind is not Kind.FUNCTION:
            self.anonymous += self.types([node.annotation], node)
        self.settle(*self.bound_by(node.target))

    def on_delete(self, node: ast.Delete) -> None:
        """Read `del`."""
        for target in node.targets:
            self.delete(target)
        self.settle()

    def delete(self, target: ast.expr) -> None:
        """Delete a target."""
        match target:
            case ast.Name():
                self.read(target.id, target, quiet=True)
                self.unbind(target.id, target)
            case ast.Tuple() | ast.List():
                for part in target.elts:
                    self.delete(part)
            case ast.Subscript(value=value, slice=ast.Constant(value=str(name))) if self.is_namespace(value):
                self.read(name, target, quiet=True)
                self.record.deletes.setdefault(name, self.place(target, f"`{name}` is deleted"))
                self.kill(name)
            case ast.Subscript(value=value, slice=key):
                self.expression(value)
                self.expression(key)
                self.change_roots(value, "has an item deleted", deep=False)
            case ast.Attribute(value=value):
                self.expression(value)
                self.change_roots(value, "has an attribute deleted", deep=False)

    def on_assert(self, node: ast.Assert) -> None:
        """Read `assert`: the message is evaluated only when it fails."""
        self.expression(node.test)
        before = set(self.state)
        self.expression(node.msg)
        self.state &= before
        self.settle()

    def on_leave(self, node: ast.Return | ast.Raise) -> None:
        """Read `return` and `raise`: nothing behind them runs."""
        for child in children(node):
            self.expression(child)
        self.settle()
        self.dead = True

    def on_break(self, node: ast.Break | ast.Continue) -> None:
        """Leave the round of a loop."""
        ends = self.breaks if isinstance(node, ast.Break) else self.continues
        if not self.dead:
            ends[-1].append(set(self.state))
        self.dead = True
