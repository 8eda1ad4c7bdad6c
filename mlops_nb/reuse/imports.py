"""The steps that a notebook imports, as far as its text says: `mlops_nb.step(…)` with plain arguments."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from mlops_nb.errors import MlopsNbError
from mlops_nb.notebook import read_notebook
from mlops_nb.reuse.installed import installed
from mlops_nb.reuse.taking import take
from mlops_nb.steps.names import read_flow
from mlops_nb.steps.source import to_python

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from mlops_nb.notebook import Cell
    from mlops_nb.reuse.component import Component
    from mlops_nb.steps import Step, StepGraph

_MODULE = "mlops_nb"
_FUNCTION = "step"
_ARGUMENTS = ("source", "name", "version")


@dataclass(frozen=True)
class StepImport:
    """A call of `mlops_nb.step`: where it stands, what it asks for, and its node, by which it is found again."""

    step: str
    cell: Cell
    line: int
    source: str
    name: str
    version: str
    node: ast.Call

    @property
    def key(self) -> str:
        """What keys and sentences call the imported step."""
        return f"{self.source}: {self.name}"

    @property
    def is_notebook(self) -> bool:
        """Say whether it is a step of a notebook, not of a package."""
        return self.source.endswith(".ipynb")


def imports_of(graph: StepGraph) -> tuple[StepImport, ...]:
    """Return the steps that a notebook's steps import, in its order."""
    return tuple(found for step in graph.steps for found in _of_step(step, _named_once(graph)))


def component_of(found: StepImport, folder: Path, path: Sequence[str] | None = None) -> tuple[Component, str]:
    """Return an imported step, and the version of its package.

    Parameters
    ----------
    found
        The import.
    folder
        The folder of the notebook that imports it.
    path
        Where that notebook's kernel finds packages; this process's folders when `None`.

    Raises
    ------
    MlopsNbError
        What `mlops_nb.step` would raise.
    """
    if not found.is_notebook:
        component, origin = installed(found.source, found.name, found.version, path)
        return component, origin.rpartition(" ")[2]
    place = folder / found.source
    try:
        stat = place.stat()
    except OSError:
        read_notebook(place)
        raise
    return _of_notebook(place, found.name, (stat.st_mtime_ns, stat.st_size, stat.st_ino)), ""


def digests(step: Step, graph: StepGraph, folder: Path, path: Sequence[str] | None = None) -> Mapping[str, str]:
    """Return what identifies each step that a step imports: its code, inputs, outputs and parameters."""
    found: dict[str, str] = {}
    for item in imports_of(graph):
        if item.step == step.name:
            try:
                component, version = component_of(item, folder, path)
                found[item.key] = f"{version} {component.digest}".strip()
            except MlopsNbError as error:
                found[item.key] = error.code
    return found


# A plan asks for each key, and so does the end of each step: the file is read again only when it has changed.
@lru_cache(maxsize=64)
def _of_notebook(place: Path, name: str, version: tuple[int, ...]) -> Component:
    del version
    return take(read_notebook(place), name)


def _named_once(graph: StepGraph) -> dict[str, str]:
    """Return what the names stand for that the notebook binds in one cell only, by an import."""
    cells = [cell for step in graph.steps for cell in step.cells if _MODULE in cell.source]
    if not cells:
        return {}
    binders = Counter(name for step in graph.steps for cell in step.cells for name in read_flow(cell)[0].defines)
    return {
        name: held
        for cell in cells
        for name, held in read_flow(cell)[0].aliases.items()
        if held in {_MODULE, f"{_MODULE}:{_FUNCTION}"} and (binders[name] == 1 or held == _MODULE)
    }


def _of_step(step: Step, names: Mapping[str, str]) -> Iterator[StepImport]:
    for cell in step.cells if names else ():
        if _FUNCTION not in cell.source:
            continue
        source = to_python(cell.source)
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Call) and _is_import(node.func, names):
                given = _arguments(node)
                if given is not None:
                    yield StepImport(step.name, cell, source.line(node.lineno), *given, node)


def _is_import(function: ast.expr, names: Mapping[str, str]) -> bool:
    match function:
        case ast.Name(id=name):
            return names.get(name) == f"{_MODULE}:{_FUNCTION}"
        case ast.Attribute(value=ast.Name(id=name), attr="step"):
            return names.get(name) == _MODULE
    return False


def _arguments(node: ast.Call) -> tuple[str, str, str] | None:
    """Return source, name and version, when all that is given is plain text."""
    given: dict[str, ast.expr] = dict(zip(_ARGUMENTS, node.args, strict=False))
    given |= {str(keyword.arg): keyword.value for keyword in node.keywords}
    if not {"source", "name"} <= given.keys() <= set(_ARGUMENTS) or len(node.args) > len(_ARGUMENTS) - 1:
        return None
    told = {name: value.value for name, value in given.items() if isinstance(value, ast.Constant)}
    plain = {name: value for name, value in told.items() if isinstance(value, str)}
    return (plain["source"], plain["name"], plain.get("version", "")) if plain.keys() == given.keys() else None
