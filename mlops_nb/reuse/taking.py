"""Taking a step out of its notebook: its cells, what they stand on, and what they take and give.

1. A name that an earlier step computes is an *input*. One of the parameter cell is a *parameter*. An import, a
   function, a class or a value of the prelude comes along: the statements that define it, and all that these need
   (`slicing`).
2. What later steps read of it is an *output*, and so is what its settings declare; where there is neither, all that
   its cells bind.
3. Prelude cells that *do* something (set an option) come along whole, as they are replayed in front of the step.

Nothing of the notebook is run, and nothing of its project is read or written.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from mlops_nb.errors import UsageError, did_you_mean
from mlops_nb.notebook import Role, Severity, read_tags
from mlops_nb.reuse.component import Component, Piece, Port
from mlops_nb.reuse.runnable import NeedsShell, runnable
from mlops_nb.reuse.types import annotated
from mlops_nb.steps import read_steps
from mlops_nb.steps.scopes import bindings
from mlops_nb.steps.slicing import NeedsComputedValue, Statement, read_statements, slice_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from mlops_nb.notebook import Cell, Notebook
    from mlops_nb.steps import Parameter, Step, StepGraph

_DEFINITIONS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class NotReusable(UsageError):  # noqa: N818 - the name of the fact
    """A step cannot be taken out of its notebook."""

    code = "not-reusable"


class NoSuchStep(NotReusable):
    """The notebook, or the package, has no step of that name."""

    code = "no-such-step"


@dataclass(frozen=True)
class Seen:
    """Types of variables by full name, as a run left them: before the step, and after it."""

    before: Mapping[str, str] = field(default_factory=dict, hash=False)
    after: Mapping[str, str] = field(default_factory=dict, hash=False)


def take(notebook: Notebook, name: str, seen: Seen | None = None) -> Component:
    """Return a step of a notebook as a component.

    Parameters
    ----------
    notebook
        The notebook.
    name
        The step's name, as its tag has it.
    seen
        What a run showed; what the notebook's text says wins.

    Raises
    ------
    NoSuchStep
        When no cell is tagged so.
    NotReusable
        When the step cannot stand alone, with the place of what keeps it in its notebook.
    """
    graph = read_steps(notebook)
    step = _step(graph, name)
    try:
        return _Taking(graph, step, seen or Seen()).component()
    except NeedsShell as error:
        message = f"Step `{name}` of {notebook.path.name} needs a notebook's shell: {error}."
        raise NotReusable(message, hint="Write it in Python, or move it into another step.") from error


def steps_of(graph: StepGraph) -> tuple[str, ...]:
    """Return the names of a notebook's steps, the prelude left out."""
    return tuple(dict.fromkeys(step.tag for step in graph.steps if step.tag != "prelude"))


def _step(graph: StepGraph, name: str) -> Step:
    file = graph.notebook.path.name
    errors = [found for found in graph.diagnostics if found.severity is Severity.ERROR]
    if errors:
        message = f"{file} has errors, so none of its steps can be used: {errors[0].message}"
        raise NotReusable(message, hint=f"`mlops-nb check {graph.notebook.path}` shows all.")
    parts = [step for step in graph.steps if step.tag == name != "prelude"]
    if not parts:
        names = steps_of(graph)
        message = f"{file} has no step `{name}`.{did_you_mean(name, names)}"
        raise NoSuchStep(message, hint=f"Its steps: {', '.join(f'`{known}`' for known in names)}.")
    if len(parts) > 1:
        message = f"Step `{name}` of {file} runs in {len(parts)} parts, with other steps between them."
        raise NotReusable(message, hint="Move its cells together, or name the parts as steps of their own.")
    step = parts[0]
    if step.flow.barrier:
        place = step.flow.barrier[0]
        message = f"Step `{name}` of {file} reads names that nobody can know before it runs: {place.what}."
        raise NotReusable(message, hint="Name the variables plainly.")
    if "history" in step.flow.ambient:
        message = f"Step `{name}` of {file} reads the history of its notebook: {step.flow.ambient['history'].what}."
        raise NotReusable(message, hint="Give the value a name.")
    return step


