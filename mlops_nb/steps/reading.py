"""Following code name by name: what is read before it is bound, what may be changed, what is surely bound by now."""

from __future__ import annotations

import ast
import builtins
import re
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from mlops_nb.steps import hazards
from mlops_nb.steps.flow import Place
from mlops_nb.steps.record import Change, Record, Root
from mlops_nb.steps.scopes import Bindings, Kind, Scope, mangled, owner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_BUILTINS = frozenset(dir(builtins)) | {"display", "get_ipython", "exit", "quit"}
_HISTORY = re.compile(r"__?_?|_i{1,3}|_i?\d+|_[idos]h|In|Out")


class Reading(ABC):
    """The state of a reader: the names surely bound at this point, and the record of what the code has done so far.

    Parameters
    ----------
    cell
        Id of the cell, for places.
    own
        The names that the cell itself may bind.
    rebound
        Names that other cells bind.
    aliases
        What names bound by the imports of other cells stand for.
    line_of
        Turns a line of the Python text into one of the cell.
    """

    def __init__(
        self,
        cell: str,
        *,
        own: frozenset[str],
        rebound: frozenset[str],
        aliases: Mapping[str, str],
        line_of: Callable[[int], int],
    ) -> None:
        self.cell = cell
        self.own = set(own)
        self.rebound = rebound
        self.line_of = line_of
        self.top = self.record = Record()
        self.scopes = [Scope(Kind.MODULE)]
        self.state: set[str] = set()
        self.dead = False
        self.killed: list[str] = []
        self.forgiving = 0
        self.serials: dict[ast.AST, int] = {}
        # What everybody calls `np` is NumPy, unless some cell says otherwise.
        usual = {name: full for name, full in hazards.USUAL_ALIASES.items() if name not in rebound}
        self.aliases = {name: full for name, full in {**usual, **aliases}.items() if name not in own}
        self.texts: dict[str, str | None] = {}
        # Of the statement at hand: names read, roots changed, code without a name (lambdas, generator expressions).
        self.mentioned: dict[str, None] = {}
        self.touched: dict[str, None] = {}
        self.anonymous: list[Record] = []
        self.class_bodies: list[list[Record]] = []
        # The names whose values lead to code defined here, by `bodies` or through `holds`.
        self.carriers: set[str] = set()
        # What the code of functions and lambdas was found to do.
        self.followed: dict[ast.AST, Record] = {}
        # Names of class bodies that some path has bound.
        self.once_bound: set[str] = set()

    @abstractmethod
    def expression(self, node: ast.AST | None, *, quiet: bool = False) -> None:
        """Follow the evaluation of `node`; `quiet` when its value is only stored."""

    @abstractmethod
    def bind(self, target: ast.expr, roots: list[Root]) -> None:
        """Bind an assignment's target to a value that may be what `roots` say."""

    @abstractmethod
    def bind_name(self, name: str, node: ast.AST, what: str = "is bound") -> None:
        """Bind a name in the scope that the code at hand binds in."""

    @abstractmethod
    def run_text(self, text: str, node: ast.expr, *, below: int | None = None, apart: bool = False) -> None:
        """Read `text` as code that runs here, its first line `below` lines under `node`'s."""

    # --- names

    @property
    def at_top(self) -> bool:
        """Whether the code at hand runs with the cell, not when a function is called."""
        return self.record is self.top

    def serial(self, node: ast.AST) -> int:
        """Return the serial number of the scope that `node` opens, the same each time it is met."""
        return self.serials.setdefault(node, len(self.serials) + 1)

    def place(self, node: ast.AST, what: str) -> Place:
        """Return the place of a node."""
        return Place(self.cell, self.line_of(getattr(node, "lineno", 1)), what)

    def foreign(self, name: str) -> bool:
        """Say whether a global name is the notebook's, rather than Python's or IPython's."""
        if name in self.own or name in self.rebound:
            return True
        dunder = name.startswith("__") and name.endswith("__")
        return not (dunder or name in _BUILTINS or _HISTORY.fullmatch(name))

    def key(self, name: str) -> str:
        """Return the key of a name as the code at hand sees it: itself where it is the module's."""
        if len(self.scopes) == 1:
            return name
        scope = owner(self.scopes, name)
        if scope.kind is Kind.MODULE or (scope.kind is Kind.CLASS and scope.key(name) not in self.state):
            return mangled(self.scopes, name)
        return scope.key(name)

    def read(
        self, name: str, node: ast.AST, *, quiet: bool = False, call: bool = False, optional: bool = False
    ) -> None:
        """Note that a name is read; `quiet` when its value is only stored, `call` when it is called."""
        key = self.key(name)
        if "." in key:
            self.mentioned[key] = None
            if not quiet and key in self.carriers and self.at_top:
                self.charge(key, node, call=call)
            return
        if _HISTORY.fullmatch(key) and key not in self.state:
            # Where the notebook binds it too, it travels with what IPython keeps.
            self.record.ambient.setdefault("history", self.place(node, f"`{key}` is read"))
        if not self.foreign(key):
            return
        self.mentioned[key] = None
        # In a class body that may have bound the name, it may be the class's or the module's.
        in_class = self.scopes[-1].kind is Kind.CLASS and self.scopes[-1].key(name) in self.once_bound
        if in_class and not quiet and self.at_top:
            self.charge(self.scopes[-1].key(name), node, call=False)
        if key in self.aliases:
            self.touch(self.aliases[key].replace(":", "."), node)
        if key not in self.state:
            self.need(key, node, f"`{key}` is read", optional=optional or in_class)
        if call and key not in self.state:
            self.record.called.setdefault(key, self.place(node, f"`{key}` is called"))
        if not quiet and key in self.carriers and self.at_top:
            self.charge(key, node, call=call)

    def need(self, name: str, node: ast.AST, what: str, *, optional: bool = False) -> None:
        """Note that a name of the module is read, unless it is surely the code's own."""
        if name in self.state:
            return
        self.record.uses.setdefault(name, self.place(node, what))
        if not (optional or self.forgiving or name in self.record.defines or name in _BUILTINS):
            self.record.firm.add(name)

    def charge(self, name: str, node: ast.AST, *, call: bool) -> None:
        """Note what the code that `name` carries does, since it may run now."""
        seen = {name}
        waiting = [(name, call)]
        while waiting:
            current, runs = waiting.pop()
            ahead: list[tuple[str, bool]] = []
            for body in self.top.bodies.get(current, ()):
                self.mentioned |= dict.fromkeys(body.uses)
                for read in body.uses:
                    if read not in self.state:
                        what = f"`{read}` is read by `{current}`"
                        self.need(read, node, what, optional=not (runs and read in body.firm))
                    ahead.append((read, runs))
                for changed in body.changed:
                    self.change(changed, node, f"`{current}` may change `{changed}`")
                for deleted in body.deletes:
                    self.kill(deleted)
            ahead += [(held, False) for held in self.top.holds.get(current, ())]
            for found in ahead:
                if found[0] in self.carriers and found[0] not in seen:
                    seen.add(found[0])
                    waiting.append(found)

    def kill(self, key: str) -> None:
        """Note that a name may be gone."""
        self.state.discard(key)
        self.killed.append(key)

    def change(self, key: str, node: ast.AST, what: str, *, deep: bool = True, keeps: bool = True) -> None:
        """Note that an object may be changed in place, as `change_roots` does."""
        if "." not in key:
            if not self.foreign(key):
                return
            if keeps:
                self.touched[key] = None
        outside = key not in self.state
        known = self.record.changes.get(key)
        if known is None or (outside and not known.outside) or (deep and not known.deep):
            self.record.change(key, Change(self.place(node, what), outside, deep))

    def change_roots(
        self, node: ast.expr, what: str, *, deep: bool = True, keeps: bool = True, attribute: bool = False
    ) -> None:
        """Note that whatever `node` may be a name for is changed in place.

        `deep` when what it contains may change too, `keeps` when it may keep a value of the statement at hand,
        `attribute` when even a module would be changed.
        """
        # A change of a part reaches what the whole contains.
        deep = deep or not isinstance(node, ast.Name)
        for root in self.roots(node):
            if attribute or not self.is_module(root.key):
                self.change(root.key, node, f"`{root.key.rpartition('.')[2]}` {what}", deep=deep, keeps=keeps)

    def is_module(self, key: str) -> bool:
        """Say whether a name was bound by `import`: using a module does not change it, setting an attribute does."""
        return key in self.aliases and ":" not in self.aliases[key]

    def roots(self, node: ast.expr) -> list[Root]:
        """Return the names whose objects `node` may give, or give a part or a container of."""
        contained = True
        parts: list[ast.expr] = []
        match node:
            case ast.Name():
                key = self.key(node.id)
                return [Root(key, "." not in key and key not in self.state and self.foreign(key))]
            case ast.Attribute() | ast.Subscript() | ast.Starred() | ast.Await() | ast.NamedExpr():
                return self.roots(node.value)
            case ast.Tuple() | ast.List() | ast.Set():
                parts = node.elts
            case ast.Dict():
                parts = node.values
            case ast.Call(func=ast.Name(id=name)) if name in hazards.PASSING_ON:
                contained, parts = name not in {"getattr", "max", "min", "next"}, node.args
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp():
                parts = [generator.iter for generator in node.generators]
            case ast.BoolOp():
                contained, parts = False, node.values
            case ast.IfExp():
                contained, parts = False, [node.body, node.orelse]
        found = [root for part in parts for root in self.roots(part)]
        return [root._replace(contained=True) for root in found] if contained else found

    def dotted(self, node: ast.expr) -> str | None:
        """Return the dotted name that `node` spells, import aliases resolved, or None."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None
        key = self.key(node.id)
        first = self.aliases.get(key, None if "." in key else key)
        return None if first is None else ".".join([first.replace(":", "."), *reversed(parts)])

    def touch(self, name: str, node: ast.AST) -> None:
        """Note the process state that a dotted name belongs to."""
        kind = hazards.ambient_of(name) if name else None
        if kind:
            self.record.ambient.setdefault(kind, self.place(node, f"`{name}`"))

    def view(self, key: str, roots: list[Root]) -> None:
        """Note what the object of `key` may be besides."""
        for root in roots:
            if root.key != key:
                self.record.view(key, root)

    def block_off(self, node: ast.AST, why: str) -> None:
        """Note a barrier."""
        self.record.barrier[self.place(node, why)] = None

    # --- code that runs apart

    def body(self, node: ast.AST, names: Bindings, follow: Callable[[], None]) -> Record:
        """Follow code that runs in a function scope of its own, and return what it does.

        It does the same whatever is bound around it, so a loop that is followed twice meets it once.
        """
        known = self.followed.get(node)
        if known is not None:
            return known
        kept = (self.record, self.scopes, self.state, self.dead, self.forgiving, self.texts)
        statement = (self.mentioned, self.touched, self.anonymous)
        self.record = Record()
        self.scopes = [*self.scopes, Scope(Kind.FUNCTION, names.names, names.global_names, self.serial(node))]
        self.state, self.dead, self.forgiving = set(), False, 0
        self.texts = {**self.texts, **dict.fromkeys(names.names)}
        self.mentioned, self.touched, self.anonymous = {}, {}, []
        follow()
        found = self.followed[node] = self.record
        (self.record, self.scopes, self.state, self.dead, self.forgiving, self.texts) = kept
        (self.mentioned, self.touched, self.anonymous) = statement
        return found

    def take(self, body: Record, node: ast.AST, *, runs: bool) -> None:
        """Take in a body of code that is defined here and, with `runs`, may run here."""
        self.record.adopt(body)
        if not runs and self.at_top:
            self.record.defer(body)
            return
        for name, place in body.uses.items():
            self.need(name, node, place.what, optional=name not in body.firm)
            if self.at_top and name in self.carriers:
                self.charge(name, node, call=False)
        for name, place in body.changed.items():
            self.change(name, node, place.what)
        for name, place in body.called.items():
            if name not in self.state:
                self.record.called.setdefault(name, place)
        for name in body.deletes:
            self.kill(name)
