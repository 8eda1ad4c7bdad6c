"""What is wrong with the imported steps of a notebook and with how they are put together, told before anything runs.

The cells are read from top to bottom, as Restart-and-Run-All would run them, with what each name is known to hold: an
imported step, or a value of a known type. Known is what is certain whatever happens: literals, annotations, parameters,
outputs of imported steps. A name that a branch, a loop or a function may bind is known no more, and what is not known
passes: a call that cannot be judged here is judged when it is made.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlops_nb.errors import MlopsNbError, did_you_mean
from mlops_nb.notebook import NotebookError, Role, at, read_tags
from mlops_nb.reuse import types
from mlops_nb.reuse.imports import component_of, imports_of
from mlops_nb.reuse.installed import PackageProblem
from mlops_nb.steps.literals import NotPlainError, plain_value
from mlops_nb.steps.names import read_flow
from mlops_nb.steps.parameter_values import ParameterError, fit
from mlops_nb.steps.scopes import bindings
from mlops_nb.steps.source import PythonSource, to_python

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from mlops_nb.notebook import Cell, Diagnostic
    from mlops_nb.reuse.component import Component, Port
    from mlops_nb.reuse.imports import StepImport
    from mlops_nb.steps import Parameter, Step, StepGraph

_SIMPLE = (ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Expr)
# Code that runs never, later, or several times, with names of its own.
_ASIDE = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.IfExp, ast.BoolOp)
# What binds names that stand in a text or behind a key.
_BINDING = frozenset({"eval", "exec", "get_ipython", "globals", "locals", "setattr", "vars"})
_CONVERTED = frozenset({"datetime.date", "datetime.datetime", "pandas.Timestamp"})


@dataclass(frozen=True)
class _Held:
    """What a name holds: an imported step, or a value of a type (or a tuple of outputs), with where that is from."""

    type: str = ""
    told: str = ""
    component: Component | None = None
    origin: str = ""
    outputs: tuple[Port, ...] = ()


@dataclass
class _Place:
    """Where the reading is."""

    step: Step
    cell: Cell
    source: PythonSource
    found: list[Diagnostic] = field(default_factory=list)

    def tell(self, code: str, node: ast.AST, message: str, fix: str, variable: str | None = None) -> None:
        line = self.source.line(getattr(node, "lineno", 1))
        told = f"{self.cell.label} (step `{self.step.name}`): {message}"
        self.found.append(at(self.cell, code, told, fix=fix, line=line, variable=variable, step=self.step.name))


def check_imports(
    graph: StepGraph,
    folder: Path,
    path: Sequence[str] | None = None,
    seen: Mapping[str, Mapping[str, str]] | None = None,
) -> list[Diagnostic]:
    """Return what is wrong with the steps that a notebook imports and with the calls of them.

    Parameters
    ----------
    graph
        The notebook's steps.
    folder
        The notebook's folder.
    path
        Where its kernel finds packages; this process's folders when `None`.
    seen
        Types of the variables after a step, by step and name, where a run that still holds has shown them.
    """
    imports = imports_of(graph)
    return _Reading(graph, imports, folder, path, seen or {}).diagnostics() if imports else []


class _Reading:
    """A notebook read from top to bottom."""

    def __init__(
        self,
        graph: StepGraph,
        imports: Sequence[StepImport],
        folder: Path,
        path: Sequence[str] | None,
        seen: Mapping[str, Mapping[str, str]],
    ) -> None:
        self._graph = graph
        self._imports = {id(item.node): item for item in imports}
        self._folder = folder
        self._path = path
        self._seen = seen
        self._known: dict[str, _Held] = {}
        self._aliases: dict[str, str] = {}
        self._unsure = _bound_unseen(graph)
        self._written = {file for step in graph.steps for file in step.flow.writes_files}

    def diagnostics(self) -> list[Diagnostic]:
        """Return all there is to tell."""
        found: list[Diagnostic] = []
        for step in self._graph.steps:
            self._aliases |= step.flow.aliases
            for cell in step.cells:
                place = _Place(step, cell, to_python(cell.source))
                if "raises-exception" in cell.tags or step.flow.barrier:
                    # What it binds nobody knows.
                    self._known = {} if step.flow.barrier else self._without(place.source.tree.body)
                    continue
                for statement in place.source.tree.body:
                    self._statement(statement, place)
                if read_tags(cell)[0].role is Role.PARAMETERS:
                    self._parameters(self._graph.parameters)
                found += place.found
            for name, kind in self._seen.get(step.name, {}).items():
                held = self._known.get(name, _Held())
                if not held.type and held.component is None and not held.outputs and name not in self._unsure:
                    self._known[name] = _Held(kind, f"as step `{step.name}` left it")
        return found

    def _without(self, statements: Sequence[ast.stmt]) -> dict[str, _Held]:
        gone = bindings(list(statements)).names | {
            target.id
            for statement in statements
            if isinstance(statement, ast.Delete)
            for target in statement.targets
            if isinstance(target, ast.Name)
        }
        return {name: held for name, held in self._known.items() if name not in gone}

    def _parameters(self, parameters: Sequence[Parameter]) -> None:
        for item in parameters:
            if item.name in self._unsure:
                continue
            kind = "" if item.nullable else types.of_kind(item.type)
            self._known[item.name] = _Held(kind, "a parameter")

    def _statement(self, statement: ast.stmt, place: _Place) -> None:
        value = statement.value if isinstance(statement, _SIMPLE) else None
        held = self._value(value, place) if value is not None else _Held()
        if isinstance(statement, ast.Import | ast.ImportFrom) and any(alias.name == "*" for alias in statement.names):
            self._known = {}
        self._known = self._without([statement])
        match statement:
            case ast.Assign(targets=targets):
                for target in targets:
                    self._bind(target, held)
            case ast.AnnAssign(target=ast.Name() as target, annotation=annotation, value=ast.expr()):
                kind = types.annotated(annotation, self._aliases)
                # What is written there is more certain than what is told of it.
                told = _Held(kind, "as annotated")
                self._bind(target, held if held.type or held.component is not None else told)

    def _bind(self, target: ast.expr, held: _Held) -> None:
        match target:
            case ast.Name(id=name) if name not in self._unsure:
                self._known[name] = held
            case ast.Tuple(elts=parts) if len(parts) == len(held.outputs):
                for part, port in zip(parts, held.outputs, strict=True):
                    self._bind(part, _Held(port.type, held.told))

    def _value(self, node: ast.expr, place: _Place) -> _Held:
        """Judge the calls in an expression that runs now, and return what it gives."""
        if isinstance(node, _ASIDE):
            return _Held()
        match node:
            case ast.Name(id=name):
                return self._known.get(name, _Held())
            case ast.NamedExpr(value=value):
                return self._value(value, place)
            case ast.Call() if id(node) in self._imports:
                return self._imported(self._imports[id(node)], place)
            case ast.Call(func=function):
                called = self._value(function, place)
                given = [self._value(argument, place) for argument in node.args]
                named = {keyword.arg: self._value(keyword.value, place) for keyword in node.keywords}
                return self._called(called, node, given, named, place) if called.component is not None else _Held()
            case ast.Attribute(value=value, attr=name):
                owner = self._value(value, place)
                port = next((port for port in owner.outputs if port.name == name), None)
                return _Held(port.type, owner.told) if port is not None else _Held()
        for part in _parts(node):
            self._value(part, place)
        return _Held(types.of_literal(node), "as written")

    def _imported(self, item: StepImport, place: _Place) -> _Held:
        if item.source in self._written:
            return _Held()
        try:
            component, version = component_of(item, self._folder, self._path)
        except (NotebookError, PackageProblem) as error:
            place.tell("MN401", item.node, error.message, error.hint, item.source)
        except MlopsNbError as error:
            place.tell("MN402", item.node, error.message, error.hint, item.name)
        else:
            return _Held(component=component, origin=f"{item.source} {version}".strip())
        return _Held()

    def _called(
        self,
        called: _Held,
        node: ast.Call,
        given: Sequence[_Held],
        named: Mapping[str | None, _Held],
        place: _Place,
    ) -> _Held:
        component = called.component
        assert component is not None  # noqa: S101 - for the type checker
        told = f"step `{component.name}` of {called.origin}"
        spread = None in named or any(isinstance(argument, ast.Starred) for argument in node.args)
        if not spread and self._fits_names(component, told, node, place):
            inputs = dict(
                zip((port.name for port in component.inputs), zip(node.args, given, strict=True), strict=False)
            )
            inputs |= {str(keyword.arg): (keyword.value, named[keyword.arg]) for keyword in node.keywords}
            for port in component.inputs:
                self._fits_type(port, told, *inputs[port.name], place)
            for parameter in component.parameters:
                if parameter.name in inputs:
                    self._fits_parameter(parameter, told, *inputs[parameter.name], place)
        outputs = component.outputs
        source = f"an output of {told}"
        return _Held(outputs[0].type, source) if len(outputs) == 1 else _Held("", source, outputs=outputs)

    @staticmethod
    def _fits_names(component: Component, told: str, node: ast.Call, place: _Place) -> bool:
        inputs = [port.name for port in component.inputs]
        known = [*inputs, *(item.name for item in component.parameters)]
        takes = f"It takes {', '.join(f'`{name}`' for name in known) or 'nothing'}."
        named = [str(keyword.arg) for keyword in node.keywords]
        placed = inputs[: len(node.args)]
        if len(node.args) > len(inputs):
            message = f"{told} takes {len(inputs)} by place, and {len(node.args)} are given."
            place.tell("MN403", node, message, f"{takes} Parameters are given by name.")
            return False
        for name in named:
            if name not in known:
                place.tell("MN403", node, f"{told} takes no `{name}`.{did_you_mean(name, known)}", takes, name)
                return False
            if name in placed:
                place.tell("MN403", node, f"{told} is given `{name}` twice.", takes, name)
                return False
        lacking = [name for name in inputs if name not in {*placed, *named}]
        if lacking:
            names = ", ".join(f"`{name}`" for name in lacking)
            place.tell("MN403", node, f"{told} is not given {names}.", takes, lacking[0])
        return not lacking

    @staticmethod
    def _fits_type(port: Port, told: str, node: ast.expr, held: _Held, place: _Place) -> None:
        if types.clash(held.type, port.type):
            words = ast.unparse(node)
            message = f"{told} takes `{port.name}` as {port.type}, and `{words}` ({held.told}) is {held.type}."
            place.tell("MN404", node, message, f"Give it a value of {port.type}.", port.name)

    @staticmethod
    def _fits_parameter(parameter: Parameter, told: str, node: ast.expr, held: _Held, place: _Place) -> None:
        wanted = types.of_kind(parameter.type)
        fix = f"Give it a value of {parameter.type}."
        try:
            fit(parameter, plain_value(node), "the call")
        except NotPlainError:
            pass
        except ParameterError as error:
            place.tell("MN404", node, f"{told}: {error.message}", error.hint or fix, parameter.name)
            return
        else:
            return
        pair = {held.type, wanted}
        converted = pair <= {"list", "tuple"} or wanted in _CONVERTED or (held.type == "None" and parameter.nullable)
        if not converted and types.clash(held.type, wanted):
            message = (
                f"{told} takes `{parameter.name}` as {wanted}, and `{ast.unparse(node)}` ({held.told}) is {held.type}."
            )
            place.tell("MN404", node, message, fix, parameter.name)


def _bound_unseen(graph: StepGraph) -> frozenset[str]:
    """Return the names that a function, or a text that runs as code, may bind: where that happens nobody sees here."""
    found: set[str] = set()
    for step in graph.steps:
        for cell in step.cells:
            tree = to_python(cell.source).tree
            nodes = list(ast.walk(tree))
            runs_text = any(isinstance(node, ast.Name) and node.id in _BINDING for node in nodes)
            found |= read_flow(cell)[0].defines.keys() - (set() if runs_text else bindings(tree.body).names)
            found |= {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
    return frozenset(found)


def _parts(node: ast.AST) -> Iterator[ast.expr]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            yield child
        elif not isinstance(child, ast.expr_context | ast.operator):
            yield from _parts(child)