class _Taking:
    """One step on its way out of its notebook."""

    def __init__(self, graph: StepGraph, step: Step, seen: Seen) -> None:
        self._graph = graph
        self._step = step
        self._seen = seen
        self._file = graph.notebook.path.name
        self._before = graph.steps[: graph.steps.index(step)]
        self._first = min(cell.index for cell in step.cells)
        # As they run here: what `%%time` stands above is read too.
        above = [_as_it_runs(cell) for cell in graph.notebook.cells if cell.index < self._first]
        self._statements = read_statements(replace(graph.notebook, cells=tuple(above)))
        self._own = tuple(node for cell in step.cells for node in ast.parse(runnable(cell)).body)
        of_steps = {cell.id for step in graph.steps if step.tag != "prelude" for cell in step.cells}
        roles = {cell.id: read_tags(cell)[0].role for cell in graph.notebook.code_cells}
        # What an imports or functions cell inside a step binds is prelude all the same.
        self._computing = {key for key in of_steps if roles[key] in {Role.STEP, Role.CONTINUES, Role.METRICS}}
        self._parameter_cells = {key for key, role in roles.items() if role is Role.PARAMETERS}
        self._aliases = {name: held for step in graph.steps for name, held in step.flow.aliases.items()}

    def component(self) -> Component:
        """Return it."""
        inputs, wanted = self._needed()
        taken = self._definitions(wanted, inputs)
        parameters = self._parameters(wanted, taken)
        outputs = self._outputs()
        assigned = frozenset(item.name for item in parameters if item.known)
        pieces = (*self._stands_on(taken, assigned), *self._cells())
        return Component(
            name=self._step.tag,
            origin=self._file,
            doc=self._doc(),
            inputs=tuple(Port(name, self._type(name, at_start=True)) for name in inputs),
            outputs=tuple(Port(name, self._type(name, at_start=False)) for name in outputs),
            parameters=parameters,
            pieces=pieces,
            imports=tuple(sorted({module for piece in pieces for module in _imported(piece.source)})),
        )

    def _needed(self) -> tuple[list[str], list[str]]:
        """Return the names that the step takes from earlier steps, and those that come along."""
        flow = self._step.flow
        text = "\n".join(cell.source for cell in self._step.cells)
        published = [name for output in self._step.settings.outputs for name in output.inputs]
        in_texts = sorted(name for name in flow.strings if f"@{name}" in text)
        later = [name for name in (*flow.deferred, *in_texts, *published) if name not in flow.surely]
        names = dict.fromkeys([*sorted(flow.uses, key=lambda name: self._place(flow.uses[name])), *later])
        inputs: list[str] = []
        wanted: list[str] = []
        for name in names:
            binder = self._binder(name)
            if binder is None:
                continue
            (inputs if self._computes(binder) else wanted).append(name)
        return inputs, wanted

    def _place(self, place: object) -> tuple[int, int]:
        order = {cell.id: cell.index for cell in self._step.cells}
        return order.get(place.cell, -1), place.line  # type: ignore[attr-defined]

    def _binder(self, name: str) -> Statement | None:
        return next((item for item in reversed(self._statements) if name in item.binds), None)

    def _computes(self, statement: Statement) -> bool:
        return statement.cell.id in self._computing and not isinstance(statement.node, _DEFINITIONS)

    def _definitions(self, wanted: Sequence[str], inputs: list[str]) -> tuple[Statement, ...]:
        """Return the statements that define the wanted names; a value that they need of a step becomes an input."""
        while True:
            try:
                return slice_of(self._statements, wanted, given=inputs)
            except NeedsComputedValue as error:
                binder = self._binder(error.name)
                if error.name in inputs or binder is None or binder.cell.id not in self._computing:
                    fact = error.message[:1].lower() + error.message[1:]
                    message = f"Step `{self._step.tag}` of {self._file} cannot be used elsewhere: {fact}"
                    raise NotReusable(message, hint="Make it an argument of the function, or a parameter.") from error
                inputs.append(error.name)
                wanted = [name for name in wanted if name != error.name]

    def _parameters(self, wanted: Collection[str], taken: Iterable[Statement]) -> tuple[Parameter, ...]:
        of_cell = {name for item in taken if item.cell.id in self._parameter_cells for name in item.binds}
        return tuple(item for item in self._graph.parameters if item.name in of_cell or item.name in wanted)

    def _outputs(self) -> tuple[str, ...]:
        step, flow = self._step, self._step.flow
        computed = (node for node in self._own if not isinstance(node, _DEFINITIONS))
        bound = {name: None for node in computed for name in _in_order(node) if name in flow.defines}
        later: set[str] = set()
        rebound: set[str] = set()
        for other in self._graph.steps[len(self._before) + 1 :]:
            published = {name for output in other.settings.outputs for name in output.inputs}
            later |= (other.computes_with | published | set(other.metrics)) - rebound
            later |= {name for name in other.flow.strings if name not in rebound} & set(bound) & self._at_texts(other)
            rebound |= other.flow.surely
        declared = {output.variable for output in step.settings.outputs} | set(step.metrics)
        found = [name for name in bound if name in later or name in declared]
        # What it publishes it may have been given.
        found += sorted(name for name in declared - set(found) if name in flow.uses)
        found = found or [name for name in bound if name in flow.surely]
        # As in a module, a leading underscore says that a name is nobody else's.
        return tuple(name for name in found if not name.startswith("_"))

    @staticmethod
    def _at_texts(step: Step) -> set[str]:
        text = "\n".join(cell.source for cell in step.cells)
        return {name for name in step.flow.strings if f"@{name}" in text}

    def _type(self, name: str, *, at_start: bool) -> str:
        """Return a variable's type: as annotated, in the step itself above all; then as a run showed it."""
        # In the step itself a bare annotation says what comes in; one with a value what it is from there on.
        own = [node for node in self._own if not (at_start and getattr(node, "value", None) is not None)]
        before = [item.node for item in self._statements] if at_start else []
        for node in (*reversed(own), *reversed(before)):
            match node:
                case ast.AnnAssign(target=ast.Name(id=found), annotation=annotation) if found == name:
                    # One that names no single class (`object`, `int | None`) says that it may be anything.
                    return annotated(annotation, self._aliases)
        seen = (self._seen.before if at_start else self._seen.after).get(name, "")
        # Where one number came in, another one may.
        return {"int": "float", "bool": ""}.get(seen, seen) if at_start else seen

    def _stands_on(self, taken: Sequence[Statement], assigned: frozenset[str]) -> list[Piece]:
        replayed = {cell.id: cell for cell in self._step.replay}
        by_cell: dict[str, list[Statement]] = {}
        for item in taken:
            if item.cell.id not in replayed and not (item.cell.id in self._parameter_cells and item.binds <= assigned):
                by_cell.setdefault(item.cell.id, []).append(item)
        cells = {item.cell.id: item.cell for item in taken} | replayed
        found: list[Piece] = []
        for cell in sorted(cells.values(), key=lambda cell: cell.index):
            if cell.id in replayed:
                found.append(Piece(cell.label, runnable(cell)))
            elif cell.id in by_cell:
                found.append(Piece(cell.label, _at_their_lines(by_cell[cell.id])))
        return found

    def _cells(self) -> list[Piece]:
        return [Piece(cell.label, runnable(cell), own=True) for cell in self._step.cells if cell.source.strip()]

    def _doc(self) -> str:
        above = [cell for cell in self._graph.notebook.cells if cell.index < self._first]
        if not above or above[-1].kind != "markdown":
            return ""
        lines = (line.strip().lstrip("# ") for line in above[-1].source.splitlines())
        return next((line for line in lines if line), "")


def _as_it_runs(cell: Cell) -> Cell:
    try:
        return replace(cell, source=runnable(cell)) if cell.kind == "code" and cell.source.strip() else cell
    except NeedsShell:
        # No matter, as long as the step does not stand on it.
        return cell


def _in_order(statement: ast.stmt) -> list[str]:
    """Return the names that a statement binds, as they stand in it."""
    bound = bindings([statement]).names
    named = (node.id for node in ast.walk(statement) if isinstance(node, ast.Name))
    return list(dict.fromkeys([*(name for name in named if name in bound), *sorted(bound)]))


def _imported(source: str) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                found |= {alias.name for alias in names}
            case ast.ImportFrom(module=str(module)):
                found.add(module)
    return found


def _at_their_lines(statements: Sequence[Statement]) -> str:
    """Return the text of some statements of a cell, each at its line, so that a traceback names the notebook's."""
    text = statements[0].source.text
    lines = text.splitlines()
    written = [""] * len(lines)
    for item in statements:
        decorators = getattr(item.node, "decorator_list", [])
        first = min([item.node.lineno, *(node.lineno for node in decorators)])
        alone = ast.get_source_segment(text, item.node) or ast.unparse(item.node)
        if decorators:
            alone = "\n".join(lines[first - 1 : item.node.end_lineno])
        for number, line in enumerate(alone.splitlines(), first - 1):
            written[number] = f"{written[number]}; {line}" if written[number] else line
    return "\n".join(written).rstrip() + "\n"
